//! The last turns for those who look at the page: stages, sound, words, decisions and scores. In memory, bounded, and
//! gone with the process.
//!
//! Spans come from the telemetry (`Telemetry::watch`), sound from the pipeline (`voce_core::Recorder`), words and
//! decisions from the call's events. A turn is put together when its root span arrives.
mod config;
mod recorder;
mod routes;
mod scores;
mod sound;
mod store;
mod turn;

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;
use voce_core::{Call, TurnId};
use voce_telemetry::{Redactor, SeenSpan, Side, Telemetry};

use crate::{access::Guest, config::Config};

pub use config::InspectorConfig;
use recorder::Recording;
pub use recorder::{BEFORE_SPEECH, CallRecorder};
pub use routes::router;
pub use scores::Scores;
use sound::Sound;
use store::{Kept, Store};
use turn::TurnView;

/// Spans that may wait to be looked at. A turn has about 20.
const SPANS: usize = 4_096;
/// Turns whose root has not come; more means that roots were lost.
const MOST_OPEN: usize = 1_024;
/// The last words of a turn travel another way than its spans.
const SETTLES: Duration = Duration::from_millis(150);
/// How long a call's recording outlives the call: its last turn's spans come after it.
const OUTLIVES: Duration = Duration::from_secs(10);
/// What an attached recording of the caller holds after their last word, seconds.
const AFTER_SPEECH: f64 = 0.3;
/// Events that may wait for the real observer, as in every call.
const EVENTS: usize = 512;

/// Cheap to clone.
#[derive(Clone)]
pub struct Inspector(Arc<Shared>);

/// The recording of a call, and who may hear it.
type Heard = (Arc<CallRecorder>, Option<String>);

struct Shared {
    config: InspectorConfig,
    /// Of a recording that is attached to its trace, seconds.
    longest_audio: u32,
    redactor: Redactor,
    telemetry: Telemetry,
    /// Recordings of calls, and whose they are.
    calls: Mutex<HashMap<String, Heard>>,
    store: Mutex<Store>,
}

impl Inspector {
    /// An inspector of what `telemetry` sees; `redactor` says which words may be kept, and whether sound may.
    pub fn new(config: &Config, redactor: Redactor, telemetry: Telemetry) -> Self {
        let (config, longest_audio) = (config.inspector.clone(), config.telemetry.audio.longest_seconds);
        let store = Mutex::new(Store::new(config.turns, config.sound_bytes));
        Self(Arc::new(Shared { config, longest_audio, redactor, telemetry, calls: Mutex::default(), store }))
    }

    /// Puts turns together as their spans come, until `stop` and for what had come by then.
    pub async fn run(self, stop: CancellationToken) {
        if !self.is_on() {
            return;
        }
        let (watcher, mut spans) = mpsc::channel(SPANS);
        self.0.telemetry.watch(watcher);
        let mut open: HashMap<String, Vec<SeenSpan>> = HashMap::new();
        let mut tasks = JoinSet::new();
        loop {
            let span = tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = tasks.join_next() => continue,
                span = spans.recv() => match span {
                    Some(span) => span,
                    None => break,
                },
            };
            let is_root = span.parent_id.is_none();
            let trace_id = span.trace_id.clone();
            if open.len() >= MOST_OPEN && !open.contains_key(&trace_id) {
                open.clear();
            }
            open.entry(trace_id.clone()).or_default().push(span);
            if is_root && let Some(turn) = open.remove(&trace_id) {
                let inspector = self.clone();
                tasks.spawn(async move {
                    sleep(SETTLES).await;
                    inspector.add(&turn);
                });
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    /// The same call, observed. Its sound passes no further queue; its events do, as they are not in a hurry. `owner` may see
    /// its turns, besides those who see all.
    pub fn observe(&self, mut call: Call, owner: Option<String>, tasks: &mut JoinSet<()>) -> Call {
        if !self.is_on() {
            return call;
        }
        let mut longest = self.0.config.longest_seconds;
        if self.0.telemetry.takes_audio() {
            longest = longest.max(self.0.longest_audio);
        }
        let longest = Duration::from_secs(longest.into());
        let recorder = Arc::new(CallRecorder::new(longest, !self.0.redactor.is_silent()));
        call.recorder = Some(recorder.clone());
        let id = call.id.clone();
        self.0.calls.lock().insert(id.clone(), (recorder.clone(), owner));
        let (events, mut happened) = mpsc::channel(EVENTS);
        let observer = std::mem::replace(&mut call.events, events);
        let inspector = self.clone();
        tasks.spawn(async move {
            while let Some(event) = happened.recv().await {
                recorder.note(&event);
                // As in the call itself: who lags misses events.
                observer.try_send(event).ok();
            }
            drop(observer);
            sleep(OUTLIVES).await;
            inspector.0.calls.lock().remove(&id);
        });
        call
    }

    /// Whether this guest may see the turn of this trace; not where it is not kept.
    pub fn is_shown_to(&self, trace_id: &str, guest: Option<&Guest>) -> bool {
        let store = self.0.store.lock();
        let kept = store.find(trace_id);
        kept.is_some_and(|kept| guest.is_none_or(|guest| guest.may_see(kept.owner.as_deref())))
    }

    /// One turn, if it is kept.
    pub fn turn(&self, trace_id: &str) -> Option<TurnView> {
        let mut view = self.0.store.lock().find(trace_id)?.view.clone();
        view.trace_url = self.0.telemetry.trace_url(trace_id);
        Some(view)
    }

    /// Who called in the turn of this trace, as the trace says it, `caller` if it says nothing; `None` if the turn is not
    /// kept.
    pub fn caller(&self, trace_id: &str) -> Option<String> {
        let store = self.0.store.lock();
        let kept = store.find(trace_id)?;
        Some(kept.user.clone().unwrap_or_else(|| "caller".to_owned()))
    }

    /// The sound of one side (`caller` or `bot`) as WAV.
    pub fn sound(&self, trace_id: &str, side: &str) -> Option<Vec<u8>> {
        let store = self.0.store.lock();
        let kept = store.find(trace_id)?;
        let sound = match side {
            "caller" => &kept.caller,
            "bot" => &kept.bot,
            _ => return None,
        };
        (sound.bytes() > 0).then(|| sound.wav())
    }

    fn is_on(&self) -> bool {
        // Without spans there is no turn to put together.
        self.0.telemetry.is_on() && (self.0.config.turns > 0 || self.0.telemetry.takes_audio())
    }

    /// Puts both sides beside the turn's trace, where that is wanted.
    fn attach(&self, view: &TurnView, recording: &Recording) {
        let telemetry = &self.0.telemetry;
        if !telemetry.takes_audio() {
            return;
        }
        let seconds = self.0.longest_audio.into();
        let caller_ends = view.end_of_speech_seconds.map_or(seconds, |end| (end + AFTER_SPEECH).min(seconds));
        for (side, sound) in [
            (Side::Caller, recording.caller.first(caller_ends).after(&recording.before)),
            (Side::Bot, recording.bot.sounding().first(seconds)),
        ] {
            if sound.bytes() > 0 {
                telemetry.attach(&view.trace_id, side, sound.wav());
            }
        }
    }

    fn add(&self, spans: &[SeenSpan]) {
        let Some(root) = spans.iter().find(|span| span.parent_id.is_none()) else { return };
        let recording = self.recording(root);
        let Some(view) = turn::view(spans, &recording, &self.0.redactor) else { return };
        self.attach(&view, &recording);
        let word = |name: &str| root.attributes.get(name).and_then(|word| word.as_str()).map(str::to_owned);
        let (variant, user) = (word("voce.variant").unwrap_or_default(), word("user.id"));
        let owner = self.0.calls.lock().get(&view.call).and_then(|(_, owner)| owner.clone());
        let Recording { caller, bot, .. } = recording;
        self.0.store.lock().add(Kept { view, variant, user, owner, ended: Instant::now(), caller, bot });
    }

    fn recording(&self, root: &SeenSpan) -> Recording {
        let call = root.attributes.get("session.id").and_then(|id| id.as_str()).unwrap_or_default();
        let number =
            root.attributes.get("turn.number").and_then(|number| number.as_u64()).unwrap_or_default();
        let recorder = self.0.calls.lock().get(call).map(|(recorder, _)| recorder.clone());
        match recorder {
            Some(recorder) => recorder.collect(TurnId(number as u32), root.start, root.end),
            // `voce talk` and the like are not recorded.
            None => Recording {
                before: Sound::default(),
                caller: Sound::default(),
                bot: Sound::default(),
                words: vec![],
                decisions: vec![],
            },
        }
    }
}
