//! All calls: who may begin one, who runs it, and how they all end.
use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use serde::Serialize;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;
use uuid::Uuid;
use voce_core::Call;
use webrtc::peer_connection::RTCIceCandidateInit;

use crate::{
    Config, IceServer,
    call::CallTask,
    counters::Counters,
    discover::Discovery,
    door::{Doorkeeper, Pass, Refusal, Refused, Visitor},
    error::{OfferError, TransportError},
    mux::Mux,
    peer::{Link, Peer, PeerError},
    ways::Ways,
};

/// An answer to an offer.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// The description.
    pub sdp: String,
    /// Always `answer`.
    pub r#type: &'static str,
    /// The call's name, to be given with later offers and candidates.
    pub pc_id: String,
}

/// A call in progress, as [`Transport::calls`] shows it.
#[derive(Clone, Debug, Serialize)]
pub struct CallStatus {
    /// The call's name.
    pub id: String,
    /// Seconds since its offer.
    pub seconds: f64,
    /// What was counted.
    #[serde(serialize_with = "shared")]
    pub counters: Arc<Counters>,
}

/// The WebRTC side of the server. Cheap to clone.
#[derive(Clone)]
pub struct Transport(Arc<Shared>);

struct Shared {
    config: Config,
    mux: Arc<Mux>,
    ways: Arc<Ways>,
    calls: Mutex<HashMap<String, Entry>>,
    places: Arc<Semaphore>,
    doorkeepers: Vec<Arc<dyn Doorkeeper>>,
    /// Callers that were turned away, in the order of [`Refusal`].
    refused: [AtomicU64; 4],
    accepted: mpsc::Sender<Call>,
    tasks: TaskTracker,
    /// No new calls.
    closed: CancellationToken,
    stop: CancellationToken,
}

struct Entry {
    link: Arc<Link>,
    replace: mpsc::Sender<Peer>,
    began: Instant,
    counters: Arc<Counters>,
    owner: Option<String>,
}

impl Entry {
    /// Whether this visitor may change the call.
    fn belongs_to(&self, visitor: &Visitor) -> bool {
        self.owner.is_none() || self.owner == visitor.owner
    }
}

/// Takes the call off the list however its task ends.
struct Listed {
    shared: Arc<Shared>,
    id: String,
    _place: OwnedSemaphorePermit,
    _passes: Vec<Pass>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.shared.calls.lock().remove(&self.id);
    }
}

impl Transport {
    /// Opens the UDP port. `http` is the address that the HTTP server listens on; the port opens there unless the
    /// configuration says otherwise. Calls come out of the receiver once they are connected; one that is not taken
    /// in time is refused. The doorkeepers are asked, in their order, before a new call begins.
    pub async fn bind(
        config: Config,
        http: IpAddr,
        doorkeepers: Vec<Arc<dyn Doorkeeper>>,
    ) -> Result<(Self, mpsc::Receiver<Call>), TransportError> {
        let address = SocketAddr::new(config.address.unwrap_or(http), config.port);
        let mux = Mux::bind(address).await.map_err(|error| TransportError::Bind { address, error })?;
        let address = mux.local();
        let (mut discovery, mapped) = Discovery::new(mux.clone(), &config.discover);
        let ways = Ways::new(&config, address, mapped)?;
        let (accepted, calls) = mpsc::channel(config.max_calls.max(1));
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        tasks.spawn(mux.clone().run(stop.clone()));
        discovery.begin().await;
        tasks.spawn(discovery.run(stop.clone()));
        tracing::info!(%address, ways = ?ways.standing(), relay = ?config.relay, "webrtc listens on one udp port");
        let shared = Shared {
            places: Arc::new(Semaphore::new(config.max_calls)),
            config,
            mux,
            ways: Arc::new(ways),
            calls: Mutex::default(),
            doorkeepers,
            refused: Default::default(),
            accepted,
            tasks,
            closed: stop.child_token(),
            stop,
        };
        Ok((Self(Arc::new(shared)), calls))
    }

    /// Answers an offer: a new call, a renegotiation of the call `pc_id`, or, with `restart`, a new connection for
    /// that call. A name that is not known begins a new call, as after a restart of the server. `user` says who calls
    /// a new one; nobody checks it, and what `visitor` has proved wins over it. A call of another owner counts as not
    /// known.
    pub async fn offer(
        &self,
        sdp: String,
        pc_id: Option<&str>,
        restart: bool,
        user: Option<String>,
        visitor: &Visitor,
    ) -> Result<Answer, OfferError> {
        let known = match pc_id {
            Some(id) => {
                let calls = self.0.calls.lock();
                match calls.get(id) {
                    Some(entry) if !entry.belongs_to(visitor) => {
                        return Err(OfferError::Unknown(id.to_owned()));
                    }
                    Some(entry) => Some((id.to_owned(), entry.link.clone(), entry.replace.clone())),
                    None => None,
                }
            }
            None => None,
        };
        match known {
            None => self.begin(sdp, visitor.user.clone().or(user), visitor).await,
            Some((id, link, _)) if !restart => Ok(answered(link.answer(sdp).await?, id)),
            Some((id, _, replace)) => {
                let (peer, answer) = self.accept(sdp).await?;
                let link = peer.link.clone();
                if let Err(refused) = replace.try_send(peer) {
                    let (mpsc::error::TrySendError::Full(peer) | mpsc::error::TrySendError::Closed(peer)) =
                        refused;
                    peer.link.close().await;
                    return Err(OfferError::Unknown(id));
                }
                if let Some(entry) = self.0.calls.lock().get_mut(&id) {
                    entry.link = link;
                }
                Ok(answered(answer, id))
            }
        }
    }

    /// Adds the browser's candidates to the call `pc_id`, if it is this visitor's.
    pub async fn add_candidates(
        &self,
        pc_id: &str,
        candidates: Vec<RTCIceCandidateInit>,
        visitor: &Visitor,
    ) -> Result<(), OfferError> {
        let link = {
            let calls = self.0.calls.lock();
            calls.get(pc_id).filter(|entry| entry.belongs_to(visitor)).map(|entry| entry.link.clone())
        };
        let link = link.ok_or_else(|| OfferError::Unknown(pc_id.to_owned()))?;
        for candidate in candidates {
            link.add_candidate(candidate).await?;
        }
        Ok(())
    }

    /// The settings in force.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The STUN and TURN servers that `visitor`'s browser should use. Passwords among them are fresh, and good for whoever
    /// has them: only for who may call.
    pub fn ice_servers(&self, visitor: &Visitor) -> Vec<IceServer> {
        self.0.ways.ice_servers(visitor)
    }

    /// The UDP address that carries all calls.
    pub fn local_address(&self) -> SocketAddr {
        self.0.mux.local()
    }

    /// The calls that are going on, connected or about to be.
    pub fn calls(&self) -> Vec<CallStatus> {
        let calls = self.0.calls.lock();
        let status = |(id, entry): (&String, &Entry)| CallStatus {
            id: id.clone(),
            seconds: entry.began.elapsed().as_secs_f64(),
            counters: entry.counters.clone(),
        };
        calls.iter().map(status).collect()
    }

    /// Who alone may go on with this call, while it goes on.
    pub fn owner_of(&self, call: &str) -> Option<String> {
        self.0.calls.lock().get(call)?.owner.clone()
    }

    /// Whether another call would be refused now, and why.
    pub fn full(&self) -> Option<OfferError> {
        if self.0.closed.is_cancelled() {
            return Some(self.shutting_down());
        }
        (self.0.places.available_permits() == 0).then(|| self.refusal())
    }

    /// Why a call of `visitor` would be refused now, for whoever asks before the offer. Counts as a refusal.
    pub fn turns_away(&self, visitor: &Visitor) -> Option<OfferError> {
        let error = self.full().or_else(|| {
            let refused = self.0.doorkeepers.iter().find_map(|keeper| keeper.would_admit(visitor).err());
            refused.map(OfferError::from)
        });
        error.map(|error| self.counted(error))
    }

    /// How many more calls may begin by their number alone.
    pub fn free_places(&self) -> usize {
        self.0.places.available_permits()
    }

    /// How many callers were refused for this reason.
    pub fn refused(&self, reason: Refusal) -> u64 {
        self.0.refused[reason as usize].load(Relaxed)
    }

    fn counted(&self, error: OfferError) -> OfferError {
        if let Some(reason) = error.refusal() {
            self.0.refused[reason as usize].fetch_add(1, Relaxed);
        }
        error
    }

    /// Routes held in the UDP port: calls, ICE user names, source addresses. For tests of leaks.
    pub fn routes(&self) -> (usize, usize, usize) {
        self.0.mux.routes()
    }

    /// Takes no new calls from now on; those that go on are not disturbed.
    pub fn close_door(&self) {
        self.0.closed.cancel();
    }

    /// Waits until no call goes on. After [`Transport::close_door`] that is for good.
    pub async fn wait_until_empty(&self) {
        let all = u32::try_from(self.0.config.max_calls).unwrap_or(u32::MAX);
        // Every call holds a place to its end; the semaphore is never closed.
        drop(self.0.places.acquire_many(all).await);
    }

    /// Says goodbye to all callers and waits until everything has ended, at most for `deadline`. Returns whether it
    /// has.
    pub async fn shutdown(&self, deadline: Duration) -> bool {
        self.0.stop.cancel();
        self.0.tasks.close();
        timeout(deadline, self.0.tasks.wait()).await.is_ok()
    }

    async fn begin(
        &self,
        sdp: String,
        user: Option<String>,
        visitor: &Visitor,
    ) -> Result<Answer, OfferError> {
        if self.0.closed.is_cancelled() {
            return Err(self.counted(self.shutting_down()));
        }
        let place = self.0.places.clone().try_acquire_owned();
        let place = place.map_err(|_| self.counted(self.refusal()))?;
        let keepers = self.0.doorkeepers.iter();
        let passes: Result<Vec<Pass>, Refused> = keepers.map(|keeper| keeper.admit(visitor)).collect();
        let passes = passes.map_err(|refused| self.counted(refused.into()))?;
        let (peer, answer) = self.accept(sdp).await?;
        let id = Uuid::new_v4().to_string();
        let (replace, replacements) = mpsc::channel(1);
        let counters = Arc::new(Counters::default());
        let entry = Entry {
            link: peer.link.clone(),
            replace,
            began: Instant::now(),
            counters: counters.clone(),
            owner: visitor.owner.clone(),
        };
        self.0.calls.lock().insert(id.clone(), entry);
        let listed = Listed { shared: self.0.clone(), id: id.clone(), _place: place, _passes: passes };
        let call = CallTask {
            id: id.clone(),
            user,
            peer,
            replacements,
            accepted: self.0.accepted.clone(),
            counters: counters.clone(),
            stop: self.0.stop.clone(),
        };
        let span = tracing::info_span!(parent: None, "transport.call", call = id);
        let task = async move {
            let began = Instant::now();
            let end = call.run(&listed.shared.config).await;
            tracing::info!(?end, seconds = began.elapsed().as_secs_f64(), ?counters, "call over");
            drop(listed);
        };
        self.0.tasks.spawn(task.instrument(span));
        Ok(answered(answer, id))
    }

    async fn accept(&self, sdp: String) -> Result<(Peer, String), PeerError> {
        Peer::accept(&self.0.config, &self.0.mux, &self.0.ways, &self.0.tasks, sdp).await
    }

    fn shutting_down(&self) -> OfferError {
        OfferError::ShuttingDown { retry_after_seconds: self.0.config.retry_after_seconds }
    }

    fn refusal(&self) -> OfferError {
        OfferError::Full {
            calls: self.0.config.max_calls,
            retry_after_seconds: self.0.config.retry_after_seconds,
        }
    }
}

fn shared<S: serde::Serializer>(counters: &Arc<Counters>, serializer: S) -> Result<S::Ok, S::Error> {
    counters.as_ref().serialize(serializer)
}

fn answered(sdp: String, pc_id: String) -> Answer {
    Answer { sdp, r#type: "answer", pc_id }
}
