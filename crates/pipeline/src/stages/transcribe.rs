//! Speech to words.
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;
use tracing::{Instrument, Span};
use voce_core::{
    AudioFrame, EngineError, MICROPHONE_RATE_HZ, MediaTime, Output, SpeechToText, Text, Transcript,
};

use crate::{Inlet, Outlet, Sound, Stage, StageError, Turn, spans};

/// What the caller did, as far as it is understood.
pub enum Heard {
    /// Began to speak.
    Started(Turn),
    /// Seems to be saying this.
    Partial(String),
    /// Is done speaking; the words follow.
    Ended,
    /// Said this; the words may be empty.
    Said(Turn, Transcript),
    /// Said something that the recogniser failed at.
    Failed(Turn, EngineError),
}

/// Transcribes each turn, beginning at its first pause.
pub struct Transcribe(pub Arc<dyn SpeechToText>);

/// A transcription under way.
struct Work {
    span: Span,
    texts: Output<Text>,
    asked: Instant,
    audio_seconds: f64,
    partials: u64,
    first: Option<f64>,
    done: Option<(Result<Transcript, EngineError>, Instant)>,
}

impl Stage for Transcribe {
    type In = Sound;
    type Out = Heard;
    const NAME: &'static str = "stt";

    fn span(&self, parent: &Span) -> Span {
        parent.clone() // One span a turn.
    }

    async fn run(self, mut input: Inlet<Sound>, mut output: Outlet<Heard>) -> Result<(), StageError> {
        let mut turn: Option<Turn> = None;
        let mut work: Option<Work> = None;
        loop {
            tokio::select! {
                biased;
                sound = input.next() => match sound {
                    None => return Ok(()),
                    Some(Sound::Started(started)) => {
                        turn = Some(started.clone());
                        output.send(Heard::Started(started)).await?;
                    }
                    Some(Sound::Paused(speech)) => work = turn.as_ref().map(|turn| self.begin(turn, speech)),
                    Some(Sound::Resumed) => work = None,
                    Some(Sound::Ended) => {
                        output.send(Heard::Ended).await?;
                        let (Some(turn), Some(mut work)) = (turn.take(), work.take()) else { continue };
                        while work.done.is_none() {
                            if let Some(partial) = work.step().await {
                                output.send(Heard::Partial(partial)).await?;
                            }
                        }
                        output.send(work.finish(turn)).await?;
                    }
                },
                partial = step(&mut work) => if let Some(partial) = partial {
                    output.send(Heard::Partial(partial)).await?;
                },
            }
        }
    }
}

impl Transcribe {
    fn begin(&self, turn: &Turn, speech: Arc<[f32]>) -> Work {
        let span = spans::stt(turn.span(), self.0.model());
        let audio_seconds = speech.len() as f64 / f64::from(MICROPHONE_RATE_HZ);
        span.record("audio_seconds", audio_seconds);
        let frame =
            AudioFrame { at: MediaTime::default(), rate_hz: MICROPHONE_RATE_HZ, samples: speech.to_vec() };
        let texts = span.in_scope(|| self.0.transcribe(stream::iter([frame]).boxed()));
        Work { span, texts, asked: Instant::now(), audio_seconds, partials: 0, first: None, done: None }
    }
}

/// Goes on with the work at hand, or waits for ever when there is none.
async fn step(work: &mut Option<Work>) -> Option<String> {
    match work {
        Some(work) if work.done.is_none() => work.step().await,
        _ => std::future::pending().await,
    }
}

impl Work {
    /// Takes the next text. A partial is returned, the final one kept.
    async fn step(&mut self) -> Option<String> {
        let next = self.texts.next().instrument(self.span.clone()).await;
        self.first.get_or_insert(self.asked.elapsed().as_secs_f64());
        let done = match next {
            Some(Ok(Text::Partial(text))) => {
                self.partials += 1;
                return Some(text);
            }
            Some(Ok(Text::Final(transcript))) => Ok(transcript),
            Some(Err(error)) => Err(error),
            None => Err(EngineError::run("stt", "ended without a final text")),
        };
        self.done = Some((done, Instant::now()));
        None
    }

    /// Closes the span at the moment the text was there and passes the outcome on.
    fn finish(self, turn: Turn) -> Heard {
        let (outcome, at) = self.done.expect("finish follows the last step");
        let seconds = at.duration_since(self.asked).as_secs_f64();
        self.span.record("ended_ms_ago", at.elapsed().as_secs_f64() * 1_000.0);
        self.span.record("partials", self.partials);
        self.span.record("seconds_to_first", self.first.unwrap_or(seconds));
        self.span.record("real_time_factor", seconds / self.audio_seconds.max(0.001));
        turn.note(|report| report.stt_seconds = Some(seconds));
        match outcome {
            Ok(transcript) => {
                self.span.record("text", &transcript.text);
                self.span.record("retries", transcript.retries);
                Heard::Said(turn, transcript)
            }
            Err(error) => {
                self.span.record("otel.status_code", "ERROR");
                self.span.record("otel.status_description", tracing::field::display(&error));
                Heard::Failed(turn, error)
            }
        }
    }
}
