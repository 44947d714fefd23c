//! Speech to words.
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::time::Instant;
use tracing::Span;
use voce_core::{AudioFrame, EngineError, MICROPHONE_RATE_HZ, MediaTime, SpeechToText, Text, Transcript};

use crate::{Inlet, Outlet, Stage, StageError};

/// Words, and how they came about.
pub enum Heard {
    /// What the words seem to be so far.
    Partial(String),
    /// What was said; may be empty.
    Final(Transcription),
}

/// A finished transcription.
#[derive(Clone, Debug)]
pub struct Transcription {
    /// The words.
    pub transcript: Transcript,
    /// When it was begun.
    pub began: Instant,
    /// When the words were there.
    pub ended: Instant,
    /// When the recogniser first said something.
    pub first: Instant,
    /// How often it said something before the end.
    pub partials: u64,
}

/// Transcribes an utterance. Whether its words count is known later, so the span is made then.
pub struct Transcribe(pub Arc<dyn SpeechToText>);

impl Stage for Transcribe {
    type In = Arc<[f32]>;
    type Out = Heard;
    const NAME: &'static str = "stt";

    fn span(&self, parent: &Span) -> Span {
        parent.clone()
    }

    async fn run(self, mut input: Inlet<Arc<[f32]>>, mut output: Outlet<Heard>) -> Result<(), StageError> {
        while let Some(speech) = input.next().await {
            let frame = AudioFrame {
                at: MediaTime::default(),
                rate_hz: MICROPHONE_RATE_HZ,
                samples: speech.to_vec(),
            };
            let (began, mut first, mut partials) = (Instant::now(), None, 0);
            let mut texts = self.0.transcribe(stream::iter([frame]).boxed());
            let transcript = loop {
                let text = texts.next().await;
                first.get_or_insert_with(Instant::now);
                match text {
                    Some(Ok(Text::Partial(text))) => {
                        partials += 1;
                        output.send(Heard::Partial(text)).await?;
                    }
                    Some(Ok(Text::Final(transcript))) => break transcript,
                    Some(Err(error)) => return Err(error.into()),
                    None => return Err(EngineError::run("stt", "ended without a final text").into()),
                }
            };
            let ended = Instant::now();
            let first = first.unwrap_or(ended);
            output.send(Heard::Final(Transcription { transcript, began, ended, first, partials })).await?;
        }
        Ok(())
    }
}
