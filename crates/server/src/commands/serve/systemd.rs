//! Word to systemd (`Type=notify`): ready, reading settings again, stopping. Nothing where systemd did not start us.
use std::{
    env,
    os::unix::net::{SocketAddr, UnixDatagram},
};

/// The way to the service manager, if there is one.
pub struct Systemd(Option<SocketAddr>);

impl Systemd {
    /// The one that `NOTIFY_SOCKET` names.
    pub fn from_environment() -> Self {
        Self(env::var("NOTIFY_SOCKET").ok().and_then(|name| address(&name)))
    }

    /// Calls are taken.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// Settings are read again.
    pub fn reloading(&self) {
        self.tell("RELOADING=1");
    }

    /// The end has begun.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    fn tell(&self, state: &str) {
        let Some(address) = &self.0 else { return };
        let told = UnixDatagram::unbound().and_then(|socket| {
            socket.set_nonblocking(true)?;
            socket.send_to_addr(state.as_bytes(), address)
        });
        if let Err(error) = told {
            tracing::warn!(%error, state, "systemd could not be told");
        }
    }
}

/// A path, or after `@` a name in Linux's own space of names.
fn address(name: &str) -> Option<SocketAddr> {
    if name.is_empty() {
        return None;
    }
    #[cfg(target_os = "linux")]
    if let Some(name) = name.strip_prefix('@') {
        use std::os::linux::net::SocketAddrExt as _;
        return SocketAddr::from_abstract_name(name).ok();
    }
    SocketAddr::from_pathname(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_arrives_and_without_systemd_nothing_happens() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        let systemd = Systemd(address(path.to_str().expect("a plain path")));
        systemd.ready();
        systemd.stopping();
        let mut heard = [0; 64];
        let mut next = || {
            let length = socket.recv(&mut heard).expect("a message");
            String::from_utf8_lossy(&heard[..length]).into_owned()
        };
        assert_eq!((next().as_str(), next().as_str()), ("READY=1", "STOPPING=1"));
        Systemd(None).ready();
        assert!(address("").is_none());
    }
}
