//! The seams for models. One rule: dropping the returned stream stops the work.
use std::sync::Arc;

use futures_util::{
    FutureExt, StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use serde::Serialize;
use tokio::time::Instant;
use tracing::Span;

use crate::{AudioFrame, Line, Passage, Piece, Prompt, Speech, Text, Wait};

/// What an engine yields. The stream ends after its first error.
pub type Output<T> = BoxStream<'static, Result<T, EngineError>>;

/// Why an engine gave nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// It never became ready. The reason names the file or key and the remedy.
    #[error("{engine} could not load: {reason}")]
    Load {
        /// The engine's name in the configuration.
        engine: &'static str,
        /// What failed, what was expected, what to do.
        reason: String,
    },
    /// It was ready and failed at one piece of work.
    #[error("{engine} failed: {reason}")]
    Run {
        /// The engine's name in the configuration.
        engine: &'static str,
        /// What failed.
        reason: String,
    },
}

impl EngineError {
    /// A loading error; `reason` says what to do.
    pub fn load(engine: &'static str, reason: impl ToString) -> Self {
        Self::Load { engine, reason: reason.to_string() }
    }

    /// A running error.
    pub fn run(engine: &'static str, reason: impl ToString) -> Self {
        Self::Run { engine, reason: reason.to_string() }
    }
}

/// What really answers behind a trait, for traces and `voce doctor`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ModelCard {
    /// Whose engine: `onnxruntime`, `candle`, `openai`, `qdrant-edge`.
    pub provider: String,
    /// Which model: `moonshine-base-en`.
    pub name: String,
    /// Where it runs: `cpu`, `cuda:0`, or the address of a server.
    pub device: String,
}

/// Sound to words. One call per utterance.
pub trait SpeechToText: Send + Sync + 'static {
    /// What really answers.
    fn model(&self) -> &ModelCard;
    /// Yields partials, then one final text. `speech` is mono at 16 kHz and ends with the utterance.
    fn transcribe(&self, speech: BoxStream<'static, AudioFrame>) -> Output<Text>;
}

/// Question to passages.
pub trait Knowledge: Send + Sync + 'static {
    /// What really answers.
    fn model(&self) -> &ModelCard;
    /// At most `limit` passages above the configured score, best first; none is an answer.
    fn search(&self, question: String, limit: usize)
    -> BoxFuture<'static, Result<Vec<Passage>, EngineError>>;
}

/// Prompt to text.
pub trait LanguageModel: Send + Sync + 'static {
    /// What really answers.
    fn model(&self) -> &ModelCard;
    /// Yields text pieces and tool calls as the model produces them, then the usage. After calls the answer is asked
    /// for again with `Prompt::steps`.
    fn generate(&self, prompt: Prompt) -> Output<Piece>;
    /// How many tokens `text` is for this model; without its tokenizer about a quarter of its bytes.
    fn count_tokens(&self, text: &str) -> usize {
        text.len().div_ceil(4)
    }
    /// Tokens of prompt and answer together, at most.
    fn context_tokens(&self) -> usize {
        8_192
    }
    /// Tokens of an answer, at most, where [`Prompt::answer_tokens`] says nothing.
    fn answer_tokens(&self) -> usize {
        256
    }
    /// Whether it can be trusted to write down what was said without adding to it.
    fn can_summarise(&self) -> bool {
        false
    }
    /// Reads `prompt` without answering, so that an answer to a prompt that begins the same starts sooner. Asked
    /// while the caller still speaks, so the question may be incomplete. A model that keeps nothing does nothing.
    fn prepare(&self, prompt: Prompt) -> BoxFuture<'static, Result<(), EngineError>> {
        drop(prompt);
        std::future::ready(Ok(())).boxed()
    }
    /// How likely `text`, the words of a caller who fell silent, is whole rather than broken off: 0 to 1, none where
    /// the model cannot tell. Small even for whole sentences; what counts is whether it is near 0.
    fn wholeness(&self, text: String) -> BoxFuture<'static, Result<Option<f32>, EngineError>> {
        drop(text);
        std::future::ready(Ok(None)).boxed()
    }
}

/// Text to sound.
pub trait TextToSpeech: Send + Sync + 'static {
    /// What really answers.
    fn model(&self) -> &ModelCard;
    /// Samples per second of all it speaks.
    fn rate_hz(&self) -> u32;
    /// Whose voice it is, by name; empty where it has but one.
    fn voice(&self) -> &str {
        ""
    }
    /// Yields sound in play order.
    fn speak(&self, line: Line) -> Output<Speech>;
}

/// Whether a frame holds speech. Cheap and synchronous: called inline for every frame. Keeps state, so each
/// call has its own.
pub trait VoiceActivity: Send + 'static {
    /// Probability of speech, 0 to 1, at the end of `frame` (mono, 16 kHz).
    fn speech_probability(&mut self, frame: &AudioFrame) -> Result<f32, EngineError>;
}

/// Whether a caller who fell silent has finished. Blocking: call it on a blocking thread.
pub trait EndOfTurn: Send + Sync + 'static {
    /// What really answers.
    fn model(&self) -> &ModelCard;
    /// Probability, 0 to 1, that the turn is over after `utterance` (mono, 16 kHz, from the start of speech).
    fn probability(&self, utterance: &[f32]) -> Result<f32, EngineError>;
}

impl<T: VoiceActivity + ?Sized> VoiceActivity for Box<T> {
    fn speech_probability(&mut self, frame: &AudioFrame) -> Result<f32, EngineError> {
        (**self).speech_probability(frame)
    }
}

/// Turns synchronous, step-by-step model code into a stream: `step` returns the next item, or `None` at the end.
///
/// Each step runs on a blocking thread, in the caller's span, and only when its result is wanted.
/// Blocking code computes and never waits: that keeps it cancellable between steps, frees its thread,
/// and lets tests run it under a paused clock.
pub fn steps<S, T, F>(state: S, step: F) -> Output<T>
where
    S: Send + 'static,
    T: Send + 'static,
    F: Fn(&mut S) -> Result<Option<T>, EngineError> + Send + Sync + 'static,
{
    unfold(None, state, step)
}

/// [`steps`] of a model's work: what they wait for adds up in `wait`, which is told once the stream is gone.
pub fn measured_steps<S, T, F>(wait: Wait, state: S, step: F) -> Output<T>
where
    S: Send + 'static,
    T: Send + 'static,
    F: Fn(&mut S) -> Result<Option<T>, EngineError> + Send + Sync + 'static,
{
    unfold(Some(wait), state, step)
}

fn unfold<S, T, F>(wait: Option<Wait>, state: S, step: F) -> Output<T>
where
    S: Send + 'static,
    T: Send + 'static,
    F: Fn(&mut S) -> Result<Option<T>, EngineError> + Send + Sync + 'static,
{
    let (span, step) = (Span::current(), Arc::new(step));
    stream::try_unfold((wait, state), move |(mut wait, mut state)| {
        let (step, span) = (step.clone(), span.clone());
        async move {
            let asked = Instant::now();
            let work = move || {
                span.in_scope(|| {
                    let item = match &mut wait {
                        Some(wait) => wait.during(asked, || step(&mut state))?,
                        None => step(&mut state)?,
                    };
                    Ok(item.map(|item| (item, (wait, state))))
                })
            };
            match tokio::task::spawn_blocking(work).await {
                Ok(outcome) => outcome,
                // A panic in the model is a panic of the stage that asked, which the flow turns into an error.
                Err(join) if join.is_panic() => std::panic::resume_unwind(join.into_panic()),
                // Only at the end of the process: the runtime no longer starts blocking work.
                Err(_) => Err(EngineError::run("runtime", "shutting down")),
            }
        }
    })
    .boxed()
}
