//! The life of one call in one task: connecting, talking, reconnecting, and leaving nothing behind.
use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use voce_core::{AudioFrame, Call, Control, Event, SPEAKER_FRAMES, Speaker};
use webrtc::peer_connection::RTCPeerConnectionState as State;

use crate::{
    Config,
    channel::{Conversation, Ended},
    counters::Counters,
    microphone::{CHANNEL_FRAMES, Ear, listen},
    peer::Peer,
    speaker::{Voice, speak},
};

/// Events that may wait for the data channel; then they are dropped.
const EVENTS: usize = 512;
/// Time that the words of farewell have to reach the browser.
const GOODBYE: Duration = Duration::from_millis(100);

/// A year: in place of no limit.
const FOREVER_MINUTES: u32 = 60 * 24 * 365;

/// Why a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// The caller hung up.
    HungUp,
    /// The client asked for the end.
    Disconnect,
    /// The network was gone for too long.
    ConnectionLost,
    /// No connection came about in time.
    NeverConnected,
    /// The pipeline ended it.
    BotLeft,
    /// It lasted as long as a call may.
    TooLong,
    /// The server shuts down.
    ShutDown,
    /// Nobody took the call, or it could not be set up.
    Refused,
}

/// A call as the transport runs it.
pub struct CallTask {
    /// The call's name.
    pub id: String,
    /// Who calls, as the client says.
    pub user: Option<String>,
    /// The connection that it begins with.
    pub peer: Peer,
    /// Connections that replace it: the browser reconnected.
    pub replacements: mpsc::Receiver<Peer>,
    /// Where calls are taken.
    pub accepted: mpsc::Sender<Call>,
    /// The figures.
    pub counters: Arc<Counters>,
    /// Asks the call to end.
    pub stop: CancellationToken,
}

/// The pipeline's side of the call, kept across reconnections.
struct Ends {
    microphone: mpsc::Sender<AudioFrame>,
    controls: mpsc::Sender<Control>,
    speaker: mpsc::Receiver<AudioFrame>,
    events: mpsc::Receiver<Event>,
    ear: Ear,
    voice: Voice,
}

/// How a connection ended.
enum Turn {
    Over(CallEnd),
    Replaced(Peer),
}

impl CallTask {
    /// Runs the call to its end.
    pub async fn run(mut self, config: &Config) -> CallEnd {
        let mut ends = None;
        let mut peer = self.peer;
        let minutes = match config.max_call_minutes {
            0 => FOREVER_MINUTES,
            minutes => minutes,
        };
        let latest = Instant::now() + Duration::from_secs(60 * u64::from(minutes));
        loop {
            let turn = tokio::select! {
                turn = connection(&mut peer, &mut ends, (&self.id, self.user.as_deref()), &self.accepted, &self.counters, (&self.stop, latest), config) => turn,
                Some(newer) = self.replacements.recv() => Turn::Replaced(newer),
            };
            peer.link.close().await;
            match turn {
                Turn::Over(end) => return end,
                Turn::Replaced(newer) => peer = newer,
            }
        }
    }
}

/// One connection from its offer to its end.
async fn connection(
    peer: &mut Peer,
    ends: &mut Option<Ends>,
    caller: (&str, Option<&str>),
    accepted: &mpsc::Sender<Call>,
    counters: &Arc<Counters>,
    (stop, latest): (&CancellationToken, Instant),
    config: &Config,
) -> Turn {
    let patience = Duration::try_from_secs_f64(config.connect_seconds).unwrap_or(Duration::from_secs(20));
    tokio::select! {
        connected = timeout(patience, connected(&mut peer.state)) => match connected {
            Ok(true) => {}
            Ok(false) => return Turn::Over(CallEnd::ConnectionLost),
            Err(_) => return Turn::Over(CallEnd::NeverConnected),
        },
        () = stop.cancelled() => return Turn::Over(CallEnd::ShutDown),
    }
    let Ok(outgoing) = peer.link.outgoing().await else { return Turn::Over(CallEnd::Refused) };
    let ends = match ends {
        Some(ends) => ends,
        // Only now, so that an offer that nobody follows up starts no session.
        None => match Ends::hand_over(caller, accepted, counters, config) {
            Some(new) => ends.insert(new),
            None => return Turn::Over(CallEnd::Refused),
        },
    };
    let mut conversation = Conversation::new(ends.controls.clone(), counters.clone());
    let end = tokio::select! {
        ended = conversation.run(&mut peer.channels, &mut ends.events) => match ended {
            Ended::Closed => CallEnd::HungUp,
            Ended::Disconnect => CallEnd::Disconnect,
        },
        () = gone(&mut peer.state) => CallEnd::ConnectionLost,
        () = speak(&mut ends.voice, &mut ends.speaker, &outgoing) => CallEnd::BotLeft,
        () = listen(&mut ends.ear, &mut peer.tracks, &ends.microphone) => CallEnd::BotLeft,
        () = stop.cancelled() => CallEnd::ShutDown,
        () = sleep_until(latest) => CallEnd::TooLong,
    };
    if matches!(end, CallEnd::BotLeft | CallEnd::ShutDown | CallEnd::TooLong | CallEnd::Disconnect) {
        conversation.say_goodbye().await;
        sleep(GOODBYE).await;
    }
    Turn::Over(end)
}

impl Ends {
    /// Makes both ends of the call and gives the near one to whoever takes calls.
    fn hand_over(
        (id, user): (&str, Option<&str>),
        accepted: &mpsc::Sender<Call>,
        counters: &Arc<Counters>,
        config: &Config,
    ) -> Option<Self> {
        let ear = Ear::new(Instant::now(), counters.clone())
            .inspect_err(|error| tracing::error!(?error, "no opus decoder"))
            .ok()?;
        let voice = Voice::new(config, counters.clone())
            .inspect_err(
                |error| tracing::error!(%error, "check [transport] opus_bitrate and opus_complexity"),
            )
            .ok()?;
        let (microphone_in, microphone) = mpsc::channel(CHANNEL_FRAMES);
        let (speaker_in, speaker) = mpsc::channel(SPEAKER_FRAMES);
        let (events_in, events) = mpsc::channel(EVENTS);
        let (controls_in, controls) = mpsc::channel(voce_core::CONTROLS);
        let speaker_out = Speaker::new(speaker_in);
        let call = Call {
            id: id.to_owned(),
            user: user.map(str::to_owned),
            microphone,
            controls,
            speaker: speaker_out,
            events: events_in,
            recorder: None,
        };
        accepted
            .try_send(call)
            .inspect_err(|error| tracing::error!(call = id, %error, "nobody took the call"))
            .ok()?;
        Some(Self { microphone: microphone_in, controls: controls_in, speaker, events, ear, voice })
    }
}

/// Waits for the connection; false if it failed instead.
async fn connected(state: &mut watch::Receiver<State>) -> bool {
    let settled = |state: &State| matches!(state, State::Connected | State::Failed | State::Closed);
    state.wait_for(settled).await.is_ok_and(|state| *state == State::Connected)
}

/// Waits for the connection's end. A disconnection may heal and is none.
async fn gone(state: &mut watch::Receiver<State>) {
    drop(state.wait_for(|state| matches!(state, State::Failed | State::Closed)).await);
}
