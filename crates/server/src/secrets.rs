//! What of the configuration nobody should see: found by name, replaced where it is printed, refused where what was
//! printed is read back. Secrets belong into the environment; some can stand in the file, and some will.
use anyhow::{Result, bail};
use figment::error::{Actual, Kind};
use serde_json::Value as Json;
use toml_edit::{Item, TableLike, Value};

use crate::config::Config;

/// Stands in the place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Words in a key that say what its value is.
const SECRET_WORDS: [&str; 11] = [
    "apikey",
    "auth",
    "authorization",
    "cookie",
    "credential",
    "credentials",
    "passphrase",
    "passwd",
    "password",
    "secret",
    "token",
];
/// Headers whose values are no secrets. Of all others nobody knows.
const PLAIN_HEADERS: [&str; 6] =
    ["accept", "accept-encoding", "accept-language", "cache-control", "content-type", "user-agent"];
/// Tables and lists that secrets may stand in; a wrong value in them is not repeated.
const CLOSED: [&str; 6] = ["args", "body", "extra_body", "headers", "ice_servers", "query"];
/// Where a password of an address belongs, by section.
const PLACES: [(&str, &str); 5] = [
    ("telemetry", "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or OTEL_EXPORTER_OTLP_HEADERS"),
    ("llm", "set OPENAI_API_KEY"),
    ("judge", "set VOCE_JUDGE_API_KEY"),
    ("knowledge", "set QDRANT_API_KEY"),
    ("tools", "put it into headers, as $NAME of an environment variable"),
];

/// Replaces secrets in a configuration that is about to be printed.
pub fn hide(table: &mut dyn TableLike) {
    hide_entries(table, &mut vec![]);
}

fn hide_entries(table: &mut dyn TableLike, path: &mut Vec<String>) {
    for (key, item) in table.iter_mut() {
        path.push(key.get().to_owned());
        match item {
            Item::Value(value) => hide_value(value, path),
            Item::Table(inner) => hide_entries(inner, path),
            Item::ArrayOfTables(tables) => tables.iter_mut().for_each(|inner| hide_entries(inner, path)),
            Item::None => {}
        }
        path.pop();
    }
}

fn hide_value(value: &mut Value, path: &mut Vec<String>) {
    match value {
        Value::InlineTable(inner) => hide_entries(inner, path),
        Value::Array(values) => {
            let mut before = String::new();
            for value in values.iter_mut() {
                let text = value.as_str().unwrap_or_default().to_owned();
                match hidden_argument(path, &before, &text) {
                    Some(instead) => *value = Value::from(instead),
                    None => hide_value(value, path),
                }
                before = text;
            }
        }
        Value::String(text) => {
            if let Some(instead) = hidden(path, text.value()) {
                *value = Value::from(instead);
            }
        }
        _ => {}
    }
}

/// What is printed in the place of `text`, if it is a secret or holds one.
fn hidden(path: &[String], text: &str) -> Option<String> {
    let key = path.last()?;
    if text.is_empty() {
        return None;
    }
    if path.iter().rev().nth(1).is_some_and(|table| table == "headers") {
        let is_plain = has_variable(text) || PLAIN_HEADERS.contains(&key.to_ascii_lowercase().as_str());
        return (!is_plain).then(|| REDACTED.to_owned());
    }
    let is_request = path.iter().any(|key| key == "query" || key == "body");
    if sounds_secret(key, is_request) {
        return Some(REDACTED.to_owned());
    }
    hidden_in_address(text)
}

/// The same for an argument of a program: `--token X` and `--token=X`.
fn hidden_argument(path: &[String], before: &str, text: &str) -> Option<String> {
    if path.last().is_none_or(|key| key != "args") || text.is_empty() {
        return None;
    }
    if before.starts_with('-') && !before.contains('=') && sounds_secret(before, true) {
        return Some(REDACTED.to_owned());
    }
    let (name, _) = text.split_once('=')?;
    sounds_secret(name, true).then(|| format!("{name}={REDACTED}"))
}

/// Name, password and secret fields of an address.
fn hidden_in_address(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let host = match authority.rsplit_once('@') {
        Some((_, host)) => format!("{REDACTED}@{host}"),
        None => authority.to_owned(),
    };
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let fields: Vec<String> = query
        .split('&')
        .map(|field| match field.split_once('=') {
            Some((name, value)) if !value.is_empty() && sounds_secret(name, true) => {
                format!("{name}={REDACTED}")
            }
            _ => field.to_owned(),
        })
        .collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", fields.join("&")) };
    let shown = format!("{scheme}://{host}{path}{query}");
    (shown.contains(REDACTED) && shown != text).then_some(shown)
}

/// Whether a key of that name holds a secret. In a request, what ends in "key" is one too.
fn sounds_secret(key: &str, is_request: bool) -> bool {
    let key = key.to_ascii_lowercase();
    let words: Vec<&str> =
        key.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.iter().any(|word| SECRET_WORDS.contains(word))
        || words.ends_with(&["api", "key"])
        || (is_request && words.last().is_some_and(|word| word.ends_with("key") || *word == "signature"))
}

/// `$NAME` is replaced by what the environment holds, so it tells nothing.
fn has_variable(text: &str) -> bool {
    text.split('$')
        .skip(1)
        .any(|rest| rest.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_'))
}

/// Refuses what `voce config` printed in the place of secrets, and addresses with passwords: those are shown on pages,
/// in logs and in traces.
///
/// # Errors
/// Names the key and where its secret belongs.
pub fn check(config: &Config) -> Result<()> {
    check_value(&serde_json::to_value(config)?, "")
}

fn check_value(value: &Json, path: &str) -> Result<()> {
    match value {
        Json::Object(fields) => {
            for (key, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                check_value(value, &format!("{path}{dot}{key}"))?;
            }
        }
        Json::Array(values) => {
            for (place, value) in values.iter().enumerate() {
                check_value(value, &format!("{path}[{place}]"))?;
            }
        }
        Json::String(text) => check_text(text, path)?,
        _ => {}
    }
    Ok(())
}

fn check_text(text: &str, path: &str) -> Result<()> {
    let is_marked = text == REDACTED
        || text.ends_with(&format!("={REDACTED}"))
        || (text.contains("://") && text.contains(REDACTED));
    if is_marked {
        bail!(
            "{path}: {REDACTED} is what `voce config` prints in the place of secrets; put the secret itself there"
        );
    }
    let in_variant = path.strip_prefix("variants.").and_then(|rest| rest.split_once('.'));
    let section = in_variant.map_or(path, |(_, rest)| rest);
    let place = PLACES.iter().find(|(name, _)| section.starts_with(&format!("{name}.")));
    let Some((_, instead)) = place else { return Ok(()) };
    let Some((scheme, rest)) = text.split_once("://") else { return Ok(()) };
    let is_address =
        scheme.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '+' || letter == '-');
    let authority = rest.split(['/', '?', '#', ' ', '\n']).next().unwrap_or_default();
    if is_address && authority.contains('@') {
        bail!(
            "{path}: an address must not hold a name or a password, as it is shown in logs and traces; {instead}"
        );
    }
    Ok(())
}

/// What is wrong with a value, in figment's words, without the value where it may be a secret.
pub fn said(kind: &Kind, path: &[String]) -> String {
    let is_closed = path.iter().any(|key| CLOSED.contains(&key.as_str()) || sounds_secret(key, false));
    match kind {
        Kind::InvalidType(Actual::Str(_) | Actual::Other(_), expected) if is_closed => {
            format!("invalid type: found a string (not shown here), expected {expected}")
        }
        Kind::InvalidValue(Actual::Str(_) | Actual::Other(_), expected) if is_closed => {
            format!("invalid value: found a string (not shown here), expected {expected}")
        }
        // TOML's errors show the line.
        Kind::Message(text) => text.lines().filter(|line| !shows_secret(line)).collect::<Vec<_>>().join("\n"),
        other => other.to_string(),
    }
}

/// Whether a line of a file that an error shows may hold a secret.
fn shows_secret(line: &str) -> bool {
    let Some((_, code)) = line.split_once('|') else { return false };
    let mut words =
        code.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != '-');
    words.any(|word| CLOSED.contains(&word) || sounds_secret(word, true))
        || (code.contains("://") && code.contains('@'))
}

#[cfg(test)]
mod tests {
    use toml_edit::DocumentMut;

    use super::*;

    fn hide_text(text: &str) -> String {
        let mut document: DocumentMut = text.parse().unwrap();
        hide(document.as_table_mut());
        document.to_string()
    }

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        let text = hide_text(
            r#"
[[transport.ice_servers]]
urls = ["turn:turn.example.org"]
username = "ann"
credential = "s3cret-1"
[[tools.http]]
url = "https://api.example.com/v1?units=metric&api_key=s3cret-2"
headers = { accept = "application/json", x-unknown = "s3cret-3", authorization = "Bearer $NAME" }
query = { key = "s3cret-4", city = "{city}" }
[[tools.mcp]]
args = ["--token", "s3cret-5", "--api-key=s3cret-6", "--verbose", "shop"]
[llm]
tokenizer = "a-model"
[llm.extra_body]
api_key = "s3cret-7"
[[telemetry.sinks]]
url = "https://ann:s3cret-8@mlflow.example.org/path"
[variants.calm.llm.extra_body]
password = "s3cret-9"
[server.tls]
key = "/etc/voce/key.pem"
"#,
        );
        assert!(!text.contains("s3cret"), "{text}");
        for kept in [
            "turn:turn.example.org",
            "username = \"ann\"",
            "units=metric&api_key=[redacted]",
            "application/json",
            "Bearer $NAME",
            "{city}",
            "\"--api-key=[redacted]\"",
            "\"--verbose\"",
            "\"shop\"",
            "a-model",
            "https://[redacted]@mlflow.example.org/path",
            "/etc/voce/key.pem",
        ] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
    }

    #[test]
    fn what_was_hidden_is_refused_when_it_is_read() {
        for (text, key) in [
            (
                "[[transport.ice_servers]]\nurls = []\ncredential = \"[redacted]\"",
                "transport.ice_servers[0].credential",
            ),
            (
                "[variants.calm.llm.extra_body]\napi_key = \"[redacted]\"",
                "variants.calm.llm.extra_body.api_key",
            ),
            ("[[telemetry.sinks]]\nurl = \"https://[redacted]@host\"", "telemetry.sinks[0].url"),
        ] {
            let config: Config = toml::from_str(text).unwrap();
            let error = check(&config).unwrap_err().to_string();
            assert!(error.starts_with(key) && error.contains("voce config"), "{error}");
        }
        check(&Config::default()).unwrap();
    }

    #[test]
    fn an_address_with_a_password_is_refused_without_repeating_it() {
        for (text, instead) in [
            ("[[telemetry.sinks]]\nurl = \"https://ann:pw9@mlflow.example.org\"", "MLFLOW_TRACKING_PASSWORD"),
            ("[llm]\nbase_url = \"http://ann:pw9@host/v1\"", "OPENAI_API_KEY"),
            ("[variants.calm.llm]\nbase_url = \"http://ann:pw9@host/v1\"", "OPENAI_API_KEY"),
            ("[knowledge]\nurl = \"http://ann:pw9@host:6334\"", "QDRANT_API_KEY"),
        ] {
            let config: Config = toml::from_str(text).unwrap();
            let error = check(&config).unwrap_err().to_string();
            assert!(error.contains(instead) && !error.contains("pw9"), "{error}");
        }
    }

    #[test]
    fn errors_do_not_repeat_secrets() {
        let path = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<_>>();
        let wrong = Kind::InvalidType(Actual::Str("s3cret".into()), "a sequence".into());
        assert!(!said(&wrong, &path("transport.ice_servers")).contains("s3cret"));
        assert!(said(&wrong, &path("listening.soft_end_ms")).contains("s3cret"));
        let line = "TOML parse error at line 2, column 14\n  |\n2 | credential = \"s3cret\n  |  ^\ninvalid basic string";
        let shown = said(&Kind::Message(line.into()), &[]);
        assert!(
            !shown.contains("s3cret") && shown.contains("line 2") && shown.ends_with("invalid basic string")
        );
        let line =
            "TOML parse error at line 2, column 14\n  |\n2 | listen = \"x\n  |  ^\ninvalid basic string";
        assert_eq!(said(&Kind::Message(line.into()), &[]), line);
    }
}
