//! Variants under test: configurations that share the calls, so that they can be compared. Which call gets which is
//! decided once, by who calls.
mod assign;
mod assistants;

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail, ensure};
use figment::{
    Figment, Metadata, Profile, Provider,
    providers::Serialized,
    value::{Dict, Map},
};
use serde::{Deserialize, Serialize};

use crate::config::{Config, explain};

pub use assistants::{Assistants, Running};

/// What a variant may change. All else is one for the whole process.
const CHANGEABLE: [&str; 11] = [
    "assistant",
    "context",
    "interruption",
    "knowledge",
    "listening",
    "llm",
    "patience",
    "stt",
    "tools",
    "tts",
    "turn",
];
/// The longest name, characters. It is a label of every metric.
const LONGEST_NAME: usize = 40;

/// `[variants.NAME]`: a configuration under test. What stands in it lies over the rest of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariantConfig {
    /// Its share of the calls, in proportion to the weights of the others. 0: none, and nothing is loaded for it.
    #[serde(default = "one")]
    pub weight: f64,
    /// Any of the sections `assistant`, `listening`, `interruption`, `patience`, `context`, `turn`, `stt`, `knowledge`, `llm`,
    /// `tools` and `tts`, with the keys that differ.
    #[serde(flatten)]
    pub changes: toml::Table,
}

fn one() -> f64 {
    1.0
}

/// One configuration that takes calls.
#[derive(Clone, Debug)]
pub struct Variant {
    /// What it is called in traces and metrics.
    pub name: String,
    /// In proportion to the others'.
    pub weight: f64,
    /// The whole of it, `assistant.variant` included.
    pub config: Config,
}

/// The variants of a configuration by name; without any, the configuration itself. Those of weight 0 are checked and
/// left out.
///
/// # Errors
/// Names what is wrong by variant and key.
pub fn of(config: &Config) -> Result<Vec<Variant>> {
    if config.variants.is_empty() {
        let name = config.assistant.variant.clone();
        return Ok(vec![Variant { name, weight: 1.0, config: config.clone() }]);
    }
    let mut variants = vec![];
    for (name, variant) in &config.variants {
        let is_plain = |one: char| one.is_ascii_alphanumeric() || one == '-' || one == '_';
        ensure!(
            !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(is_plain),
            "variants.{name}: expected a name of 1 to {LONGEST_NAME} letters, digits, - and _"
        );
        let weight = variant.weight;
        ensure!(
            weight.is_finite() && weight >= 0.0,
            "variants.{name}.weight: {weight} is no share of the calls; expected 0 or more"
        );
        variants.push(Variant {
            name: name.clone(),
            weight,
            config: changed(config, name, &variant.changes)?,
        });
    }
    variants.retain(|variant| variant.weight > 0.0);
    ensure!(!variants.is_empty(), "variants: all weights are 0, so none could take a call; raise one");
    Ok(variants)
}

/// The variant for a call: the same for every call of a user, as long as the variants are the same.
pub fn of_call(config: &Config, user: Option<&str>, call: &str) -> Result<Variant> {
    let mut variants = of(config)?;
    let weights: Vec<(&str, f64)> = variants.iter().map(|one| (one.name.as_str(), one.weight)).collect();
    let place = assign::choose(&weights, user.unwrap_or(call)).context("no variant takes calls")?;
    Ok(variants.swap_remove(place))
}

/// Name, weight and share of the calls, for people.
pub fn lines(config: &Config) -> Vec<String> {
    let sum: f64 = config.variants.values().map(|variant| variant.weight).sum();
    let line = |(name, variant): (&String, &VariantConfig)| {
        let weight = variant.weight;
        let changes: Vec<&str> = variant.changes.keys().map(String::as_str).collect();
        let changes = if changes.is_empty() { "nothing".to_owned() } else { changes.join(", ") };
        format!("{name}: weight {weight}, {:.0} % of the calls; changes {changes}", 100.0 * weight / sum)
    };
    config.variants.iter().map(line).collect()
}

/// The configuration with a variant's changes in it, read as strictly as the configuration itself.
fn changed(config: &Config, name: &str, changes: &toml::Table) -> Result<Config> {
    let place = format!("variants.{name}");
    if let Some(key) = changes.keys().find(|key| !CHANGEABLE.contains(&key.as_str())) {
        bail!(
            "{place}.{key}: a variant can change {} and has a weight; all else is the same for every call",
            CHANGEABLE.join(", ")
        );
    }
    if changes.get("assistant").is_some_and(|assistant| assistant.get("variant").is_some()) {
        bail!("{place}.assistant.variant: a variant goes by its own name, {name:?}; leave the key out");
    }
    let base = Config { variants: BTreeMap::new(), ..config.clone() };
    let figment = Figment::from(Serialized::defaults(base)).merge(Changes(changes));
    let mut changed: Config = figment.extract().map_err(|error| anyhow!("{}", explain(error, &place)))?;
    changed.assistant.variant = name.to_owned();
    Ok(changed)
}

/// A variant's keys as a source of settings.
struct Changes<'a>(&'a toml::Table);

impl Provider for Changes<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named("a variant")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Serialized::defaults(self.0).data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        toml::from_str(text).expect("a configuration")
    }

    fn refused(text: &str) -> String {
        of(&config(text)).expect_err("it should be refused").to_string()
    }

    #[test]
    fn without_variants_the_configuration_is_the_only_one() {
        let config = config("[assistant]\nvariant = \"spring\"");
        let variants = of(&config).expect("one");
        assert_eq!((variants.len(), variants[0].name.as_str()), (1, "spring"));
        assert_eq!(variants[0].config, config);
    }

    #[test]
    fn a_variant_lies_over_the_configuration_and_changes_nothing_else() {
        let config = config(
            "[tts]\nspeed = 1.1\n[llm.extra_body]\ntop_k = 4\n[variants.plain]\n[variants.calm]\nweight = 3\n\
             [variants.calm.tts]\nvoice = \"bf_emma\"\n[variants.calm.llm.extra_body]\nseed = 7",
        );
        let variants = of(&config).expect("two");
        let (calm, plain) = (&variants[0], &variants[1]);
        assert_eq!((calm.name.as_str(), calm.weight, plain.weight), ("calm", 3.0, 1.0));
        assert_eq!(calm.config.assistant.variant, "calm");
        assert_eq!((calm.config.tts.voice.as_str(), calm.config.tts.speed), ("bf_emma", 1.1));
        assert_eq!(calm.config.llm.extra_body.len(), 2);
        // Equal sections share an engine, so they must be equal to the last digit.
        let mut expected = config.clone();
        expected.variants.clear();
        expected.assistant.variant = "plain".into();
        assert_eq!(plain.config, expected);
        assert_eq!(lines(&config)[0], "calm: weight 3, 75 % of the calls; changes llm, tts");
    }

    #[test]
    fn what_is_wrong_is_named_by_variant_and_key() {
        for (text, expected) in [
            ("[variants.calm.tts]\nvioce = \"bf_emma\"", ["variants.calm.tts", "vioce", "voice"]),
            (
                "[variants.calm.listening]\nsoft_end_ms = \"soon\"",
                ["variants.calm.listening", "soft_end_ms", "soon"],
            ),
            ("[variants.calm.server]\nlisten = \"x\"", ["variants.calm.server", "can change", "tts"]),
            (
                "[variants.calm.assistant]\nvariant = \"x\"",
                ["variants.calm.assistant.variant", "own name", "calm"],
            ),
            ("[variants.calm]\nweight = -1", ["variants.calm.weight", "-1", "0 or more"]),
            ("[variants.calm]\nweight = 0", ["variants", "all weights are 0", "raise one"]),
            ("[variants.\"a b\"]", ["variants.a b", "letters", "digits"]),
        ] {
            let error = refused(text);
            assert!(expected.iter().all(|part| error.contains(part)), "{text}: {error}");
        }
    }
}
