//! `[transport]`: where calls arrive and how many.
use std::{fmt, net::IpAddr};

use serde::{Deserialize, Serialize};

use crate::turn::TurnSecret;

/// Settings of the WebRTC transport.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Address of the UDP socket that carries all calls. Unset: the address the HTTP server listens on. IPv4 or
    /// IPv6, not both at once.
    pub address: Option<IpAddr>,
    /// UDP port of that socket; 0 takes any free one. A firewall must let it through.
    pub port: u16,
    /// The address that browsers reach this machine at, where it is not the machine's own (behind NAT, in a
    /// container).
    pub public_address: Option<IpAddr>,
    /// The port that it is reached at there. Unset: the socket's own, forwarded unchanged.
    pub public_port: Option<u16>,
    /// STUN servers that tell this machine its public address and port, where `public_address` is not known beforehand:
    /// `stun.example.org:3478`.
    pub discover: Vec<String>,
    /// Whether calls may also reach this machine over the TURN servers of `[transport.turn]`.
    pub relay: Relay,
    /// Calls at the same time; further callers are told to try again later.
    pub max_calls: usize,
    /// The longest that a call may last, minutes; then the bot leaves. 0: any time.
    pub max_call_minutes: u32,
    /// What a refused caller is told to wait, seconds.
    pub retry_after_seconds: u64,
    /// Time from the answer to a working connection, seconds; then the call is given up.
    pub connect_seconds: f64,
    /// Silence on the network after which a call counts as disconnected, seconds.
    pub disconnected_seconds: f64,
    /// Further silence after which it has failed and ends, seconds.
    pub failed_seconds: f64,
    /// Bits per second of the bot's voice, 6000 to 510000.
    pub opus_bitrate: u32,
    /// Effort of the Opus encoder, 0 to 10. 5 is indistinguishable from 10 for speech at half the work.
    pub opus_complexity: u8,
    /// STUN servers, and TURN servers with lasting passwords, that the browser should use. None are needed where it
    /// reaches this machine directly.
    pub ice_servers: Vec<IceServer>,
    /// TURN servers with short-lived passwords.
    pub turn: TurnConfig,
}

/// Which ways lead to this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Relay {
    /// The direct one alone.
    #[default]
    Never,
    /// The direct one, and over a TURN server: the first `turn:` address of `[transport.turn]`.
    Beside,
    /// A TURN server alone: no UDP port of this machine can be reached.
    Only,
}

/// `[transport.turn]`: TURN servers with short-lived passwords, as coturn's `use-auth-secret` takes them. They are made for
/// each caller from the environment variable VOCE_TURN_SECRET, which is the server's `static-auth-secret`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TurnConfig {
    /// Addresses such as `turn:turn.example.org:3478?transport=udp`. None: no such server.
    pub urls: Vec<String>,
    /// How long a password holds, seconds. A call that began with it goes on.
    pub credential_seconds: u64,
    /// The secret, where it does not come from the environment; never in a file.
    #[serde(skip)]
    pub secret: TurnSecret,
}

impl Default for TurnConfig {
    fn default() -> Self {
        Self { urls: Vec::new(), credential_seconds: 3_600, secret: TurnSecret::default() }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            address: None,
            port: 0,
            public_address: None,
            public_port: None,
            discover: Vec::new(),
            relay: Relay::Never,
            max_calls: 16,
            max_call_minutes: 240,
            retry_after_seconds: 10,
            connect_seconds: 20.0,
            disconnected_seconds: 4.0,
            failed_seconds: 10.0,
            opus_bitrate: 32_000,
            opus_complexity: 5,
            ice_servers: Vec::new(),
            turn: TurnConfig::default(),
        }
    }
}

/// One STUN or TURN server, in the browser's own form.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IceServer {
    /// Addresses such as `stun:stun.example.org:3478`.
    pub urls: Vec<String>,
    /// User name, for TURN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Password, for TURN. It is shown to every caller, so it should be short-lived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

// Configurations get into logs; passwords do not.
impl fmt::Debug for IceServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let credential = self.credential.as_ref().map(|_| "[redacted]");
        formatter
            .debug_struct("IceServer")
            .field("urls", &self.urls)
            .field("username", &self.username)
            .field("credential", &credential)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let server = IceServer { credential: Some("s3cret".into()), ..IceServer::default() };
        let config = Config { ice_servers: vec![server], ..Config::default() };
        let shown = format!("{config:?}");
        assert!(!shown.contains("s3cret") && shown.contains("[redacted]"), "{shown}");
    }
}
