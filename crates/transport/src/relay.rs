//! A call's own way to a TURN server. The server knows an allocation by the address that it was asked from, so the
//! shared port cannot carry it: every relayed call has a socket of its own here, outbound only.
use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::{
    io::ReadBuf,
    net::{TcpStream, UdpSocket, lookup_host},
    sync::mpsc,
    time::{Instant, Sleep, sleep, timeout},
};
use tokio_util::task::TaskTracker;

use crate::{framing, turn::Address};

/// Time for the server's name to be looked up, and for a connection to it.
const PATIENCE: Duration = Duration::from_secs(1);
/// Datagrams that may wait in each direction: 2.5 s of speech, as for the shared socket.
const QUEUED: usize = 128;
/// Errors of the socket that are passed over at once: an ICMP message each.
const ERRORS: usize = 16;
/// The `webrtc` crate sends what is relayed one round of its loop late (it asks the TURN client before it hands over the
/// packets), so the rounds follow each other this quickly while relayed sound flows,
const ROUND: Duration = Duration::from_millis(5);
/// and so often after each datagram that came: until the next one of a caller's 20 ms is there.
const ROUNDS: u32 = 5;
/// How often at the beginning, when the first checks wait to be sent and nothing comes yet: 3 s.
const FIRST_ROUNDS: u32 = 600;

/// The way to one TURN server.
#[derive(Debug)]
pub struct RelaySocket {
    server: SocketAddr,
    way: Way,
    rounds: Mutex<Rounds>,
}

#[derive(Debug)]
struct Rounds {
    left: u32,
    next: Pin<Box<Sleep>>,
}

#[derive(Debug)]
enum Way {
    Udp(UdpSocket),
    Tcp { outgoing: mpsc::Sender<Bytes>, incoming: Mutex<mpsc::Receiver<Bytes>> },
}

impl RelaySocket {
    /// Opens the way to `address`, over the family that the shared socket has. It closes when this is dropped.
    pub async fn open(address: &Address, wants_ipv4: bool, tasks: &TaskTracker) -> io::Result<Self> {
        let server = resolve(address, wants_ipv4).await?;
        let way = if address.is_tcp {
            let late = |_| io::Error::new(io::ErrorKind::TimedOut, "it took no connection in time");
            let stream = timeout(PATIENCE, TcpStream::connect(server)).await.map_err(late)??;
            stream.set_nodelay(true)?;
            let (outgoing, to_send) = mpsc::channel(QUEUED);
            let (received, incoming) = mpsc::channel(QUEUED);
            tasks.spawn(framing::carry(stream, to_send, received));
            Way::Tcp { outgoing, incoming: Mutex::new(incoming) }
        } else {
            let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(any).await?;
            // What others send to this port never gets in.
            socket.connect(server).await?;
            Way::Udp(socket)
        };
        let rounds = Rounds { left: FIRST_ROUNDS, next: Box::pin(sleep(ROUND)) };
        Ok(Self { server, way, rounds: Mutex::new(rounds) })
    }

    /// The server that it leads to.
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// Sends to the server, or drops where the buffer is full, as the network would.
    pub fn send(&self, datagram: &[u8]) -> io::Result<usize> {
        let sent = match &self.way {
            Way::Udp(socket) => socket.try_send(datagram),
            Way::Tcp { outgoing, .. } => match outgoing.try_send(Bytes::copy_from_slice(datagram)) {
                Err(mpsc::error::TrySendError::Closed(_)) => Err(io::ErrorKind::NotConnected.into()),
                Ok(()) | Err(mpsc::error::TrySendError::Full(_)) => Ok(datagram.len()),
            },
        };
        match sent {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(datagram.len()),
            sent => sent,
        }
    }

    /// The next datagram of the server, as much of it as fits, or an empty one where it is only time for another round.
    /// Never ready again once the way is closed: the shared socket may still carry the call.
    pub fn poll_receive(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<usize> {
        let received = self.poll_way(context, buffer);
        let mut rounds = self.rounds.lock();
        if received.is_ready() {
            rounds.begin();
            return received;
        }
        ready!(rounds.poll_next(context));
        Poll::Ready(0)
    }

    fn poll_way(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<usize> {
        match &self.way {
            Way::Udp(socket) => {
                for _ in 0..ERRORS {
                    let mut read = ReadBuf::new(buffer);
                    if ready!(socket.poll_recv(context, &mut read)).is_ok() {
                        return Poll::Ready(read.filled().len());
                    }
                }
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Way::Tcp { incoming, .. } => match ready!(incoming.lock().poll_recv(context)) {
                Some(message) => {
                    let length = message.len().min(buffer.len());
                    buffer[..length].copy_from_slice(&message[..length]);
                    Poll::Ready(length)
                }
                None => Poll::Pending,
            },
        }
    }
}

impl Rounds {
    fn begin(&mut self) {
        self.left = self.left.max(ROUNDS);
        self.next.as_mut().reset(Instant::now() + ROUND);
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.left == 0 {
            return Poll::Pending;
        }
        ready!(self.next.as_mut().poll(context));
        self.left -= 1;
        self.next.as_mut().reset(Instant::now() + ROUND);
        Poll::Ready(())
    }
}

async fn resolve(address: &Address, wants_ipv4: bool) -> io::Result<SocketAddr> {
    let Address { host, port, .. } = address;
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("{host} was not looked up in time"));
    let found = timeout(PATIENCE, lookup_host((host.as_str(), *port))).await.map_err(late)??;
    let family = if wants_ipv4 { "IPv4" } else { "IPv6" };
    found
        .into_iter()
        .find(|address| address.is_ipv4() == wants_ipv4)
        .ok_or_else(|| io::Error::other(format!("{host} has no {family} address, as the calls' socket has")))
}
