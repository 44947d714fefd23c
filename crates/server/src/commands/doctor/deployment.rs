//! How the server would stand in its network: who may use it, over what, how sound finds the way, what it may write.
use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    path::Path,
};

use voce_rag::StoreKind;
use voce_transport::Relay;

use super::line;
use crate::{
    access::{Access, Required},
    commands::serve::read_tls,
    config::Config,
};

/// Time that whoever stops voce should leave it beyond its own deadlines, seconds.
const SPARE_SECONDS: u64 = 5;

/// Returns whether `serve` could run.
pub(super) fn tell(config: &Config) -> bool {
    let Ok(listen) = config.server.listen.parse::<SocketAddr>() else {
        let told = format!("{:?} is not an address; expected e.g. 127.0.0.1:8080", config.server.listen);
        return line(false, "server.listen", &told);
    };
    let is_private = listen.ip().is_loopback();
    line(true, "listens on", &place(config, listen));
    // One after the other, whatever the one before says.
    let healthy = [
        access(config, listen.ip()),
        tls(config, is_private),
        media(config, listen.ip()),
        turn(config),
        folders(config),
    ];
    ending(config);
    healthy.into_iter().all(|good| good)
}

fn place(config: &Config, listen: SocketAddr) -> String {
    let operations = match &config.server.operations_listen {
        Some(operations) => format!("; /ready and /metrics on {operations}"),
        None => String::new(),
    };
    let reach = match listen.ip() {
        ip if ip.is_loopback() => "for this machine alone",
        ip if ip.is_unspecified() => "for all networks of this machine",
        _ => "for one network of this machine",
    };
    format!("{listen}, {reach}{operations}")
}

fn access(config: &Config, listen: IpAddr) -> bool {
    match Access::new(config, listen) {
        Ok(access) => {
            // It may be meant so; it has to be seen.
            let is_meant = listen.is_loopback() || config.access.required != Required::Never;
            line(is_meant, "access", &access.summary());
            true
        }
        Err(error) => line(false, "access", &format!("{error:#}")),
    }
}

fn tls(config: &Config, is_private: bool) -> bool {
    match read_tls(&config.server.tls) {
        Ok(Some(files)) => {
            let (is_good, told) = files.validity();
            line(is_good, "tls", &told);
            true
        }
        Ok(None) if is_private => line(true, "tls", "none; browsers trust this machine without"),
        Ok(None) => {
            let told = "none: browsers give the page a microphone over HTTPS only; set [server.tls], or put a proxy \
                        with a certificate in front";
            line(false, "tls", told);
            true
        }
        Err(error) => line(false, "tls", &format!("{error:#}")),
    }
}

/// The one port for sound, and whether callers learn an address that leads to it.
fn media(config: &Config, http: IpAddr) -> bool {
    let transport = &config.transport;
    let ip = transport.address.unwrap_or(http);
    let address = SocketAddr::new(ip, transport.port);
    match UdpSocket::bind(address) {
        Ok(_) => {}
        // A voce that runs has it, which is as it should be.
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            line(true, "sound", &format!("UDP {address} is in use; by a voce that runs, if all is well"));
        }
        Err(error) => {
            return line(
                false,
                "sound",
                &format!("UDP {address} cannot be opened: {error}; set transport.port"),
            );
        }
    }
    let port = match transport.port {
        0 => "any free UDP port, which no firewall can be opened for; set transport.port".to_owned(),
        port => format!("UDP {port}"),
    };
    if ip.is_loopback() {
        return line(true, "sound", &format!("{address} over UDP, for this machine alone"));
    }
    let own = transport.public_address.or_else(|| if ip.is_unspecified() { outward() } else { Some(ip) });
    let ways = ways(config, own);
    let is_reachable = transport.port != 0 || transport.relay == Relay::Only;
    match ways.is_empty() {
        false => line(is_reachable, "sound", &format!("{port}; {}", ways.join(", "))),
        true => line(
            false,
            "sound",
            &format!(
                "{port}; only the private address {} is told to callers: those of other networks hear nothing; set \
                 transport.public_address, transport.discover or [transport.turn]",
                own.map_or_else(|| "of this machine".to_owned(), |ip| ip.to_string())
            ),
        ),
    };
    true
}

/// How callers of other networks get through.
fn ways(config: &Config, own: Option<IpAddr>) -> Vec<String> {
    let transport = &config.transport;
    let mut ways = vec![];
    if let Some(ip) = own.filter(|ip| !is_private_address(*ip)) {
        ways.push(format!("reached at {ip}"));
    }
    if !transport.discover.is_empty() {
        ways.push("its public address is found out by STUN".to_owned());
    }
    if !transport.turn.urls.is_empty()
        || transport.ice_servers.iter().any(|server| server.credential.is_some())
    {
        ways.push("callers have a TURN server".to_owned());
    }
    ways
}

fn turn(config: &Config) -> bool {
    match (config.transport.turn.urls.len(), set("VOCE_TURN_SECRET")) {
        (0, _) => true,
        (_, true) => line(true, "turn", &config.transport.turn.urls.join(", ")),
        (_, false) => line(
            false,
            "turn",
            "VOCE_TURN_SECRET is not set: passwords for [transport.turn] are made from it; it is coturn's \
             static-auth-secret",
        ),
    }
}

/// What is written while calls go on.
fn folders(config: &Config) -> bool {
    let mut wanted = vec![];
    if config.memory.enabled {
        wanted.push(("memory", config.memory.folder()));
    }
    if config.knowledge.store == StoreKind::Embedded {
        wanted.push(("knowledge", config.knowledge.folder()));
    }
    if config.telemetry.enabled {
        wanted.push(("spool", config.telemetry.spool.folder()));
    }
    let mut healthy = true;
    for (name, folder) in wanted {
        if let Err(error) = writable(&folder) {
            let told = format!(
                "{} cannot be written: {error}; calls work, but nothing is kept there",
                folder.display()
            );
            healthy &= line(false, name, &told) || name != "knowledge";
        }
    }
    healthy
}

/// A file can be made in `folder`, or in the folder that it would be made in.
fn writable(folder: &Path) -> io::Result<()> {
    let there = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(folder);
    fs::metadata(there)?;
    tempfile::tempfile_in(there).map(drop)
}

fn ending(config: &Config) {
    let server = &config.server;
    let (drain, close) = (server.drain_seconds, server.close_seconds);
    let needed = drain + close + SPARE_SECONDS;
    let told = format!(
        "running calls may go on for {drain} s after SIGTERM; whoever stops voce must wait {needed} s \
         (terminationGracePeriodSeconds, TimeoutStopSec, stop_grace_period)"
    );
    line(true, "drain", &told);
    let admission = &config.admission;
    let told = match admission.enabled {
        true => format!(
            "{} places, fewer while work waits more than {} ms or sound {} ms",
            config.transport.max_calls, admission.max_wait_ms, admission.max_lag_ms
        ),
        false => format!("{} places, however late the answers are", config.transport.max_calls),
    };
    line(true, "admission", &told);
}

/// The address that packets to other networks leave by. Nothing is sent.
fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address of documentation (RFC 5737): it only picks the way.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

fn is_private_address(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let is_carriers = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
            ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_unspecified() || is_carriers
        }
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
        }
    }
}

fn set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_address_alone_is_no_way_for_others() {
        let mut config = Config::default();
        let private = Some(IpAddr::from([10, 0, 0, 7]));
        assert!(ways(&config, private).is_empty());
        assert!(ways(&config, Some(IpAddr::from([100, 64, 0, 1]))).is_empty());
        assert_eq!(ways(&config, Some(IpAddr::from([203, 0, 113, 7]))), ["reached at 203.0.113.7"]);
        config.transport.turn.urls.push("turn:turn.example.org".into());
        assert_eq!(ways(&config, private), ["callers have a TURN server"]);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_found_out() {
        let folder = tempfile::tempdir().expect("a folder");
        writable(&folder.path().join("to/be/made")).expect("it could be made");
        assert!(writable(Path::new("/proc/voce")).is_err());
    }

    #[test]
    fn a_server_for_this_machine_needs_nothing_and_one_for_all_needs_a_key() {
        let mut config = Config::default();
        config.telemetry.enabled = false;
        config.knowledge.store = StoreKind::None;
        assert!(tell(&config));
        config.server.listen = "0.0.0.0:8080".into();
        config.access.keys_file = Some("/nowhere/keys".into());
        assert!(!tell(&config));
        config.access.required = Required::Never;
        assert!(tell(&config));
        config.server.tls.certificate = Some("/nowhere/tls.crt".into());
        assert!(!tell(&config));
    }
}
