//! What a call writes down about its turns: decisions and their spans.
use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;
use tracing::Span;
use voce_core::{MICROPHONE_RATE_HZ, MediaTime, ModelCard, TurnId};

use crate::{Decision, Meaning, Outcome, Overlap, Transcription, Turn, spans};

/// When the microphone's time is which of the machine's.
#[derive(Clone, Copy)]
pub struct Clock {
    media: MediaTime,
    machine: Instant,
}

impl Clock {
    /// The call begins now.
    pub fn start() -> Self {
        Self { media: MediaTime::default(), machine: Instant::now() }
    }

    /// The frame that ends at `media` has arrived.
    pub fn frame(&mut self, media: MediaTime) {
        *self = Self { media, machine: Instant::now() };
    }

    /// The moment at which `media` was spoken.
    pub fn instant(&self, media: MediaTime) -> Instant {
        let ago = self.media.since(media);
        self.machine.checked_sub(ago).unwrap_or(self.machine)
    }

    /// How long ago that was, milliseconds.
    pub fn ms_ago(&self, media: MediaTime) -> f64 {
        self.instant(media).elapsed().as_secs_f64() * 1_000.0
    }
}

/// The open turns of a call.
#[derive(Default)]
pub struct Books(HashMap<TurnId, Page>);

struct Page {
    turn: Turn,
    /// Where the caller began to speak, unless the bot began the turn.
    began: MediaTime,
    listen: Option<Span>,
    decisions: Vec<Decision>,
    reopened: bool,
}

impl Books {
    /// A turn begins; the caller speaks if `listens`.
    pub fn open(&mut self, turn: Turn, began: MediaTime, listens: bool, clock: &Clock) {
        let listen = listens.then(|| spans::listen(turn.span(), clock.ms_ago(began)));
        let page = Page { turn: turn.clone(), began, listen, decisions: vec![], reopened: false };
        self.0.insert(turn.id(), page);
    }

    /// An open turn.
    pub fn turn(&self, id: TurnId) -> Option<&Turn> {
        self.0.get(&id).map(|page| &page.turn)
    }

    /// The turn is over.
    pub fn close(&mut self, id: TurnId) -> Option<Turn> {
        self.0.remove(&id).map(|page| page.turn)
    }

    /// The turn that was over goes on.
    pub fn reopen(&mut self, id: TurnId, clock: &Clock) {
        let Some(page) = self.0.get_mut(&id) else { return };
        if page.listen.is_none() {
            page.reopened = true;
            page.listen = Some(spans::listen(page.turn.span(), clock.ms_ago(page.began)));
        }
    }

    /// A pause was judged. The end of the turn becomes a span with all pauses as its events.
    pub fn decided(
        &mut self,
        id: TurnId,
        decision: Decision,
        model: &ModelCard,
        threshold: f32,
        soft_end: Duration,
        judge_waited: Option<Duration>,
    ) {
        let Some(page) = self.0.get_mut(&id) else { return };
        page.decisions.push(decision);
        if decision.outcome == Outcome::Resumed {
            return;
        }
        let waited = decision.waited;
        page.turn.speech_ended(Instant::now() - waited);
        let deciding_ms = waited.saturating_sub(soft_end).as_secs_f64() * 1_000.0;
        let speech = page.turn.age().saturating_sub(waited).as_secs_f64();
        if let Some(listen) = page.listen.take() {
            listen.record("speech_seconds", speech);
            listen.record("ended_ms_ago", deciding_ms);
        }
        let span = spans::end_of_turn(page.turn.span(), model, threshold, deciding_ms);
        span.record("outcome", decision.outcome.as_str());
        span.record("hint", decision.hint.as_str());
        span.record("waited_ms", ms(waited));
        span.record("needed_ms", ms(decision.needed));
        span.record("reopened", page.reopened);
        if let Some(judge_waited) = judge_waited {
            span.record("queue_wait_ms", ms(judge_waited));
        }
        if let Some(probability) = decision.probability {
            span.record("probability", f64::from(probability));
        }
        if let Some(whole) = decision.whole {
            span.record("whole", f64::from(whole));
        }
        span.in_scope(|| {
            for Decision { outcome, probability, hint, whole, waited, needed } in page.decisions.drain(..) {
                tracing::info!(
                    name: "candidate", outcome = outcome.as_str(), probability = probability.map(f64::from),
                    hint = hint.as_str(), whole = whole.map(f64::from), waited_ms = ms(waited), needed_ms = ms(needed), "candidate"
                );
            }
        });
        page.turn.note(|report| {
            report.speech_seconds = Some(speech);
            report.end_of_turn_seconds = Some(waited.as_secs_f64());
            report.end_of_turn_probability = decision.probability.map(f64::from);
        });
    }

    /// The words of a turn are known.
    pub fn transcribed(&self, id: TurnId, done: &Transcription, model: &ModelCard) {
        let Some(turn) = self.turn(id) else { return };
        let seconds = (done.ended - done.began).as_secs_f64();
        let audio_seconds = done.transcript.audio_seconds;
        let span = spans::stt(turn.span(), model, ms(done.began.elapsed()));
        span.record("ended_ms_ago", ms(done.ended.elapsed()));
        span.record("audio_seconds", audio_seconds);
        span.record("text", &done.transcript.text);
        span.record("partials", done.partials);
        span.record("retries", done.transcript.retries);
        span.record("queue_wait_ms", done.transcript.waited_seconds * 1_000.0);
        span.record("seconds_to_first", (done.first - done.began).as_secs_f64());
        span.record("real_time_factor", seconds / audio_seconds.max(0.001));
        turn.note(|report| report.stt_seconds = Some(seconds));
    }

    /// The recogniser failed at the words of a turn.
    pub fn not_transcribed(&self, id: TurnId, reason: &str, sound: usize, began: Instant, model: &ModelCard) {
        let Some(turn) = self.turn(id) else { return };
        let span = spans::stt(turn.span(), model, ms(began.elapsed()));
        span.record("audio_seconds", sound as f64 / f64::from(MICROPHONE_RATE_HZ));
        span.record("otel.status_code", "ERROR");
        span.record("otel.status_description", reason);
    }

    /// Someone spoke into the answer of a turn.
    pub fn overlapped(&self, id: TurnId, overlap: &Overlap, clock: &Clock) {
        let Some(turn) = self.turn(id) else { return };
        let span = spans::overlap(turn.span(), clock.ms_ago(overlap.began));
        span.record("outcome", overlap.meaning.as_str());
        span.record("text", &overlap.text);
        span.record("speech_seconds", overlap.speech.as_secs_f64());
        if let Some(held) = overlap.held {
            span.record("held_ms", ms(held));
        }
        if let Some(stopped) = overlap.stopped_after {
            span.record("stop_ms", ms(stopped));
        }
        if overlap.meaning != Meaning::Interruption {
            turn.note(|report| report.overlaps += 1);
        }
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
