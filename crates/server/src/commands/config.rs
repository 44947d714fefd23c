//! `voce config`: the default file with its comments, and the values that are in force.
use anyhow::{Context, Result};
use toml_edit::{DocumentMut, Item, Table, Value};

use crate::{
    config::{Config, DEFAULT_TOML},
    secrets,
};

pub fn run(config: &Config) -> Result<()> {
    print!("{}", render(config)?);
    Ok(())
}

fn render(config: &Config) -> Result<String> {
    let mut document: DocumentMut = DEFAULT_TOML.parse().context("config/default.toml")?;
    let mut effective: DocumentMut = toml::to_string(config)?.parse()?;
    secrets::hide(effective.as_table_mut());
    overlay(document.as_table_mut(), effective.as_table());
    Ok(document.to_string())
}

/// Puts the effective values into the commented document; what differs from the default says so.
fn overlay(document: &mut Table, effective: &Table) {
    for (key, item) in effective {
        match (document.get_mut(key), item) {
            (Some(Item::Table(inner)), Item::Table(values)) => overlay(inner, values),
            (Some(Item::Value(shown)), Item::Value(value)) => {
                if bare(shown) != bare(value) {
                    let mut changed = value.clone();
                    let default = bare(shown);
                    changed.decor_mut().set_prefix(" ");
                    changed.decor_mut().set_suffix(format!(" # default: {default}"));
                    *shown = changed;
                }
            }
            (Some(Item::ArrayOfTables(shown)), Item::ArrayOfTables(values)) => {
                if shown.to_string() != values.to_string() {
                    document.insert(key, item.clone());
                }
            }
            (_, item) => drop(document.insert(key, item.clone())),
        }
    }
}

fn bare(value: &Value) -> String {
    value.clone().decorated("", "").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_value_shows_its_default() {
        let mut config = Config::default();
        config.server.listen = "0.0.0.0:80".into();
        let text = render(&config).unwrap();
        assert!(text.contains("listen = \"0.0.0.0:80\" # default: \"127.0.0.1:8080\""), "{text}");
    }

    #[test]
    fn secrets_are_not_printed_and_defaults_hold_none() {
        assert!(!render(&Config::default()).unwrap().contains(secrets::REDACTED));
        let mut config = Config::default();
        config.transport.ice_servers.push(voce_transport::IceServer {
            urls: vec!["turn:turn.example.org".into()],
            username: Some("ann".into()),
            credential: Some("s3cret".into()),
        });
        let text = render(&config).unwrap();
        assert!(!text.contains("s3cret") && text.contains("credential = \"[redacted]\""), "{text}");
    }

    #[test]
    fn what_is_printed_can_be_read_back() {
        let mut config = Config::default();
        config.listening.soft_end_ms = 250;
        let calm = "weight = 2.0\n[tts]\nvoice = 'bf_emma'\n[llm.extra_body]\nseed = 7";
        config.variants.insert("calm".into(), toml::from_str(calm).unwrap());
        for example in [
            include_str!("../../../../config/examples/weather.toml"),
            include_str!("../../../../config/examples/mcp-shop/shop.toml"),
        ] {
            let example: Config = toml::from_str(example).unwrap();
            config.tools.http.extend(example.tools.http);
            config.tools.mcp.extend(example.tools.mcp);
        }
        let read: Config = toml::from_str(&render(&config).unwrap()).unwrap();
        assert_eq!(read, config);
    }
}
