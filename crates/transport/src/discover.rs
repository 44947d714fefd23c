//! The address and port that a NAT gives the shared socket, asked of STUN servers again and again: the answer is what
//! browsers are told, and the questions keep the NAT's door open.
use std::{collections::HashSet, io, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::{
    net::lookup_host,
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::mux::Mux;

/// NATs forget a way that was not used for half a minute.
const EVERY: Duration = Duration::from_secs(25);
/// How long a start waits for the first answers.
const FIRST: Duration = Duration::from_secs(2);
/// Time for a server's name to be looked up.
const LOOK_UP: Duration = Duration::from_millis(700);
/// How often it is asked, and how long each time it may take.
const TRIES: u32 = 3;
const PATIENCE: Duration = Duration::from_millis(400);
/// A STUN server's port where none is named.
const PORT: u16 = 3478;

/// Asks the servers of `[transport] discover`.
pub struct Discovery {
    mux: Arc<Mux>,
    servers: Vec<String>,
    found: watch::Sender<Vec<SocketAddr>>,
    /// Those that gave no answer, so that each is logged once.
    silent: HashSet<String>,
    is_symmetric: bool,
}

impl Discovery {
    /// What has been found stands in the receiver, at any time.
    pub fn new(mux: Arc<Mux>, servers: &[String]) -> (Self, watch::Receiver<Vec<SocketAddr>>) {
        let (found, receiver) = watch::channel(Vec::new());
        let servers = servers.to_vec();
        (Self { mux, servers, found, silent: HashSet::new(), is_symmetric: false }, receiver)
    }

    /// The first round, as long as a start can wait for it. What comes later is told to later callers.
    pub async fn begin(&mut self) {
        if !self.servers.is_empty() && timeout(FIRST, self.round()).await.is_err() {
            tracing::warn!(servers = ?self.servers, "no STUN server answered in time; calls begin without");
        }
    }

    /// Asks again and again until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        if self.servers.is_empty() {
            return;
        }
        let forever = async {
            loop {
                sleep(EVERY).await;
                self.round().await;
            }
        };
        stop.run_until_cancelled(forever).await;
    }

    async fn round(&mut self) {
        let answers = join_all(self.servers.iter().map(|server| ask(&self.mux, server))).await;
        let mut mapped = Vec::new();
        for (server, answer) in self.servers.iter().zip(answers) {
            match answer {
                Ok(address) => {
                    self.silent.remove(server);
                    if !mapped.contains(&address) {
                        mapped.push(address);
                    }
                }
                Err(error) if self.silent.insert(server.clone()) => {
                    tracing::warn!(server, %error, "a STUN server of [transport] discover tells nothing; it is asked again");
                }
                Err(_) => {}
            }
        }
        // One address, but a port for each who is asked: browsers would get yet another one.
        let is_symmetric = mapped.windows(2).any(|two| two[0].ip() == two[1].ip());
        if is_symmetric && !self.is_symmetric {
            tracing::warn!(
                ?mapped,
                "this NAT gives every destination a port of its own: direct calls will fail; set [transport] relay"
            );
        }
        self.is_symmetric = is_symmetric;
        // A round without answers says nothing: what was true before most likely still is.
        if !mapped.is_empty() && *self.found.borrow() != mapped {
            tracing::info!(?mapped, "this machine as STUN servers see it");
            self.found.send_replace(mapped);
        }
    }
}

async fn ask(mux: &Arc<Mux>, server: &str) -> io::Result<SocketAddr> {
    let address = resolve(server, mux.local().is_ipv4()).await?;
    let mut question = mux.question();
    for _ in 0..TRIES {
        question.send(address).await?;
        match timeout(PATIENCE, question.answer()).await {
            Ok(Some(mapped)) => return Ok(mapped),
            Ok(None) => return Err(io::Error::other(format!("{address} answered without an address"))),
            Err(_) => {}
        }
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("{address} gave no answer")))
}

/// The server's address of the family that the shared socket has.
async fn resolve(server: &str, wants_ipv4: bool) -> io::Result<SocketAddr> {
    let server = server.strip_prefix("stun:").unwrap_or(server);
    let has_port = server.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let named = if has_port { server.to_owned() } else { format!("{server}:{PORT}") };
    let found = timeout(LOOK_UP, lookup_host(&named)).await.map_err(|_| {
        io::Error::new(io::ErrorKind::TimedOut, format!("{named} was not looked up in time"))
    })??;
    let family = if wants_ipv4 { "IPv4" } else { "IPv6" };
    found
        .into_iter()
        .find(|address| address.is_ipv4() == wants_ipv4)
        .ok_or_else(|| io::Error::other(format!("{named} has no {family} address, as the calls' socket has")))
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::*;

    /// Answers every question as if it came from `seen`; the first one it does not hear.
    async fn stun_server(socket: UdpSocket, seen: [u8; 12]) {
        let mut buffer = [0; 128];
        let mut heard = 0;
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            heard += 1;
            if heard == 1 {
                continue;
            }
            let mut answer = buffer[..length].to_vec();
            (answer[0], answer[1], answer[3]) = (1, 1, 12);
            answer.extend(seen);
            socket.send_to(&answer, from).await.unwrap();
        }
    }

    #[tokio::test]
    async fn the_mapped_address_is_found_and_a_silent_server_changes_nothing() {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let names = [&server, &silent].map(|socket| socket.local_addr().unwrap().to_string());
        let mux = Mux::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let stop = CancellationToken::new();
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(mux.clone().run(stop.clone()));
        // 192.0.2.1:32853, masked.
        tasks.spawn(stun_server(server, [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]));
        let (mut discovery, found) = Discovery::new(mux.clone(), &names);
        discovery.begin().await;
        assert_eq!(*found.borrow(), ["192.0.2.1:32853".parse::<SocketAddr>().unwrap()]);
        assert!(!discovery.is_symmetric);
        assert_eq!(discovery.silent.len(), 1, "the other one is known as silent");
        assert!(mux.question_count() == 0, "no question is left behind");
        stop.cancel();
    }
}
