//! All ways that lead to this machine: its own addresses, what a NAT makes of them, a TURN server.
use std::net::SocketAddr;

use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use webrtc::peer_connection::{
    RTCConfiguration, RTCConfigurationBuilder, RTCIceServer, RTCIceTransportPolicy,
};

use crate::{
    config::{Config, IceServer, Relay},
    door::Visitor,
    error::TransportError,
    mux,
    relay::RelaySocket,
    sdp::{Candidate, Kind},
    turn::Turn,
};

/// What browsers are told, as it is at the moment.
#[derive(Debug)]
pub struct Ways {
    hosts: Vec<SocketAddr>,
    mapped: watch::Receiver<Vec<SocketAddr>>,
    turn: Option<Turn>,
    relay: Relay,
    lasting: Vec<IceServer>,
}

/// A call's way over a TURN server, before anything was asked of the server.
pub struct Relayed {
    /// Leads to it.
    pub socket: RelaySocket,
    /// What the `webrtc` crate is told of it.
    server: RTCIceServer,
}

impl Ways {
    /// The ways to the shared socket at `local`, as configured.
    pub fn new(
        config: &Config,
        local: SocketAddr,
        mapped: watch::Receiver<Vec<SocketAddr>>,
    ) -> Result<Self, TransportError> {
        let failed = |error| TransportError::Advertise { address: local, error };
        let turn = Turn::new(config)?;
        let hosts = match config.relay {
            Relay::Only => Vec::new(),
            Relay::Never | Relay::Beside => {
                mux::advertised(local, config.public_address, config.public_port).map_err(failed)?
            }
        };
        Ok(Self { hosts, mapped, turn, relay: config.relay, lasting: config.ice_servers.clone() })
    }

    /// Those that do not depend on the call.
    pub fn standing(&self) -> Vec<Candidate> {
        let mapped = self.mapped.borrow();
        let mapped =
            mapped.iter().filter(|address| self.relay != Relay::Only && !self.hosts.contains(address));
        let hosts = self.hosts.iter().map(|address| Candidate { kind: Kind::Host, address: *address });
        hosts.chain(mapped.map(|address| Candidate { kind: Kind::Mapped, address: *address })).collect()
    }

    /// Whether nothing but a TURN server leads here.
    pub fn is_relay_only(&self) -> bool {
        self.relay == Relay::Only
    }

    /// The servers that `visitor`'s browser should use, with fresh passwords.
    pub fn ice_servers(&self, visitor: &Visitor) -> Vec<IceServer> {
        let fresh = self.turn.as_ref().map(|turn| turn.for_account(visitor.account.as_deref()));
        self.lasting.iter().cloned().chain(fresh).collect()
    }

    /// A new way over the TURN server, if calls may come over one.
    ///
    /// # Errors
    /// What is wrong with the TURN server, if it cannot even be asked.
    pub async fn relayed(&self, wants_ipv4: bool, tasks: &TaskTracker) -> Result<Option<Relayed>, String> {
        let Some((address, username, credential)) = self.turn.as_ref().and_then(Turn::own) else {
            return Ok(None);
        };
        let socket = RelaySocket::open(address, wants_ipv4, tasks).await.map_err(|error| {
            format!("the TURN server {}:{} cannot be asked: {error}", address.host, address.port)
        })?;
        // By number, so that nothing is looked up twice. The crate knows UDP alone; over TCP the socket does the rest.
        let urls = vec![format!("turn:{}?transport=udp", socket.server())];
        Ok(Some(Relayed { socket, server: RTCIceServer { urls, username, credential } }))
    }
}

/// What the `webrtc` crate is told of the ways: nothing but the TURN server.
pub fn configuration(relayed: Option<&Relayed>, is_relay_only: bool) -> RTCConfiguration {
    let mut configuration = RTCConfigurationBuilder::default();
    if let Some(relayed) = relayed {
        configuration = configuration.with_ice_servers(vec![relayed.server.clone()]);
        if is_relay_only {
            configuration = configuration.with_ice_transport_policy(RTCIceTransportPolicy::Relay);
        }
    }
    configuration.build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TurnConfig, TurnSecret};

    const LOCAL: &str = "127.0.0.1:4000";

    fn ways(config: Config, mapped: &[&str]) -> Ways {
        let mapped = mapped.iter().map(|address| address.parse().unwrap()).collect();
        Ways::new(&config, LOCAL.parse().unwrap(), watch::channel(mapped).1).unwrap()
    }

    fn told(ways: &Ways) -> Vec<String> {
        let one = |candidate: Candidate| format!("{:?} {}", candidate.kind, candidate.address);
        ways.standing().into_iter().map(one).collect()
    }

    fn with_turn(relay: Relay) -> Config {
        let urls = vec!["turn:127.0.0.1:3478".into()];
        let turn = TurnConfig { urls, secret: TurnSecret::new("north"), ..TurnConfig::default() };
        let stun = IceServer { urls: vec!["stun:stun.example.org".into()], ..IceServer::default() };
        Config { turn, relay, ice_servers: vec![stun], ..Config::default() }
    }

    #[test]
    fn a_public_address_stands_in_for_our_own_with_its_port() {
        assert_eq!(told(&ways(Config::default(), &[])), ["Host 127.0.0.1:4000"]);
        let public = Config { public_address: Some("192.0.2.7".parse().unwrap()), ..Config::default() };
        assert_eq!(told(&ways(public.clone(), &[])), ["Host 192.0.2.7:4000"]);
        let forwarded = Config { public_port: Some(30_000), ..public };
        assert_eq!(told(&ways(forwarded, &[])), ["Host 192.0.2.7:30000"]);
    }

    #[test]
    fn what_a_nat_shows_is_told_beside_unless_it_is_the_same() {
        let found = ways(Config::default(), &["192.0.2.7:61000", LOCAL]);
        assert_eq!(told(&found), ["Host 127.0.0.1:4000", "Mapped 192.0.2.7:61000"]);
        assert!(
            told(&ways(with_turn(Relay::Only), &["192.0.2.7:61000"])).is_empty(),
            "only the relay is told"
        );
    }

    #[test]
    fn browsers_get_the_lasting_servers_and_a_fresh_password() {
        let visitor = Visitor { account: Some("shop".into()), ..Visitor::default() };
        let servers = ways(with_turn(Relay::Never), &[]).ice_servers(&visitor);
        assert_eq!(servers[0].urls, ["stun:stun.example.org"]);
        assert!(servers[1].username.as_ref().is_some_and(|name| name.ends_with(":shop")), "{servers:?}");
        assert_eq!(servers[1].credential.as_ref().map(String::len), Some(28));
    }

    #[tokio::test]
    async fn a_relayed_way_leads_to_the_turn_server_with_a_password_of_our_own() {
        let tasks = TaskTracker::new();
        assert!(ways(with_turn(Relay::Never), &[]).relayed(true, &tasks).await.unwrap().is_none());
        let relayed = ways(with_turn(Relay::Beside), &[]).relayed(true, &tasks).await.unwrap().unwrap();
        assert_eq!(relayed.socket.server(), "127.0.0.1:3478".parse::<SocketAddr>().unwrap());
        assert_eq!(relayed.server.urls, ["turn:127.0.0.1:3478?transport=udp"]);
        assert!(relayed.server.username.ends_with(":voce"));
        let error = ways(with_turn(Relay::Beside), &[]).relayed(false, &tasks).await.err().unwrap();
        assert!(error.contains("IPv6"), "{error}");
    }
}
