//! The door: who may use the server, from which sites, and how much of it.
mod config;
mod guest;
pub mod keys;
mod layer;
mod origin;
mod places;
mod rates;
mod refusal;
mod refusals;
mod session;
mod token;

use std::{net::IpAddr, sync::Arc, time::SystemTime};

use anyhow::{Result, bail};
use axum::{
    Router,
    http::{HeaderMap, header},
    middleware,
};
use parking_lot::RwLock;
use voce_transport::Doorkeeper;

use crate::config::Config;

pub use config::{AccessConfig, KeyLimits, Required};
pub use guest::{Guest, Who};
pub use session::IceServers;

use keys::Keys;
use origin::Sites;
use places::{Places, Taken};
use rates::Rates;
use refusal::Refusal;
use refusals::Refusals;
use token::Tokens;

/// The variable with API keys, `NAME=KEY` separated by commas.
const KEYS: &str = "VOCE_API_KEYS";
/// The variable with what session tokens are signed with.
const TOKEN_SECRET: &str = "VOCE_TOKEN_SECRET";

/// The door of one server. Cheap to clone.
#[derive(Clone)]
pub struct Access(Arc<Shared>);

struct Shared {
    /// Whether the server can be reached from this machine alone.
    is_loopback: bool,
    tokens: Tokens,
    retry_after_seconds: u64,
    rules: RwLock<Arc<Rules>>,
    taken: Taken,
    refusals: Refusals,
}

/// What a reload replaces.
struct Rules {
    config: AccessConfig,
    is_required: bool,
    keys: Keys,
    sites: Sites,
    requests: Rates,
    calls: Rates,
}

impl Access {
    /// The door of a server that listens on `listen`. Keys and the secret of tokens are read from the environment, too.
    ///
    /// # Errors
    /// If something cannot be read, or nobody could come in.
    pub fn new(config: &Config, listen: IpAddr) -> Result<Self> {
        let keys = std::env::var(KEYS).ok();
        let secret = std::env::var(TOKEN_SECRET).ok().filter(|secret| !secret.is_empty());
        Self::with(config, listen, keys.as_deref(), secret.as_deref())
    }

    fn with(config: &Config, listen: IpAddr, keys: Option<&str>, secret: Option<&str>) -> Result<Self> {
        let is_loopback = listen.to_canonical().is_loopback();
        let tokens = Tokens::new(secret)?;
        let rules = Rules::new(&config.access, is_loopback, keys)?;
        if rules.is_required && rules.keys.is_empty() && !tokens.is_shared {
            let why = match is_loopback {
                true => "access.required is \"always\"".to_owned(),
                false => format!("the server listens on {listen}, where others can reach it"),
            };
            bail!(
                "{why}, but nobody has a key. Make one with `voce key NAME >> FILE` and set access.keys_file to that \
                 file (or {KEYS} to NAME=KEY); or let anybody who reaches the server talk: access.required = \"never\""
            );
        }
        Ok(Self(Arc::new(Shared {
            is_loopback,
            tokens,
            retry_after_seconds: config.transport.retry_after_seconds,
            rules: RwLock::new(Arc::new(rules)),
            taken: Taken::default(),
            refusals: Refusals::default(),
        })))
    }

    /// Takes `[access]` and the keys' file as they are now. Tokens that were given stay good, unless their key is gone.
    ///
    /// # Errors
    /// If something cannot be read; then all stays as it was.
    pub fn reload(&self, config: &Config) -> Result<()> {
        let rules = Rules::new(&config.access, self.0.is_loopback, std::env::var(KEYS).ok().as_deref())?;
        if rules.is_required && rules.keys.is_empty() && !self.0.tokens.is_shared {
            bail!("nobody would have a key any more; the door stays as it was");
        }
        *self.0.rules.write() = Arc::new(rules);
        Ok(())
    }

    /// Asked before a call begins.
    pub fn doorkeeper(&self) -> Arc<dyn Doorkeeper> {
        Arc::new(Places { access: self.clone() })
    }

    /// `POST /api/session`. `ice_servers` says which STUN and TURN servers a visitor gets.
    pub fn routes(&self, ice_servers: IceServers) -> Router {
        session::router(self.clone(), ice_servers)
    }

    /// Puts the door in front of all these routes.
    pub fn guard(&self, routes: Router) -> Router {
        routes.layer(middleware::from_fn_with_state(self.clone(), layer::guard))
    }

    /// Counts who was refused, in the metrics.
    pub fn register(&self, telemetry: &voce_telemetry::Telemetry) {
        self.0.refusals.register(telemetry);
    }

    /// Who comes in, in words.
    pub fn summary(&self) -> String {
        let rules = self.rules();
        let names = rules.keys.names();
        if !rules.is_required {
            let from = if self.0.is_loopback { "on this machine" } else { "who reaches this server" };
            return format!("anybody {from}, without a key");
        }
        let keys = match names.len() {
            0 => "no key".to_owned(),
            1 => format!("one key ({})", names[0]),
            number => format!("{number} keys ({})", names.join(", ")),
        };
        let secret = match self.0.tokens.is_shared {
            true => "tokens of every server with this VOCE_TOKEN_SECRET",
            false => "tokens of this process",
        };
        format!("{keys}, and {secret}")
    }

    fn rules(&self) -> Arc<Rules> {
        self.0.rules.read().clone()
    }

    fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    fn taken(&self) -> &Taken {
        &self.0.taken
    }

    fn retry_after_seconds(&self) -> u64 {
        self.0.retry_after_seconds
    }

    /// Who asks, by what they show.
    fn who(&self, rules: &Rules, headers: &HeaderMap) -> Result<Who, Refusal> {
        let Some(shown) = headers.get(header::AUTHORIZATION) else { return Ok(Who::Nobody) };
        let shown = shown.to_str().unwrap_or_default();
        let (scheme, shown) = shown.split_once(' ').unwrap_or_default();
        let shown = shown.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || shown.is_empty() {
            let error = "expected `Authorization: Bearer` with an API key or a session token";
            return Err(Refusal::unknown("unknown_credential", error));
        }
        if let Some(name) = rules.keys.name_of(shown) {
            return Ok(Who::Key(name.to_owned()));
        }
        let claims = self.tokens().read(shown, SystemTime::now());
        let claims = claims.map_err(|error| Refusal::unknown(error.code(), error.to_string()))?;
        // A key that was taken away takes its tokens along. A server without keys knows tokens by the secret alone.
        let is_known = |name: &String| rules.keys.knows(name) || rules.keys.is_empty();
        if rules.is_required && !claims.key.as_ref().is_some_and(is_known) {
            let error =
                "the key that this session token was made with is no longer known here; sign in again";
            return Err(Refusal::unknown("key_gone", error));
        }
        Ok(Who::Token(claims))
    }
}

impl Rules {
    fn new(config: &AccessConfig, is_loopback: bool, keys: Option<&str>) -> Result<Self> {
        if config.token_seconds == 0 {
            bail!("access.token_seconds = 0: a token has to hold for at least a second");
        }
        let of_key = |limit: fn(&KeyLimits) -> Option<u32>| {
            let limits = config.keys.iter();
            limits.filter_map(|(name, limits)| Some((name.clone(), limit(limits)?))).collect::<Vec<_>>()
        };
        Ok(Self {
            is_required: match config.required {
                Required::Elsewhere => !is_loopback,
                Required::Always => true,
                Required::Never => false,
            },
            keys: Keys::read(config.keys_file.as_deref(), keys)?,
            sites: Sites::new(&config.origins, is_loopback)?,
            requests: Rates::new(config.requests_per_minute, of_key(|limits| limits.requests_per_minute)),
            calls: Rates::new(config.calls_per_minute, of_key(|limits| limits.calls_per_minute)),
            config: config.clone(),
        })
    }

    /// Calls at the same time of this key; 0: any number.
    fn most_calls(&self, key: &str) -> usize {
        let own = self.config.keys.get(key).and_then(|limits| limits.max_calls);
        own.unwrap_or(self.config.max_calls_per_key)
    }
}

#[cfg(test)]
mod test;
