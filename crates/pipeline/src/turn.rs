//! One turn while it lasts: its span, its figures and its way to the observers.
use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use tracing::Span;
use voce_core::{EndReason, Event, Passage, TurnId, TurnReport};

use crate::{
    spans::{self, Caller},
    tools::Quiet,
};

/// Names the trace of a span, where there is one. The pipeline knows no tracing backend, so it is told how.
pub type TraceId = fn(&Span) -> Option<String>;

/// Events of an answer that may wait until it is known whether the answer is wanted; more are not shown.
const WAITING_EVENTS: usize = 512;

/// Shared by all stages that work for one turn. Cheap to clone.
#[derive(Clone)]
pub struct Turn(Arc<Shared>);

struct Shared {
    id: TurnId,
    span: Span,
    began: Instant,
    events: mpsc::Sender<Event>,
    /// Events of an answer that nobody may see yet.
    waiting: Mutex<Option<Vec<Event>>>,
    report: Mutex<TurnReport>,
    speech_ended: Mutex<Option<Instant>>,
    /// Whether the answer is wanted for sure.
    released: watch::Sender<bool>,
    quiet: Quiet,
}

impl Turn {
    /// Opens turn `id` of this caller, which began at `began`.
    pub fn open(
        caller: &Caller<'_>,
        id: TurnId,
        opened_by: &'static str,
        began: Instant,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let span = spans::turn(caller, id, opened_by, began.elapsed().as_secs_f64() * 1_000.0);
        let report = Mutex::new(TurnReport { turn: id, ..TurnReport::default() });
        let (waiting, speech_ended) = (Mutex::new(None), Mutex::new(None));
        let (released, quiet) = (watch::Sender::new(true), Quiet::default());
        Self(Arc::new(Shared { id, span, began, events, waiting, report, speech_ended, released, quiet }))
    }

    /// Which turn of the call.
    pub fn id(&self) -> TurnId {
        self.0.id
    }

    /// The root span.
    pub fn span(&self) -> &Span {
        &self.0.span
    }

    /// Tells the observers. One that lags misses events; it never slows the call.
    pub fn publish(&self, event: Event) {
        match &mut *self.0.waiting.lock() {
            Some(waiting) if waiting.len() < WAITING_EVENTS => waiting.push(event),
            Some(_) => {}
            None => drop(self.0.events.try_send(event)),
        }
    }

    /// An answer begins. If it is early, the observers do not see it before [`Turn::release`].
    pub fn begin_answer(&self, early: bool) {
        *self.0.waiting.lock() = early.then(Vec::new);
        self.0.released.send_replace(!early);
        self.0.quiet.reset();
        let mut report = self.0.report.lock();
        // Nothing is left of an answer that was dropped but its cost.
        *report = TurnReport {
            turn: report.turn,
            early,
            early_dropped: report.early_dropped,
            wasted_seconds: report.wasted_seconds,
            overlaps: report.overlaps,
            speech_seconds: report.speech_seconds,
            end_of_turn_seconds: report.end_of_turn_seconds,
            end_of_turn_probability: report.end_of_turn_probability,
            stt_seconds: report.stt_seconds,
            ..TurnReport::default()
        };
    }

    /// The answer is wanted: what happened so far is shown.
    pub fn release(&self) {
        for event in self.0.waiting.lock().take().into_iter().flatten() {
            self.0.events.try_send(event).ok();
        }
        self.0.released.send_replace(true);
    }

    /// Whether the answer is wanted for sure.
    pub fn is_released(&self) -> bool {
        *self.0.released.borrow()
    }

    /// Waits until the answer is wanted for sure.
    pub async fn released(&self) {
        // The sender lives as long as the turn does.
        self.0.released.subscribe().wait_for(|released| *released).await.ok();
    }

    /// Whether anything of the answer sounds, or will.
    pub fn quiet(&self) -> &Quiet {
        &self.0.quiet
    }

    /// The way to the observers, for what outlives the turn.
    pub fn observers(&self) -> mpsc::Sender<Event> {
        self.0.events.clone()
    }

    /// The answer is not wanted. `wasted` is the time that went into it.
    pub fn drop_answer(&self, wasted: Duration) {
        self.begin_answer(false);
        self.note(|report| {
            report.early_dropped += 1;
            report.wasted_seconds += wasted.as_secs_f64();
        });
    }

    /// What was written and turned into sound of the answer so far.
    pub fn answer(&self) -> (String, String) {
        let report = self.0.report.lock();
        (report.generated.clone(), report.spoken.clone())
    }

    /// What was found for the answer, best first.
    pub fn passages(&self) -> Vec<Passage> {
        self.0.report.lock().passages.clone()
    }

    /// Writes down figures.
    pub fn note(&self, write: impl FnOnce(&mut TurnReport)) {
        write(&mut self.0.report.lock());
    }

    /// How long ago it began.
    pub fn age(&self) -> Duration {
        self.0.began.elapsed()
    }

    /// Marks when the caller fell silent, for all times that are counted from there.
    pub fn speech_ended(&self, at: Instant) {
        *self.0.speech_ended.lock() = Some(at);
    }

    /// How long the caller has been silent, once they fell silent.
    pub fn since_speech(&self) -> Option<Duration> {
        self.0.speech_ended.lock().map(|at| at.elapsed())
    }

    /// Marks the first sample of the answer.
    pub fn first_sound(&self) {
        let Some(waited) = self.since_speech() else { return };
        let seconds = waited.as_secs_f64();
        spans::voice_to_voice(&self.0.span, seconds);
        self.note(|report| report.voice_to_voice_seconds = Some(seconds));
    }

    /// Closes the books: what was heard, why it ended. Returns the figures.
    pub fn close(&self, reason: EndReason, heard: String, trace_id: TraceId) -> TurnReport {
        let mut report = self.0.report.lock();
        report.end_reason = reason;
        report.heard = heard;
        report.trace_id = trace_id(&self.0.span);
        let span = &self.0.span;
        span.record("question", &report.question);
        span.record("generated", &report.generated);
        span.record("spoken", &report.spoken);
        span.record("heard", &report.heard);
        span.record("interrupted", reason == EndReason::Interrupted);
        span.record("interruptions", u64::from(reason == EndReason::Interrupted));
        span.record("end_reason", reason.as_str());
        span.record("early", report.early);
        span.record("early_used", u64::from(report.early));
        span.record("early_dropped", report.early_dropped);
        span.record("wasted_seconds", report.wasted_seconds);
        span.record("overlaps", report.overlaps);
        span.record("end_to_end_seconds", self.0.began.elapsed().as_secs_f64());
        if let Some(seconds) = report.voice_to_voice_seconds {
            span.record("voice_to_voice_seconds", seconds);
        }
        report.clone()
    }

    /// Marks the trace as failed.
    pub fn failed(&self, reason: &str) {
        self.0.span.record("otel.status_code", "ERROR");
        self.0.span.record("otel.status_description", reason);
    }
}
