//! A call, however it arrives. Transports differ only in who holds the far ends.
use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};

use crate::{AudioFrame, Event, TurnId};

/// Frames that may wait in front of a loudspeaker. Two: one being sent, one ready; more would be heard after an
/// interruption.
pub const SPEAKER_FRAMES: usize = 2;
/// Microphone frames that may wait for the voice detector: 2.56 s at 20 ms, so that a busy machine loses no word.
const MICROPHONE_FRAMES: usize = 128;
/// Events that may wait for an observer before they are dropped.
const EVENTS: usize = 512;
/// What a caller asked for by hand and that nobody took yet; more is dropped.
pub const CONTROLS: usize = 16;

/// What a caller does by hand instead of by voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Push-to-talk: the caller speaks from now on, and a bot that speaks stops.
    Press,
    /// Push-to-talk: the caller is done.
    Release,
    /// The bot stops speaking.
    Interrupt,
}

/// The near end of a call: what the assistant hears, says and tells.
pub struct Call {
    /// The call's name in traces and protocols, unique.
    pub id: String,
    /// Who calls, as their client says; nobody has checked it.
    pub user: Option<String>,
    /// Frames of 20 ms at 16 kHz, in order and at the speed of real time, silence included: all waiting and all
    /// deadlines of a conversation are counted in them. Ends when the caller hangs up.
    pub microphone: mpsc::Receiver<AudioFrame>,
    /// What the caller does by hand; may end before the call does.
    pub controls: mpsc::Receiver<Control>,
    /// The way to the caller's ear.
    pub speaker: Speaker,
    /// What observers see. Sent with `try_send`: an observer that lags must never slow the call.
    pub events: mpsc::Sender<Event>,
    /// Who keeps the sound of both sides, if anybody does.
    pub recorder: Option<Arc<dyn Recorder>>,
}

/// Hears both sides of a call. Called within the call's own tasks, every 20 ms: it must return at once, whatever
/// becomes of the sound.
pub trait Recorder: Send + Sync + 'static {
    /// The caller's sound, as it arrives.
    fn caller(&self, frame: &AudioFrame);
    /// The bot's sound, as it leaves for the caller's ear.
    fn bot(&self, frame: &AudioFrame);
    /// A word of the bot's that ends with the sound so far.
    fn word(&self, turn: TurnId, text: &str);
}

/// The bot's voice. Holding the guard is the right to speak, so two replies never overlap.
#[derive(Clone)]
pub struct Speaker(Arc<Mutex<mpsc::Sender<AudioFrame>>>);

impl Speaker {
    /// A speaker that delivers to `frames`.
    pub fn new(frames: mpsc::Sender<AudioFrame>) -> Self {
        Self(Arc::new(Mutex::new(frames)))
    }

    /// Waits until nobody else speaks.
    pub async fn hold(&self) -> OwnedMutexGuard<mpsc::Sender<AudioFrame>> {
        self.0.clone().lock_owned().await
    }
}

/// The other end of a call: what a transport, a test or a WAV file plugs into.
pub struct FarEnd {
    /// Where the caller's sound goes in.
    pub microphone: mpsc::Sender<AudioFrame>,
    /// Buttons.
    pub controls: mpsc::Sender<Control>,
    /// Where the bot's sound comes out: frames of 20 ms at the voice's rate, paced in real time.
    pub speaker: mpsc::Receiver<AudioFrame>,
    /// What happens, as it happens.
    pub events: mpsc::Receiver<Event>,
}

/// Both ends of a call named `id`.
pub fn in_memory(id: impl Into<String>) -> (Call, FarEnd) {
    let (mic_in, microphone) = mpsc::channel(MICROPHONE_FRAMES);
    let (controls_in, controls) = mpsc::channel(CONTROLS);
    let (speaker_in, speaker) = mpsc::channel(SPEAKER_FRAMES);
    let (events_in, events) = mpsc::channel(EVENTS);
    let speaker_out = Speaker::new(speaker_in);
    let call = Call {
        id: id.into(),
        user: None,
        microphone,
        controls,
        speaker: speaker_out,
        events: events_in,
        recorder: None,
    };
    (call, FarEnd { microphone: mic_in, controls: controls_in, speaker, events })
}
