//! One UDP socket for all calls, so that one port is enough for a firewall. A datagram goes to the call that owns
//! the ICE user name in it, or else to the call last heard from at its source address.
use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    net::UdpSocket,
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::stun::{self, TransactionId};

/// Datagrams that may wait for a call: 2.5 s of speech. Beyond that they are dropped, as the network would.
const QUEUED_DATAGRAMS: usize = 128;
/// Source addresses kept per call; a browser checks a handful.
const ADDRESSES_PER_CALL: usize = 16;
/// A source address belongs to the call it was last used for, unless that call has been silent for this long:
/// nobody can take over a live call by forging its address.
const ADDRESS_HELD: Duration = Duration::from_secs(3);

/// A datagram and where it came from.
pub type Datagram = (Bytes, SocketAddr);

/// The shared socket.
#[derive(Debug)]
pub struct Mux {
    socket: UdpSocket,
    local: SocketAddr,
    routes: Mutex<Routes>,
}

#[derive(Debug, Default)]
struct Routes {
    next_port: u64,
    ports: HashMap<u64, mpsc::Sender<Datagram>>,
    ufrags: HashMap<String, u64>,
    addresses: HashMap<SocketAddr, Held>,
    /// Our own questions to STUN servers that wait for an answer.
    questions: HashMap<TransactionId, oneshot::Sender<SocketAddr>>,
}

/// A question that waits. Dropping it forgets it.
#[derive(Debug)]
pub struct Question {
    mux: Arc<Mux>,
    id: TransactionId,
    answer: oneshot::Receiver<SocketAddr>,
}

#[derive(Debug)]
struct Held {
    port: u64,
    used: Instant,
}

/// A call's share of the socket. Dropping it removes its routes.
#[derive(Debug)]
pub struct Port {
    mux: Arc<Mux>,
    number: u64,
    incoming: Mutex<mpsc::Receiver<Datagram>>,
}

impl Mux {
    /// Opens the socket.
    pub async fn bind(address: SocketAddr) -> io::Result<Arc<Self>> {
        let socket = UdpSocket::bind(address).await?;
        let local = socket.local_addr()?;
        Ok(Arc::new(Self { socket, local, routes: Mutex::default() }))
    }

    /// Where the socket is bound.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Delivers datagrams until `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut buffer = vec![0; 2048];
        loop {
            let received = tokio::select! {
                () = stop.cancelled() => return,
                received = self.socket.recv_from(&mut buffer) => received,
            };
            match received {
                Ok((length, source)) => self.deliver(&buffer[..length], source),
                // An earlier datagram met a closed port (ICMP); the socket itself is fine.
                Err(error) => {
                    tracing::debug!(%error, "udp receive");
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    /// A new share of the socket, without routes yet.
    pub fn port(self: &Arc<Self>) -> Arc<Port> {
        let (sender, incoming) = mpsc::channel(QUEUED_DATAGRAMS);
        let mut routes = self.routes.lock();
        let number = routes.next_port;
        routes.next_port += 1;
        routes.ports.insert(number, sender);
        Arc::new(Port { mux: self.clone(), number, incoming: Mutex::new(incoming) })
    }

    /// Routes in use: calls, user names and addresses.
    pub fn routes(&self) -> (usize, usize, usize) {
        let routes = self.routes.lock();
        (routes.ports.len(), routes.ufrags.len(), routes.addresses.len())
    }

    /// A question for STUN servers, from the very socket that carries the calls: its address is what is asked for.
    pub fn question(self: &Arc<Self>) -> Question {
        let id = rand::random::<TransactionId>();
        let (sender, answer) = oneshot::channel();
        self.routes.lock().questions.insert(id, sender);
        Question { mux: self.clone(), id, answer }
    }

    /// Questions that wait for an answer.
    #[cfg(test)]
    pub fn question_count(&self) -> usize {
        self.routes.lock().questions.len()
    }

    fn deliver(&self, datagram: &[u8], source: SocketAddr) {
        let mut routes = self.routes.lock();
        // Nobody but who was asked knows the number; answers to the calls' own checks have others.
        if let Some(asked) = stun::answered(datagram).and_then(|id| routes.questions.remove(&id)) {
            if let Some(mapped) = stun::mapped_address(datagram) {
                asked.send(mapped).ok();
            }
            return;
        }
        let port = match stun::receiver_ufrag(datagram) {
            Some(ufrag) => routes.ufrags.get(ufrag).copied(),
            None => routes.addresses.get(&source).map(|held| held.port),
        };
        let Some(port) = port else { return };
        routes.claim(source, port);
        if let Some(sender) = routes.ports.get(&port) {
            drop(sender.try_send((Bytes::copy_from_slice(datagram), source)));
        }
    }
}

impl Question {
    /// Asks, once more if it was asked before.
    pub async fn send(&self, server: SocketAddr) -> io::Result<()> {
        self.mux.socket.send_to(&stun::binding_request(&self.id), server).await.map(|_| ())
    }

    /// Our address as the server sees it; none if the answer holds none.
    pub async fn answer(&mut self) -> Option<SocketAddr> {
        (&mut self.answer).await.ok()
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.mux.routes.lock().questions.remove(&self.id);
    }
}

impl Routes {
    fn claim(&mut self, address: SocketAddr, port: u64) {
        let now = Instant::now();
        if let Some(held) = self.addresses.get_mut(&address) {
            if held.port == port || now.duration_since(held.used) > ADDRESS_HELD {
                *held = Held { port, used: now };
            }
            return;
        }
        let mut own = self.addresses.iter().filter(|(_, held)| held.port == port);
        if own.by_ref().count() >= ADDRESSES_PER_CALL {
            let oldest = self
                .addresses
                .iter()
                .filter(|(_, held)| held.port == port)
                .min_by_key(|(_, held)| held.used)
                .map(|(address, _)| *address);
            if let Some(oldest) = oldest {
                self.addresses.remove(&oldest);
            }
        }
        self.addresses.insert(address, Held { port, used: now });
    }
}

impl Port {
    /// Datagrams whose STUN user name begins with `ufrag` belong to this port from now on.
    pub fn own_ufrag(&self, ufrag: &str) {
        self.mux.routes.lock().ufrags.insert(ufrag.to_owned(), self.number);
    }

    /// The shared socket's address.
    pub fn local(&self) -> SocketAddr {
        self.mux.local
    }

    /// Sends, or drops where the socket's buffer is full or no way leads there: it is UDP, and browsers name addresses
    /// of their own networks.
    pub fn send(&self, datagram: &[u8], destination: SocketAddr) -> io::Result<usize> {
        // Answers to our own checks carry no user name: they are known by where we sent the check.
        self.mux.routes.lock().claim(destination, self.number);
        match self.mux.socket.try_send_to(datagram, destination) {
            Err(error) if is_nothing_new(error.kind()) => Ok(datagram.len()),
            result => result,
        }
    }

    /// The next datagram.
    pub fn poll_receive(&self, context: &mut std::task::Context<'_>) -> std::task::Poll<Option<Datagram>> {
        self.incoming.lock().poll_recv(context)
    }
}

fn is_nothing_new(error: io::ErrorKind) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable, WouldBlock};
    matches!(error, WouldBlock | HostUnreachable | NetworkUnreachable | ConnectionRefused)
}

impl Drop for Port {
    fn drop(&mut self) {
        let mut routes = self.mux.routes.lock();
        routes.ports.remove(&self.number);
        routes.ufrags.retain(|_, port| *port != self.number);
        routes.addresses.retain(|_, held| held.port != self.number);
    }
}

/// The addresses that browsers are told: `public` if given, else the socket's own, else, when it is bound to all,
/// those of the machine's interfaces.
pub fn advertised(
    local: SocketAddr,
    public: Option<IpAddr>,
    port: Option<u16>,
) -> io::Result<Vec<SocketAddr>> {
    match (public, port) {
        (Some(address), port) => Ok(vec![SocketAddr::new(address, port.unwrap_or(local.port()))]),
        (None, Some(port)) => {
            Err(io::Error::other(format!("public_port = {port} says nothing without a public_address")))
        }
        (None, None) => {
            Ok(own_addresses(local)?.into_iter().map(|ip| SocketAddr::new(ip, local.port())).collect())
        }
    }
}

fn own_addresses(local: SocketAddr) -> io::Result<Vec<IpAddr>> {
    if !local.ip().is_unspecified() {
        return Ok(vec![local.ip()]);
    }
    let of_family = |address: &IpAddr| address.is_ipv4() == local.is_ipv4();
    let link_local = |address: &IpAddr| match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    let mut addresses: Vec<IpAddr> = rtc::shared::ifaces::ifaces()?
        .into_iter()
        .filter_map(|interface| interface.addr)
        .map(|address| address.ip())
        .filter(|address| of_family(address) && !address.is_unspecified() && !link_local(address))
        .collect();
    addresses.sort();
    addresses.dedup();
    // The loopback address reaches us too, but a remote browser would waste checks on itself.
    if addresses.iter().any(|address| !address.is_loopback()) {
        addresses.retain(|address| !address.is_loopback());
    }
    if addresses.is_empty() {
        let reason = format!("no network interface has an address of the family of {local}");
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, reason));
    }
    Ok(addresses)
}
