//! Microphone frames to the probability of speech.
use tracing::Span;
use voce_core::{AudioFrame, VoiceActivity};

use crate::{Inlet, Outlet, Stage, StageError};

/// A moment of the caller's sound.
pub struct Moment {
    /// The sound.
    pub frame: AudioFrame,
    /// Probability of speech at its end, 0 to 1.
    pub speech: f32,
}

/// Finds speech in a microphone's sound. What it means is decided by the conversation.
pub struct Detect(pub Box<dyn VoiceActivity>);

impl Stage for Detect {
    type In = AudioFrame;
    type Out = Moment;
    const NAME: &'static str = "listen";

    fn span(&self, parent: &Span) -> Span {
        parent.clone() // A turn has its own spans.
    }

    async fn run(
        mut self,
        mut input: Inlet<AudioFrame>,
        mut output: Outlet<Moment>,
    ) -> Result<(), StageError> {
        while let Some(frame) = input.next().await {
            let speech = self.0.speech_probability(&frame)?;
            output.send(Moment { frame, speech }).await?;
        }
        Ok(())
    }
}
