//! Microphone frames to speech: when it starts, pauses, goes on and is over.
use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{sync::mpsc, time::Instant};
use tracing::Span;
use voce_core::{
    AudioFrame, EndOfTurn, EngineError, Event, MICROPHONE_RATE_HZ, MediaTime, TurnId, VoiceActivity,
};

use crate::{Change, Endpointing, Inlet, ListeningConfig, Outcome, Outlet, Stage, StageError, Turn, spans};

/// What is heard, before it is understood.
pub enum Sound {
    /// The caller began to speak.
    Started(Turn),
    /// The caller fell silent and may be done; all sound of the turn so far, mono at 16 kHz.
    Paused(Arc<[f32]>),
    /// The caller was not done.
    Resumed,
    /// The turn is over.
    Ended,
}

/// Finds speech in a microphone's sound.
pub struct Detect {
    /// Judges each frame.
    pub voice_activity: Box<dyn VoiceActivity>,
    /// Judges each pause.
    pub end_of_turn: Arc<dyn EndOfTurn>,
    /// The thresholds and times.
    pub rules: ListeningConfig,
    /// The call's name.
    pub session: String,
    /// Where turns tell what happens.
    pub events: mpsc::Sender<Event>,
}

/// A turn whose caller still has the word.
struct Open {
    turn: Turn,
    listen: Span,
    samples: Vec<f32>,
    began: MediaTime,
    candidates: Vec<Candidate>,
    verdict: Option<BoxFuture<'static, Result<f32, EngineError>>>,
}

/// One question put to the end-of-turn model.
struct Candidate {
    quiet: Duration,
    probability: Option<f32>,
    resumed: bool,
}

impl Stage for Detect {
    type In = AudioFrame;
    type Out = Sound;
    const NAME: &'static str = "listen";

    fn span(&self, parent: &Span) -> Span {
        parent.clone() // A turn has its own spans.
    }

    async fn run(
        mut self,
        mut input: Inlet<AudioFrame>,
        mut output: Outlet<Sound>,
    ) -> Result<(), StageError> {
        let mut endpointing = Endpointing::new(self.rules.clone());
        let mut before = Before::new(self.rules.before_ms);
        let mut open: Option<Open> = None;
        let mut turns = 0;
        loop {
            let change = tokio::select! {
                biased;
                verdict = verdict_of(&mut open) => {
                    let probability = note_verdict(&mut open, verdict);
                    probability.and_then(|probability| endpointing.verdict(probability))
                }
                frame = input.next() => {
                    let Some(frame) = frame else { return Ok(()) };
                    let probability = self.voice_activity.speech_probability(&frame)?;
                    let change = endpointing.frame(frame.at, frame.end(), probability);
                    match &mut open {
                        Some(open) => open.samples.extend_from_slice(&frame.samples),
                        None => before.push(&frame),
                    }
                    before.now = frame.end();
                    change
                }
            };
            let Some(change) = change else { continue };
            match (change, &mut open) {
                (Change::Started(began), _) => {
                    turns += 1;
                    let started = self.start(TurnId(turns), began, &mut before);
                    output.send(Sound::Started(started.turn.clone())).await?;
                    open = Some(started);
                }
                (Change::Candidate, Some(open)) => {
                    let utterance: Arc<[f32]> = open.samples.as_slice().into();
                    open.ask(&self.end_of_turn, utterance.clone(), quiet(&endpointing, before.now));
                    // Later questions concern the same words: only the first starts a transcription.
                    if open.is_first_candidate_of_pause() {
                        mark_speech_end(open, &endpointing, before.now);
                        output.send(Sound::Paused(utterance)).await?;
                    }
                }
                (Change::Resumed, Some(open)) => {
                    open.verdict = None;
                    open.candidates.iter_mut().for_each(|candidate| candidate.resumed = true);
                    output.send(Sound::Resumed).await?;
                }
                (Change::Ended(outcome), _) => {
                    let Some(mut over) = open.take() else { continue };
                    if outcome == Outcome::TooLong {
                        mark_speech_end(&over, &endpointing, before.now);
                        output.send(Sound::Paused(std::mem::take(&mut over.samples).into())).await?;
                    }
                    self.close(over, outcome);
                    output.send(Sound::Ended).await?;
                }
                (Change::Candidate | Change::Resumed, None) => {}
            }
        }
    }
}

impl Detect {
    fn start(&self, id: TurnId, began: MediaTime, before: &mut Before) -> Open {
        let late = before.now.since(began);
        let turn = Turn::open(&self.session, id, Instant::now() - late, self.events.clone());
        let listen = spans::listen(turn.span(), late.as_secs_f64() * 1_000.0);
        Open { turn, listen, samples: before.take(), began, candidates: vec![], verdict: None }
    }

    /// Records the decision that `over` is over.
    fn close(&self, over: Open, outcome: Outcome) {
        let Some(waited) = over.turn.since_speech() else { return };
        let waited_ms = waited.as_secs_f64() * 1_000.0;
        let probability = over.candidates.iter().rev().find_map(|candidate| candidate.probability);
        let soft_end_ms = f64::from(self.rules.soft_end_ms).min(waited_ms);
        let decision = waited_ms - soft_end_ms;
        over.listen.record("ended_ms_ago", decision);
        let span = spans::end_of_turn(
            over.turn.span(),
            self.end_of_turn.model(),
            self.rules.end_threshold,
            decision,
        );
        span.record("outcome", outcome.as_str());
        span.record("waited_ms", waited_ms);
        if let Some(probability) = probability {
            span.record("probability", f64::from(probability));
        }
        let last = over.candidates.len().saturating_sub(1);
        span.in_scope(|| {
            for (index, candidate) in over.candidates.iter().enumerate() {
                let outcome = match candidate.resumed {
                    true => "resumed",
                    false if index == last => outcome.as_str(),
                    false => "unsure",
                };
                let probability = candidate.probability.map(f64::from);
                let waited_ms = candidate.quiet.as_secs_f64() * 1_000.0;
                tracing::info!(name: "candidate", probability, outcome, waited_ms, "candidate");
            }
        });
        over.turn.note(|report| {
            report.end_of_turn_seconds = Some(waited.as_secs_f64());
            report.end_of_turn_probability = probability.map(f64::from);
        });
    }
}

impl Open {
    fn ask(&mut self, model: &Arc<dyn EndOfTurn>, utterance: Arc<[f32]>, quiet: Duration) {
        self.candidates.push(Candidate { quiet, probability: None, resumed: false });
        let (model, span) = (model.clone(), self.turn.span().clone());
        let answer = tokio::task::spawn_blocking(move || span.in_scope(|| model.probability(&utterance)));
        self.verdict = Some(
            async move { answer.await.unwrap_or_else(|join| Err(EngineError::run("end of turn", join))) }
                .boxed(),
        );
    }

    fn is_first_candidate_of_pause(&self) -> bool {
        self.candidates.iter().filter(|candidate| !candidate.resumed).count() == 1
    }
}

/// Waits for the end-of-turn model, or for ever while it was not asked.
async fn verdict_of(open: &mut Option<Open>) -> Result<f32, EngineError> {
    match open.as_mut().and_then(|open| open.verdict.as_mut()) {
        Some(verdict) => verdict.await,
        None => std::future::pending().await,
    }
}

/// Keeps the model's answer. A model that fails leaves the decision to the ceiling.
fn note_verdict(open: &mut Option<Open>, verdict: Result<f32, EngineError>) -> Option<f32> {
    let open = open.as_mut()?;
    open.verdict = None;
    let probability = verdict.inspect_err(|error| tracing::warn!(%error, "no end-of-turn verdict")).ok()?;
    open.candidates.last_mut()?.probability = Some(probability);
    Some(probability)
}

fn quiet(endpointing: &Endpointing, now: MediaTime) -> Duration {
    endpointing.last_speech().map_or(Duration::ZERO, |last| now.since(last))
}

fn mark_speech_end(open: &Open, endpointing: &Endpointing, now: MediaTime) {
    let quiet = quiet(endpointing, now);
    open.turn.speech_ended(Instant::now() - quiet);
    let speech_seconds = now.since(open.began).saturating_sub(quiet).as_secs_f64();
    open.listen.record("speech_seconds", speech_seconds);
    open.turn.note(|report| report.speech_seconds = Some(speech_seconds));
}

/// The sound just before speech was noticed.
struct Before {
    samples: VecDeque<f32>,
    keep: usize,
    now: MediaTime,
}

impl Before {
    fn new(before_ms: u32) -> Self {
        let keep = (u64::from(before_ms) * u64::from(MICROPHONE_RATE_HZ) / 1_000) as usize;
        Self { samples: VecDeque::new(), keep, now: MediaTime::default() }
    }

    fn push(&mut self, frame: &AudioFrame) {
        self.samples.extend(&frame.samples);
        let surplus = self.samples.len().saturating_sub(self.keep);
        self.samples.drain(..surplus);
    }

    fn take(&mut self) -> Vec<f32> {
        std::mem::take(&mut self.samples).into()
    }
}
