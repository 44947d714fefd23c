//! One WebRTC connection: Opus alone, the shared UDP port, offers answered. What flows over it is elsewhere.
use std::{
    net::SocketAddr,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use parking_lot::Mutex;
use rtc::{
    media_stream::MediaStreamTrack,
    peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MediaEngine},
    rtp_transceiver::rtp_sender::{
        RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
    },
};
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_util::task::TaskTracker;
use webrtc::{
    data_channel::DataChannel,
    media_stream::{
        track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
        track_remote::TrackRemote,
    },
    peer_connection::{
        PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCIceCandidateInit,
        RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngine,
        SettingEngineBuilder, configure_rtcp_reports,
    },
    rtp_transceiver::RtpSender,
};

use crate::{
    Config,
    mux::{Mux, Port},
    runtime::CallRuntime,
    sdp::{self, Candidate, Kind},
    ways::{self, Relayed, Ways},
};

/// Tracks or channels that may wait to be looked at. A browser opens one of each; more are ignored.
const WAITING: usize = 8;
/// Candidates of a caller's that one connection takes after the offer: each is an address that we send checks to.
const MOST_CANDIDATES: usize = 256;
/// Bytes that may wait on the data channel before messages are dropped.
const CHANNEL_BUFFER: usize = 1 << 20;
/// How long an answer waits for the TURN server's: two questions to it, once repeated.
const ALLOCATION: Duration = Duration::from_millis(1500);

/// Why an offer or a candidate was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// The description could not be applied.
    #[error("the offer was not understood: {0}")]
    Offer(String),
    /// The description holds no audio section that we can answer with Opus.
    #[error("the offer has no audio section with Opus")]
    NoAudio,
    /// A candidate line is malformed.
    #[error("the candidate was not understood: {0}")]
    Candidate(String),
    /// Only a TURN server leads here, and it does not.
    #[error("calls reach this server over a TURN server alone, and that failed: {0}; try again")]
    NoRelay(String),
    /// The connection could not be made at all.
    #[error("a connection could not be set up: {0}")]
    Setup(String),
}

/// A connection that has been offered to us, and what arrives on it.
pub struct Peer {
    /// The handle for negotiation, shared with the HTTP routes.
    pub link: Arc<Link>,
    /// The connection's state.
    pub state: watch::Receiver<RTCPeerConnectionState>,
    /// Tracks that the browser sends.
    pub tracks: mpsc::Receiver<Arc<dyn TrackRemote>>,
    /// Channels that the browser opens.
    pub channels: mpsc::Receiver<Arc<dyn DataChannel>>,
}

/// What negotiation needs of a connection.
pub struct Link {
    connection: Arc<dyn PeerConnection>,
    port: Arc<Port>,
    ways: Arc<Ways>,
    relay: Option<Relay>,
    sender: Arc<dyn RtpSender>,
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    candidates: AtomicUsize,
}

/// The connection's way over a TURN server.
struct Relay {
    server: SocketAddr,
    /// Whether the crate has found all ways of its own, of which there is this one.
    gathered: watch::Sender<bool>,
    /// The addresses there. They stay the same when a connection is negotiated again.
    known: Mutex<Vec<SocketAddr>>,
}

/// The bot's outgoing track as negotiated.
pub struct Outgoing {
    /// Where packets go.
    pub track: Arc<TrackLocalStaticRTP>,
    /// The stream's number.
    pub ssrc: u32,
    /// The number the browser knows Opus by.
    pub payload_type: u8,
}

struct Observer {
    state: watch::Sender<RTCPeerConnectionState>,
    gathered: watch::Sender<bool>,
    tracks: mpsc::Sender<Arc<dyn TrackRemote>>,
    channels: mpsc::Sender<Arc<dyn DataChannel>>,
}

// These run on the connection's driver task: whatever waited here would stop the connection.
#[async_trait::async_trait]
impl PeerConnectionEventHandler for Observer {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.state.send_replace(state);
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered.send_replace(state == RTCIceGatheringState::Complete);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        drop(self.tracks.try_send(track));
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        drop(self.channels.try_send(channel));
    }
}

impl Peer {
    /// A connection that answers `offer` (SDP); returns the answer beside it.
    pub async fn accept(
        config: &Config,
        mux: &Arc<Mux>,
        ways: &Arc<Ways>,
        tasks: &TaskTracker,
        offer: String,
    ) -> Result<(Self, String), PeerError> {
        let relayed = match ways.relayed(mux.local().is_ipv4(), tasks).await {
            Ok(relayed) => relayed,
            Err(reason) if ways.is_relay_only() => return Err(PeerError::NoRelay(reason)),
            Err(reason) => {
                tracing::warn!(%reason, "a call begins without its way over the TURN server");
                None
            }
        };
        let peer = Self::new(config, mux, ways, relayed, tasks)
            .await
            .map_err(|error| PeerError::Setup(error.to_string()))?;
        match peer.link.answer(offer).await {
            Ok(answer) => Ok((peer, answer)),
            Err(error) => {
                peer.link.close().await;
                Err(error)
            }
        }
    }

    async fn new(
        config: &Config,
        mux: &Arc<Mux>,
        ways: &Arc<Ways>,
        relayed: Option<Relayed>,
        tasks: &TaskTracker,
    ) -> Result<Self, webrtc::error::Error> {
        let mut media = MediaEngine::default();
        // One codec, so that the answer holds Opus alone.
        media.register_codec(opus_parameters(), RtpCodecKind::Audio)?;
        let registry = configure_rtcp_reports(Registry::new());
        let (state_sender, state) = watch::channel(RTCPeerConnectionState::New);
        let (track_sender, tracks) = mpsc::channel(WAITING);
        let (channel_sender, channels) = mpsc::channel(WAITING);
        let gathered = watch::Sender::new(false);
        let port = mux.port();
        let configuration = ways::configuration(relayed.as_ref(), ways.is_relay_only());
        let socket = relayed.map(|relayed| Arc::new(relayed.socket));
        // Never contacted: the address only makes the crate gather one candidate of the right family.
        let placeholder = if port.local().is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
        let connection: Arc<dyn PeerConnection> = Arc::new(
            PeerConnectionBuilder::new()
                .with_configuration(configuration)
                .with_media_engine(media)
                .with_interceptor_registry(registry)
                .with_setting_engine(settings(config))
                .with_handler(Arc::new(Observer {
                    state: state_sender,
                    gathered: gathered.clone(),
                    tracks: track_sender,
                    channels: channel_sender,
                }))
                .with_data_channel_send_buffer_limit(CHANNEL_BUFFER)
                .with_runtime(Arc::new(CallRuntime {
                    port: port.clone(),
                    relay: socket.clone(),
                    tasks: tasks.clone(),
                }))
                .with_udp_addrs(vec![placeholder])
                .build()
                .await?,
        );
        let (track, ssrc) = outgoing_track();
        // Before the offer is applied, so that it pairs with the offer's own audio section.
        let sender = connection.add_track(track.clone() as Arc<dyn TrackLocal>).await?;
        let relay = socket.map(|socket| Relay { server: socket.server(), gathered, known: Mutex::default() });
        let candidates = AtomicUsize::new(0);
        let link =
            Arc::new(Link { connection, port, ways: ways.clone(), relay, sender, track, ssrc, candidates });
        Ok(Self { link, state, tracks, channels })
    }
}

impl Link {
    /// Answers an offer: the first one, a renegotiation or an ICE restart.
    pub async fn answer(&self, offer: String) -> Result<String, PeerError> {
        // The parser reads what strangers send; a flaw in it must not end more than their own request.
        let answer = AssertUnwindSafe(self.negotiate(offer)).catch_unwind().await;
        answer.unwrap_or_else(|_| Err(PeerError::Offer("it is malformed".into())))
    }

    async fn negotiate(&self, offer: String) -> Result<String, PeerError> {
        let refused = |error: webrtc::error::Error| PeerError::Offer(error.to_string());
        sdp::check_offer(&offer).map_err(PeerError::Offer)?;
        let offer = RTCSessionDescription::offer(offer).map_err(refused)?;
        self.connection.set_remote_description(offer).await.map_err(refused)?;
        let answer = self.connection.create_answer(None).await.map_err(refused)?;
        for ufrag in sdp::ufrags(&answer.sdp) {
            self.port.own_ufrag(ufrag);
        }
        self.connection.set_local_description(answer).await.map_err(refused)?;
        let relayed = self.relayed().await?;
        let Some(answer) = self.connection.local_description().await else {
            return Err(PeerError::Offer("no answer came of it".into()));
        };
        for ufrag in sdp::ufrags(&answer.sdp) {
            self.port.own_ufrag(ufrag);
        }
        self.outgoing().await?;
        let mut candidates = self.ways.standing();
        candidates.extend(relayed.into_iter().map(|address| Candidate { kind: Kind::Relayed, address }));
        Ok(sdp::with_candidates(&answer.sdp, &candidates))
    }

    /// This connection's addresses at the TURN server, if it has a way over one.
    async fn relayed(&self) -> Result<Vec<SocketAddr>, PeerError> {
        let Some(relay) = &self.relay else { return Ok(Vec::new()) };
        let known = relay.known.lock().clone();
        if !known.is_empty() {
            return Ok(known);
        }
        let mut gathered = relay.gathered.subscribe();
        let in_time = timeout(ALLOCATION, gathered.wait_for(|gathered| *gathered)).await.is_ok();
        let found = self.connection.local_description().await;
        let found = found.map(|description| sdp::relayed(&description.sdp)).unwrap_or_default();
        if !found.is_empty() {
            relay.known.lock().clone_from(&found);
            return Ok(found);
        }
        let how = if in_time { "refused an address (wrong secret, or none free)" } else { "gave no answer" };
        let reason = format!("the TURN server {} {how}", relay.server);
        if self.ways.is_relay_only() {
            return Err(PeerError::NoRelay(reason));
        }
        tracing::warn!(%reason, "a call begins without its way over the TURN server");
        Ok(Vec::new())
    }

    /// The bot's track, once an offer has been answered.
    pub async fn outgoing(&self) -> Result<Outgoing, PeerError> {
        let parameters = self.sender.get_parameters().await.map_err(|_| PeerError::NoAudio)?;
        let codec = parameters.rtp_parameters.codecs.first().ok_or(PeerError::NoAudio)?;
        Ok(Outgoing { track: self.track.clone(), ssrc: self.ssrc, payload_type: codec.payload_type })
    }

    /// Takes a candidate of the browser's. Names that only its own network resolves (mDNS), TCP and the
    /// end-of-candidates mark are passed over: the browser's checks reach us without them.
    pub async fn add_candidate(&self, candidate: RTCIceCandidateInit) -> Result<(), PeerError> {
        let line = candidate.candidate.trim().to_ascii_lowercase();
        if line.is_empty() || line.contains(".local ") || line.contains(" tcp ") {
            return Ok(());
        }
        if self.candidates.fetch_add(1, Ordering::Relaxed) >= MOST_CANDIDATES {
            return Err(PeerError::Candidate(format!("the call has {MOST_CANDIDATES} already")));
        }
        let added = AssertUnwindSafe(self.connection.add_ice_candidate(candidate)).catch_unwind().await;
        match added {
            Ok(result) => result.map_err(|error| PeerError::Candidate(error.to_string())),
            Err(_) => Err(PeerError::Candidate("it is malformed".into())),
        }
    }

    /// Ends the connection and its driver task.
    pub async fn close(&self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "closing a connection");
        }
    }
}

fn settings(config: &Config) -> SettingEngine {
    let seconds = |value: f64| Some(Duration::try_from_secs_f64(value).unwrap_or(Duration::from_secs(10)));
    SettingEngineBuilder::new()
        .with_ice_timeouts(
            seconds(config.disconnected_seconds),
            seconds(config.failed_seconds),
            Some(Duration::from_secs(1)),
        )
        // Otherwise every call opens a multicast socket to look up names that we do not need.
        .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled)
        .build()
}

fn opus() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

fn opus_parameters() -> RTCRtpCodecParameters {
    RTCRtpCodecParameters { rtp_codec: opus(), payload_type: 111 }
}

fn outgoing_track() -> (Arc<TrackLocalStaticRTP>, u32) {
    let ssrc = rand::random::<u32>();
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        codec: opus(),
        ..Default::default()
    };
    let track = MediaStreamTrack::new(
        "voce".into(),
        "voce-audio".into(),
        "audio".into(),
        RtpCodecKind::Audio,
        vec![encoding],
    );
    (Arc::new(TrackLocalStaticRTP::new(track)), ssrc)
}
