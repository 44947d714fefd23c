//! The configuration: every part's own struct, put together; file, then environment, then `--set`.
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use figment::{
    Figment,
    providers::{Env, Format, Serialized, Toml},
};
use serde::{Deserialize, Serialize};

use crate::{
    cli::ConfigArgs,
    secrets,
    variants::{self, VariantConfig},
};

/// Equal to [`Config::default`], with a comment on every key; held by a test.
pub const DEFAULT_TOML: &str = include_str!("../../../config/default.toml");

/// Everything that can be set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub server: ServerConfig,
    pub access: crate::access::AccessConfig,
    pub admission: crate::admission::AdmissionConfig,
    pub assistant: voce_pipeline::AssistantConfig,
    pub listening: voce_pipeline::ListeningConfig,
    pub interruption: voce_pipeline::InterruptionConfig,
    pub patience: voce_pipeline::PatienceConfig,
    pub context: voce_pipeline::ContextConfig,
    pub memory: crate::memory::MemoryConfig,
    pub models: voce_models::Config,
    pub runtime: voce_models::RuntimeConfig,
    pub turn: voce_turn::Config,
    pub stt: voce_stt::Config,
    pub knowledge: voce_rag::Config,
    pub llm: voce_llm::Config,
    pub tools: voce_tools::Config,
    pub tts: voce_tts::Config,
    pub transport: voce_transport::Config,
    pub inspector: crate::inspector::InspectorConfig,
    pub telemetry: voce_telemetry::Config,
    pub judge: voce_judge::Config,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variants: BTreeMap<String, VariantConfig>,
}

/// `[server]`: where the page and its API are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Address and port of the page and its API.
    pub listen: String,
    /// Address and port of /health, /ready and /metrics, for a network of their own. Unset: they stand beside the page, and
    /// /metrics needs a key where the page needs one.
    pub operations_listen: Option<String>,
    /// How long running calls may go on after SIGTERM, while no new ones are taken, seconds. Ctrl-C does not wait.
    pub drain_seconds: u64,
    /// How long farewells and unfinished requests may take after that, seconds.
    pub close_seconds: u64,
    /// HTTPS for `listen`.
    pub tls: TlsConfig,
}

/// `[server.tls]`: HTTPS. Both files or neither.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// File of the certificate with its chain, PEM. Read again when it changes.
    pub certificate: Option<PathBuf>,
    /// File of its private key, PEM.
    pub key: Option<PathBuf>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            operations_listen: None,
            drain_seconds: 300,
            close_seconds: 5,
            tls: TlsConfig::default(),
        }
    }
}

impl Config {
    /// Reads the configuration. The error names the key, where it came from and what would be right.
    pub fn load(args: &ConfigArgs) -> Result<Self> {
        let mut figment = Figment::from(Serialized::defaults(Self::of_this_machine()));
        if let Some(file) = file(args)? {
            figment = figment.merge(Toml::file_exact(file));
        }
        // Only keys within a section: VOCE_MODELS and the like are not settings.
        let nested = Env::prefixed("VOCE_").filter(|key| key.as_str().contains("__")).split("__");
        figment = figment.merge(nested);
        for assignment in &args.set {
            figment = figment.merge(Toml::string(&toml_of(assignment)?));
        }
        let config: Self =
            figment.extract().map_err(|error| anyhow!("configuration: {}", explain(error, "")))?;
        secrets::check(&config).context("configuration")?;
        variants::of(&config).context("configuration")?;
        Ok(config)
    }
}

impl Config {
    /// The defaults, with the MLflow that this machine's other programs use.
    fn of_this_machine() -> Self {
        let mut config = Self::default();
        if let Some(uri) = std::env::var("MLFLOW_TRACKING_URI").ok().filter(|uri| uri.starts_with("http")) {
            config.telemetry.sinks.iter_mut().for_each(|sink| sink.url.clone_from(&uri));
        }
        config
    }
}

/// The file to read, if any.
fn file(args: &ConfigArgs) -> Result<Option<PathBuf>> {
    if let Some(path) = &args.config {
        if !path.is_file() {
            bail!("configuration file {} is not there; check --config or VOCE_CONFIG", path.display());
        }
        return Ok(Some(path.clone()));
    }
    let here = Path::new("voce.toml");
    Ok(here.is_file().then(|| here.to_path_buf()))
}

/// One `--set` as a TOML document. What is no TOML value is taken as a string.
fn toml_of(assignment: &str) -> Result<String> {
    let (key, value) = assignment
        .split_once('=')
        .with_context(|| format!("--set {assignment}: expected KEY=VALUE, e.g. --set stt.engine=parakeet"))?;
    let plain = format!("{key} = {value}");
    if toml::from_str::<toml::Table>(&plain).is_ok() {
        return Ok(plain);
    }
    let quoted = format!("{key} = {}", toml::Value::String(value.to_owned()));
    toml::from_str::<toml::Table>(&quoted)
        .with_context(|| format!("--set {assignment}: {key} is not a key"))?;
    Ok(quoted)
}

/// The error with the place it came from; `within` is the section that all of it stands in, if there is one.
pub fn explain(error: figment::Error, within: &str) -> String {
    error
        .into_iter()
        .map(|error| {
            let key = [within].into_iter().filter(|within| !within.is_empty());
            let key = key.chain(error.path.iter().map(String::as_str)).collect::<Vec<_>>().join(".");
            let metadata = error.metadata.as_ref().filter(|_| within.is_empty());
            let source = metadata.map_or_else(String::new, |metadata| match &metadata.source {
                Some(source) => format!(" (from {source})"),
                None => format!(" (from {})", metadata.name),
            });
            let place = if key.is_empty() { String::new() } else { format!("{key}: ") };
            format!(
                "{place}{}{source}; `voce config` explains every key",
                secrets::said(&error.kind, &error.path)
            )
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(set: &[&str]) -> ConfigArgs {
        ConfigArgs { config: None, set: set.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn the_default_file_equals_the_defaults() {
        let file: Config = toml::from_str(DEFAULT_TOML).unwrap();
        assert_eq!(file, Config::default());
    }

    #[test]
    fn every_key_stands_in_the_default_file() {
        let defaults = toml::Table::try_from(Config::default()).unwrap();
        let file: toml::Table = toml::from_str(DEFAULT_TOML).unwrap();
        for (section, keys) in &defaults {
            for key in keys.as_table().unwrap().keys() {
                assert!(file[section].as_table().unwrap().contains_key(key), "{section}.{key} is missing");
            }
        }
    }

    #[test]
    fn a_set_value_wins_and_needs_no_quotes() {
        let config =
            Config::load(&args(&["server.listen=127.0.0.1:9", "listening.soft_end_ms=250"])).unwrap();
        assert_eq!(config.server.listen, "127.0.0.1:9");
        assert_eq!(config.listening.soft_end_ms, 250);
    }

    #[test]
    fn a_misspelt_key_is_named() {
        let error = Config::load(&args(&["listening.soft_edn_ms=250"])).unwrap_err().to_string();
        assert!(error.contains("soft_edn_ms") && error.contains("soft_end_ms"), "{error}");
    }

    #[test]
    fn a_wrong_type_is_named() {
        let error = Config::load(&args(&["listening.soft_end_ms=soon"])).unwrap_err().to_string();
        assert!(error.contains("soft_end_ms"), "{error}");
    }
}
