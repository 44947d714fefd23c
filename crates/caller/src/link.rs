//! One WebRTC connection of a caller, the offering side.
use std::{sync::Arc, time::Duration};

use ropus::{Channels, DecodeMode, Decoder};
use rtc::{
    media_stream::MediaStreamTrack,
    peer_connection::configuration::{
        RTCOfferOptions,
        media_engine::{MIME_TYPE_OPUS, MediaEngine},
    },
    rtp_transceiver::rtp_sender::{
        RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
    },
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use webrtc::{
    data_channel::{DataChannel, DataChannelEvent},
    media_stream::{
        track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
        track_remote::{TrackRemote, TrackRemoteEvent},
    },
    peer_connection::{
        PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
        RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription, Registry, SettingEngineBuilder,
        configure_rtcp_reports,
    },
};

use super::{
    CallerError, HEARD_RATE_HZ,
    cable::Cable,
    mouth::{self, Speech},
    record::{Heard, Record},
};

/// The number this side knows Opus by.
pub const PAYLOAD_TYPE: u8 = 111;
/// Time for candidates to be found and for the connection to come about.
const PATIENCE: Duration = Duration::from_secs(15);

/// A connection and the tasks that live with it.
pub struct Link {
    connection: Arc<dyn PeerConnection>,
    channel: Arc<dyn DataChannel>,
    track: Arc<TrackLocalStaticRTP>,
    ssrc: u32,
    state: watch::Receiver<RTCPeerConnectionState>,
    open: watch::Receiver<bool>,
    gathered: watch::Receiver<bool>,
    local: bool,
    cable: Cable,
    tasks: JoinSet<()>,
}

struct Observer {
    state: watch::Sender<RTCPeerConnectionState>,
    gathered: watch::Sender<bool>,
    tracks: mpsc::Sender<Arc<dyn TrackRemote>>,
}

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
}

impl Link {
    /// A connection with its offer. `local` keeps it to the loopback interface.
    pub async fn open(record: &Arc<Record>, local: bool) -> Result<(Self, String), CallerError> {
        let mut media = MediaEngine::default();
        media.register_codec(
            RTCRtpCodecParameters { rtp_codec: opus(), payload_type: PAYLOAD_TYPE },
            RtpCodecKind::Audio,
        )?;
        let settings = SettingEngineBuilder::new()
            .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled)
            .build();
        let cable = Cable::default();
        let (state_sender, state) = watch::channel(RTCPeerConnectionState::New);
        let (gathered_sender, gathered) = watch::channel(false);
        let (track_sender, tracks) = mpsc::channel(4);
        let observer = Observer { state: state_sender, gathered: gathered_sender, tracks: track_sender };
        let connection: Arc<dyn PeerConnection> = Arc::new(
            PeerConnectionBuilder::new()
                .with_configuration(RTCConfigurationBuilder::default().build())
                .with_media_engine(media)
                .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
                .with_setting_engine(settings)
                .with_handler(Arc::new(observer))
                .with_runtime(Arc::new(cable.clone()))
                .with_udp_addrs(vec![if local { "127.0.0.1:0" } else { "0.0.0.0:0" }])
                .build()
                .await?,
        );
        let (track, ssrc) = voice_track();
        connection.add_track(track.clone() as Arc<dyn TrackLocal>).await?;
        let channel = connection.create_data_channel("chat", None).await?;
        let (open_sender, open) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(listen(tracks, record.clone()));
        tasks.spawn(read(channel.clone(), record.clone(), open_sender));
        let mut link = Self { connection, channel, track, ssrc, state, open, gathered, local, cable, tasks };
        let offer = link.connection.create_offer(None).await?;
        let offer = link.gather(offer).await?;
        Ok((link, offer))
    }

    /// Takes the first answer, waits for the connection and the channel, and begins to speak.
    pub async fn connect(&mut self, answer: String) -> Result<mpsc::Sender<Speech>, CallerError> {
        self.take_answer(answer).await?;
        let connected = async {
            let settled = |state: &RTCPeerConnectionState| {
                matches!(state, RTCPeerConnectionState::Connected | RTCPeerConnectionState::Failed)
            };
            self.state.wait_for(settled).await.ok()?;
            self.open.wait_for(|open| *open).await.ok().map(|_| ())
        };
        let what = || CallerError::Late { what: "connection".into(), waited: PATIENCE, received: Vec::new() };
        timeout(PATIENCE, connected).await.map_err(|_| what())?.ok_or(CallerError::Over)?;
        let (said, speech) = mpsc::channel(4);
        self.tasks.spawn(mouth::speak(self.track.clone(), self.ssrc, speech));
        Ok(said)
    }

    /// A new offer for the same connection, with new ICE credentials.
    pub async fn restart_offer(&mut self) -> Result<String, CallerError> {
        let options = RTCOfferOptions { ice_restart: true };
        let offer = self.connection.create_offer(Some(options)).await?;
        self.gather(offer).await
    }

    /// Takes an answer.
    pub async fn take_answer(&self, sdp: String) -> Result<(), CallerError> {
        Ok(self.connection.set_remote_description(RTCSessionDescription::answer(sdp)?).await?)
    }

    /// The connection's state.
    pub fn state(&self) -> RTCPeerConnectionState {
        *self.state.borrow()
    }

    /// The data channel.
    pub fn channel(&self) -> &dyn DataChannel {
        self.channel.as_ref()
    }

    /// Whether it is kept to the loopback interface.
    pub fn is_local(&self) -> bool {
        self.local
    }

    /// Closes the channel, then the connection.
    pub async fn hang_up(self) {
        drop(self.channel.close().await);
        // The notice travels on the connection that is closed next.
        sleep(Duration::from_millis(30)).await;
        self.close().await;
    }

    /// Loses the network, or has it again.
    pub fn plug(&self, is_in: bool) {
        if is_in { self.cable.mend() } else { self.cable.cut() }
    }

    /// Ends the connection and its tasks with no further word to the server.
    pub async fn vanish(self) {
        self.cable.cut();
        self.close().await;
    }

    /// Ends the connection and its tasks.
    pub async fn close(mut self) {
        self.tasks.shutdown().await;
        drop(self.connection.close().await);
    }

    async fn gather(&mut self, offer: RTCSessionDescription) -> Result<String, CallerError> {
        self.connection.set_local_description(offer).await?;
        // On one machine this is immediate; a restart that finds nothing new may say nothing.
        drop(timeout(Duration::from_secs(1), self.gathered.wait_for(|gathered| *gathered)).await);
        let description = self.connection.local_description().await.ok_or(CallerError::Over)?;
        Ok(description.sdp)
    }
}

async fn read(channel: Arc<dyn DataChannel>, record: Arc<Record>, open: watch::Sender<bool>) {
    while let Some(event) = channel.poll().await {
        match event {
            DataChannelEvent::OnOpen => drop(open.send_replace(true)),
            DataChannelEvent::OnMessage(message) => record.receive(&message.data),
            DataChannelEvent::OnClose | DataChannelEvent::OnClosing => break,
            _ => {}
        }
    }
    record.end();
}

async fn listen(mut tracks: mpsc::Receiver<Arc<dyn TrackRemote>>, record: Arc<Record>) {
    let mut decoder = Decoder::new(HEARD_RATE_HZ, Channels::Mono).expect("24 kHz mono is an Opus rate");
    let mut pcm = vec![0.0; HEARD_RATE_HZ as usize * 120 / 1000];
    while let Some(track) = tracks.recv().await {
        let mut first = None;
        while let Some(event) = track.poll().await {
            let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
            let at = Instant::now();
            let first = *first.get_or_insert(packet.header.timestamp);
            // 48 kHz ticks; what came before the first packet is of no interest.
            let ticks = packet.header.timestamp.wrapping_sub(first) as i32;
            let Ok(ticks) = u64::try_from(ticks) else { continue };
            let Ok(length) = decoder.decode_float(&packet.payload, &mut pcm, DecodeMode::Normal) else {
                continue;
            };
            record.hear(Heard { at, position: ticks / 2, samples: pcm[..length].to_vec() });
        }
    }
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

fn voice_track() -> (Arc<TrackLocalStaticRTP>, u32) {
    // Any number will do: a connection carries one stream each way.
    let ssrc = 0x766f_6365;
    let encoding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        codec: opus(),
        ..Default::default()
    };
    let track = MediaStreamTrack::new(
        "caller".into(),
        "caller-audio".into(),
        "audio".into(),
        RtpCodecKind::Audio,
        vec![encoding],
    );
    (Arc::new(TrackLocalStaticRTP::new(track)), ssrc)
}
