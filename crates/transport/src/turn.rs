//! TURN servers with short-lived passwords, as coturn's `use-auth-secret` takes them: the user name says until when it
//! holds, the password proves that whoever made it knows the shared secret.
use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::hmac;

use crate::{
    config::{Config, IceServer, Relay},
    error::TransportError,
};

/// The environment variable that holds the secret.
const VARIABLE: &str = "VOCE_TURN_SECRET";
/// How long the server's own passwords hold: longer than any call, since an allocation is renewed with them.
const OWN: Duration = Duration::from_hours(24);
/// The longest account name in a user name, bytes.
const LONGEST_ACCOUNT: usize = 64;

/// What is shared with the TURN servers. Never printed, never in a file of ours.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TurnSecret(Option<Arc<str>>);

impl TurnSecret {
    /// A secret from elsewhere than the environment.
    pub fn new(secret: &str) -> Self {
        Self(Some(secret.into()).filter(|secret: &Arc<str>| !secret.is_empty()))
    }

    fn or_environment(&self) -> Option<Arc<str>> {
        let variable = || std::env::var(VARIABLE).ok().filter(|secret| !secret.trim().is_empty());
        self.0.clone().or_else(|| variable().map(|secret| secret.trim().into()))
    }
}

impl fmt::Debug for TurnSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "[redacted]" } else { "none" })
    }
}

/// The TURN servers of `[transport.turn]`, with the secret.
#[derive(Debug)]
pub struct Turn {
    urls: Vec<String>,
    secret: TurnSecret,
    holds: Duration,
    /// The one that the server itself uses, if calls may reach it over one.
    own: Option<Address>,
}

/// Where a TURN server is asked, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// A name or an address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it is asked over TCP.
    pub is_tcp: bool,
}

impl Turn {
    /// The TURN servers of the configuration, if there are some.
    ///
    /// # Errors
    /// If an address is malformed, the secret is missing, or calls may come over a TURN server and none can be used.
    pub fn new(config: &Config) -> Result<Option<Self>, TransportError> {
        let turn = &config.turn;
        let wrong = TransportError::Turn;
        if turn.urls.is_empty() {
            return match config.relay {
                Relay::Never => Ok(None),
                Relay::Beside | Relay::Only => Err(wrong(
                    "relay needs a TURN server: name one in [transport.turn] urls, or set [transport] relay = \"never\""
                        .into(),
                )),
            };
        }
        let addresses =
            turn.urls.iter().map(|url| address(url)).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        let own = addresses.into_iter().flatten().next();
        if config.relay != Relay::Never && own.is_none() {
            return Err(wrong(
                "relay needs a TURN server without TLS for the server's own way: add a turn: address beside the turns: \
                 ones in [transport.turn] urls"
                    .into(),
            ));
        }
        let secret = turn.secret.or_environment().ok_or_else(|| {
            wrong(format!(
                "[transport.turn] urls needs the environment variable {VARIABLE}, the static-auth-secret of the TURN \
                 server; a server with a lasting password belongs into [transport] ice_servers"
            ))
        })?;
        let own = own.filter(|_| config.relay != Relay::Never);
        let holds = Duration::from_secs(turn.credential_seconds);
        Ok(Some(Self { urls: turn.urls.clone(), secret: TurnSecret(Some(secret)), holds, own }))
    }

    /// All of them, with a fresh password for `account`.
    pub fn for_account(&self, account: Option<&str>) -> IceServer {
        let (username, credential) = self.signed(&plain(account.unwrap_or("caller")), unix_in(self.holds));
        IceServer { urls: self.urls.clone(), username: Some(username), credential: Some(credential) }
    }

    /// The one that the server itself uses, if it does, with a fresh user name and password.
    pub fn own(&self) -> Option<(&Address, String, String)> {
        let (username, credential) = self.signed("voce", unix_in(OWN));
        self.own.as_ref().map(|address| (address, username, credential))
    }

    fn signed(&self, account: &str, expires: u64) -> (String, String) {
        let username = format!("{expires}:{account}");
        let secret = self.secret.0.as_deref().unwrap_or_default();
        // SHA-1 is what the TURN servers expect; as an HMAC it is not broken.
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
        let credential = BASE64_STANDARD.encode(hmac::sign(&key, username.as_bytes()));
        (username, credential)
    }
}

/// An account as it may stand in a user name: coturn counts its quotas by it.
fn plain(account: &str) -> String {
    let kept =
        |letter: char| if letter.is_ascii_alphanumeric() || "-_.@".contains(letter) { letter } else { '-' };
    account.chars().take(LONGEST_ACCOUNT).map(kept).collect()
}

fn unix_in(time: Duration) -> u64 {
    (SystemTime::now() + time).duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Reads `turn:host:port?transport=udp`. None for `turns:`, which browsers use and the server itself does not.
fn address(url: &str) -> Result<Option<Address>, String> {
    let wrong = |what: &str| {
        Err(format!(
            "[transport.turn] urls: {url:?}: {what}; expected e.g. \"turn:turn.example.org:3478?transport=udp\""
        ))
    };
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    let is_secure = scheme == "turns";
    if !is_secure && scheme != "turn" {
        return wrong("it begins with neither turn: nor turns:");
    }
    let (server, query) = rest.split_once('?').unwrap_or((rest, ""));
    let is_tcp = match query {
        "" | "transport=udp" => false,
        "transport=tcp" => true,
        _ => return wrong("after ? only transport=udp or transport=tcp may stand"),
    };
    let bracketed = server.strip_prefix('[').and_then(|server| server.split_once(']'));
    let (host, port) = match bracketed {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => server.split_once(':').map_or((server, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return wrong("it names no server");
    }
    let port = match port.map(str::parse) {
        Some(Ok(port)) => port,
        Some(Err(_)) => return wrong("its port is no number from 0 to 65535"),
        None if is_secure => 5349,
        None => 3478,
    };
    Ok((!is_secure).then(|| Address { host: host.to_owned(), port, is_tcp }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TurnConfig;

    fn config(urls: &[&str], relay: Relay) -> Config {
        let urls = urls.iter().map(ToString::to_string).collect();
        let turn = TurnConfig { urls, secret: TurnSecret::new("north"), ..TurnConfig::default() };
        Config { turn, relay, ..Config::default() }
    }

    fn refused(config: &Config) -> String {
        Turn::new(config).unwrap_err().to_string()
    }

    #[test]
    fn passwords_are_those_that_coturn_computes() {
        let turn = Turn::new(&config(&["turn:turn.example.org"], Relay::Never)).unwrap().unwrap();
        // Python: base64.b64encode(hmac.new(b"north", b"1700000000:shop", hashlib.sha1).digest())
        let expected = ("1700000000:shop".to_owned(), "c3SLsbOt6K/Mr0FEvrkfeH/1zn4=".to_owned());
        assert_eq!(turn.signed("shop", 1_700_000_000), expected);
    }

    #[test]
    fn a_password_holds_as_long_as_configured_and_names_the_account() {
        let turn = Turn::new(&config(&["turn:turn.example.org"], Relay::Never)).unwrap().unwrap();
        let server = turn.for_account(Some("2001:db8::1"));
        let username = server.username.unwrap();
        let (expires, account) = username.split_once(':').unwrap();
        assert_eq!(account, "2001-db8--1");
        let seconds = expires.parse::<u64>().unwrap() - unix_in(Duration::ZERO);
        assert!((3_590..=3_600).contains(&seconds), "{seconds}");
        assert_eq!(server.urls, ["turn:turn.example.org"]);
        assert!(turn.own().is_none(), "the server itself uses none");
    }

    #[test]
    fn the_secret_is_never_printed() {
        let config = config(&["turn:turn.example.org"], Relay::Beside);
        let turn = Turn::new(&config).unwrap();
        assert!(!format!("{config:?} {turn:?}").contains("north"));
    }

    #[test]
    fn addresses_are_read_as_browsers_read_them() {
        let read = |url: &str| address(url).unwrap().map(|a| (a.host, a.port, a.is_tcp));
        assert_eq!(read("turn:turn.example.org"), Some(("turn.example.org".into(), 3478, false)));
        assert_eq!(read("turn:192.0.2.1:80?transport=tcp"), Some(("192.0.2.1".into(), 80, true)));
        assert_eq!(read("turn:[2001:db8::1]:3479?transport=udp"), Some(("2001:db8::1".into(), 3479, false)));
        assert_eq!(read("turns:turn.example.org:443?transport=tcp"), None);
        for url in ["", "stun:a:1", "turn:", "turn:a:port", "turn:a?transport=sctp"] {
            assert!(address(url).is_err_and(|error| error.contains("expected")), "{url}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(refused(&config(&[], Relay::Only)).contains("[transport.turn] urls"));
        assert!(refused(&config(&["turns:turn.example.org"], Relay::Beside)).contains("turn: address"));
        assert!(Turn::new(&config(&[], Relay::Never)).unwrap().is_none());
        let mut without = config(&["turn:turn.example.org"], Relay::Never);
        without.turn.secret = TurnSecret::default();
        // A developer's own environment may hold one.
        if std::env::var_os(VARIABLE).is_none() {
            assert!(refused(&without).contains(VARIABLE));
        }
    }
}
