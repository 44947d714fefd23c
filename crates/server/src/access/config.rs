//! `[access]`: who may use the server.
use std::{collections::BTreeMap, path::PathBuf};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Settings of the door.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessConfig {
    /// elsewhere: a key or a token is needed unless the server listens on loopback alone. always. never: anybody who
    /// reaches the server may talk.
    pub required: Required,
    /// A file of API keys, one `NAME KEY` a line, read again on SIGHUP. More may stand in the environment variable
    /// VOCE_API_KEYS as `NAME=KEY`, separated by commas. `voce key NAME` makes one.
    pub keys_file: Option<PathBuf>,
    /// How long a session token holds, seconds. Tokens are signed with the environment variable VOCE_TOKEN_SECRET, which
    /// servers behind one address share; without it with a secret of this process.
    pub token_seconds: u64,
    /// How long a token can be renewed, from the sign-in by a key, seconds. 0: for as long as its key is known.
    pub session_seconds: u64,
    /// Origins of other sites whose pages may call, e.g. https://www.example.org; `*`: all. The server's own page always may.
    pub origins: Vec<String>,
    /// Calls at the same time for one key. 0: as many as the server takes.
    pub max_calls_per_key: usize,
    /// Calls that one key, or one address where no key is needed, may begin in a minute. 0: any number.
    pub calls_per_minute: u32,
    /// Requests of one key, or one address where no key is needed, in a minute. 0: any number.
    pub requests_per_minute: u32,
    /// Networks of the proxies in front of the server, whose `X-Forwarded-For` says who really asks.
    pub trusted_proxies: Vec<IpNet>,
    /// Other limits for single keys, by the key's name.
    pub keys: BTreeMap<String, KeyLimits>,
}

/// When a caller has to say who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Required {
    /// Unless the server listens on loopback alone.
    #[default]
    Elsewhere,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// `[access.keys.NAME]`: limits of one key in place of those of all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KeyLimits {
    /// Calls at the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_calls: Option<usize>,
    /// Calls begun in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls_per_minute: Option<u32>,
    /// Requests in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
}

impl Default for AccessConfig {
    fn default() -> Self {
        Self {
            required: Required::Elsewhere,
            keys_file: None,
            token_seconds: 600,
            session_seconds: 43_200,
            origins: Vec::new(),
            max_calls_per_key: 0,
            calls_per_minute: 60,
            requests_per_minute: 1_200,
            trusted_proxies: Vec::new(),
            keys: BTreeMap::new(),
        }
    }
}
