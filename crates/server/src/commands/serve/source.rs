//! Where the configuration of a running server comes from, and what of a changed one it can take.
use std::time::Duration;

use anyhow::Result;

use crate::{
    cli::{ConfigArgs, ServeArgs},
    config::{Config, ServerConfig},
};

/// File, environment and command line, to be read again.
pub struct Source {
    args: ConfigArgs,
    listen: Option<String>,
}

impl Source {
    pub fn new(args: ConfigArgs, serve: ServeArgs) -> Self {
        Self { args, listen: serve.listen }
    }

    /// The same with what the command itself was told.
    pub fn completed(&self, mut config: Config) -> Config {
        if let Some(listen) = &self.listen {
            config.server.listen.clone_from(listen);
        }
        config
    }

    /// Reads it all again.
    pub fn read(&self) -> Result<Config> {
        Ok(self.completed(Config::load(&self.args)?))
    }
}

/// What a server that runs with `running` can take of `fresh`, and the keys that it cannot take before a restart.
pub fn takable(running: &Config, fresh: &Config) -> (Config, Vec<String>) {
    // HTTPS cannot begin or end on an open port; other files can take the place of those that are there.
    let has_tls = |config: &Config| config.server.tls.certificate.is_some();
    let tls = if has_tls(running) == has_tls(fresh) { &fresh.server.tls } else { &running.server.tls };
    let wanted = Config {
        server: ServerConfig {
            drain_seconds: fresh.server.drain_seconds,
            close_seconds: fresh.server.close_seconds,
            tls: tls.clone(),
            ..running.server.clone()
        },
        memory: running.memory.clone(),
        models: running.models.clone(),
        runtime: running.runtime.clone(),
        transport: running.transport.clone(),
        inspector: running.inspector.clone(),
        telemetry: running.telemetry.clone(),
        judge: running.judge.clone(),
        ..fresh.clone()
    };
    let left = differing(&wanted, fresh);
    (wanted, left)
}

/// The keys in which two configurations differ, as `section.key`.
pub fn differing(one: &Config, other: &Config) -> Vec<String> {
    let table = |config: &Config| toml::Table::try_from(config).unwrap_or_default();
    let (one, other) = (table(one), table(other));
    let mut keys = vec![];
    for section in one.keys().chain(other.keys().filter(|key| !one.contains_key(*key))) {
        let inner = |table: &toml::Table| {
            table.get(section).and_then(toml::Value::as_table).cloned().unwrap_or_default()
        };
        let (one, other) = (inner(&one), inner(&other));
        let names = one.keys().chain(other.keys().filter(|key| !one.contains_key(*key)));
        keys.extend(
            names.filter(|key| one.get(*key) != other.get(*key)).map(|key| format!("{section}.{key}")),
        );
    }
    keys.sort();
    keys
}

/// How long running calls may go on, and how long the end may take after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    pub drain: Duration,
    pub close: Duration,
}

impl Deadlines {
    pub fn of(config: &Config) -> Self {
        Self {
            drain: Duration::from_secs(config.server.drain_seconds),
            close: Duration::from_secs(config.server.close_seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        toml::from_str(text).expect("a configuration")
    }

    #[test]
    fn what_a_running_server_can_take_is_taken_and_the_rest_is_named() {
        let running = config("[server]\nlisten = \"127.0.0.1:1\"");
        let fresh = config(
            "[server]\nlisten = \"127.0.0.1:2\"\ndrain_seconds = 7\n[server.tls]\ncertificate = \"a\"\nkey = \"b\"\n\
             [assistant]\ngreeting = \"Hi.\"\n[tts]\nvoice = \"bf_emma\"\n[transport]\nmax_calls = 3\n\
             [admission]\nenabled = false\n[variants.calm]\n[variants.calm.tts]\nspeed = 0.9",
        );
        let (wanted, left) = takable(&running, &fresh);
        assert_eq!(left, ["server.listen", "server.tls", "transport.max_calls"]);
        assert_eq!(wanted.server.listen, "127.0.0.1:1");
        assert_eq!((wanted.server.drain_seconds, wanted.assistant.greeting.as_str()), (7, "Hi."));
        assert_eq!((wanted.tts.voice.as_str(), wanted.admission.enabled), ("bf_emma", false));
        assert_eq!(wanted.variants, fresh.variants);
        assert_eq!(
            differing(&running, &wanted),
            ["admission.enabled", "assistant.greeting", "server.drain_seconds", "tts.voice", "variants.calm"]
        );
    }

    #[test]
    fn other_files_of_a_certificate_are_taken() {
        let tls =
            |name: &str| config(&format!("[server.tls]\ncertificate = \"{name}.crt\"\nkey = \"{name}.key\""));
        let (wanted, left) = takable(&tls("old"), &tls("new"));
        assert_eq!((wanted.server.tls, left.len()), (tls("new").server.tls, 0));
    }
}
