//! Prompt to a prompt that fits into the language model's context.
use std::sync::Arc;

use tracing::Span;
use voce_core::Prompt;

use crate::{Context, Inlet, Outlet, Stage, StageError};

/// Leaves out what does not fit. Counts texts that it has not seen before, a millisecond for a thousand words.
pub struct Fit {
    /// The call's.
    pub context: Arc<Context>,
}

impl Stage for Fit {
    type In = Prompt;
    type Out = Prompt;
    const NAME: &'static str = "fit";

    fn span(&self, _: &Span) -> Span {
        Span::none() // Too short to be looked at.
    }

    async fn run(self, mut input: Inlet<Prompt>, mut output: Outlet<Prompt>) -> Result<(), StageError> {
        while let Some(prompt) = input.next().await {
            output.send(self.context.fit(prompt)).await?;
        }
        Ok(())
    }
}
