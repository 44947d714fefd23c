//! What the `webrtc` crate runs on: Tokio, with sockets that are shares of the one UDP port and tasks that we own.
use std::{
    future::Future,
    io::{self, IoSliceMut},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio_util::task::TaskTracker;
use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, RecvMeta, Runtime,
    TokioRuntime, Transmit,
};

use crate::{mux::Port, relay::RelaySocket};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The runtime of one peer connection.
#[derive(Debug)]
pub struct CallRuntime {
    /// The call's share of the UDP socket.
    pub port: Arc<Port>,
    /// The call's own way to a TURN server, if it has one.
    pub relay: Option<Arc<RelaySocket>>,
    /// Owns the connection's driver task.
    pub tasks: TaskTracker,
}

/// What the crate takes for its one socket: the share of the port, and beside it what goes to and comes from the TURN
/// server.
#[derive(Debug)]
struct CallSocket {
    port: Arc<Port>,
    relay: Option<Arc<RelaySocket>>,
}

struct Task(tokio::task::JoinHandle<()>);

impl JoinHandle for Task {
    fn detach(&self) {}
    fn abort(&self) {
        self.0.abort();
    }
    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl AsyncUdpSocket for CallSocket {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.port.local())
    }

    fn poll_send(&self, _: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        Poll::Ready(match &self.relay {
            Some(relay) if relay.server() == transmit.destination => relay.send(transmit.contents),
            _ => self.port.send(transmit.contents, transmit.destination),
        })
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let (Some(buffer), Some(meta)) = (buffers.first_mut(), meta.first_mut()) else {
            return Poll::Ready(Ok(0));
        };
        let (length, source) = match (self.port.poll_receive(context), &self.relay) {
            (Poll::Ready(Some((datagram, source))), _) => {
                let length = datagram.len().min(buffer.len());
                buffer[..length].copy_from_slice(&datagram[..length]);
                (length, source)
            }
            (Poll::Ready(None), _) => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            (Poll::Pending, Some(relay)) => (ready!(relay.poll_receive(context, buffer)), relay.server()),
            (Poll::Pending, None) => return Poll::Pending,
        };
        *meta = RecvMeta::default();
        (meta.addr, meta.len, meta.stride) = (source, length, length.max(1));
        Poll::Ready(Ok(1))
    }
}

impl Runtime for CallRuntime {
    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) -> Box<dyn JoinHandle> {
        Box::new(Task(self.tasks.spawn(future)))
    }

    fn wrap_udp_socket(&self, _unused: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        // The crate binds a socket of its own and has no way around it; it closes here.
        Ok(Arc::new(CallSocket { port: self.port.clone(), relay: self.relay.clone() }))
    }

    fn wrap_tcp_listener(&self, listener: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        TokioRuntime.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(&'a self, remote: SocketAddr) -> Boxed<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        Box::pin(async move { TokioRuntime.connect_tcp(remote).await })
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> Boxed<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { TokioRuntime.resolve_host(host).await })
    }

    fn sleep(&self, duration: Duration) -> Boxed<'static, ()> {
        TokioRuntime.sleep(duration)
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        TokioRuntime.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        TokioRuntime.block_on(future);
    }

    fn name(&self) -> &'static str {
        "tokio, one port"
    }
}
