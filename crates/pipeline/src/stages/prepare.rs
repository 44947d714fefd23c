//! What can be done for an answer before the question is complete.
use std::sync::Arc;

use tracing::Span;
use voce_core::{Knowledge, LanguageModel, Prompt};

use super::retrieve::query;
use crate::{Context, Inlet, Outlet, Stage, StageError};

/// Looks up what the caller seems to be asking and has the language model read it, so that the answer to the whole
/// question has only its end left to read. Gives nothing: what is found is looked up again for the real question.
pub struct Prepare {
    /// What is searched.
    pub knowledge: Option<Arc<dyn Knowledge>>,
    /// Passages at most.
    pub limit: usize,
    /// What fits is read: the same as will be asked.
    pub context: Arc<Context>,
    /// The model that reads.
    pub llm: Arc<dyn LanguageModel>,
}

impl Stage for Prepare {
    type In = Prompt;
    type Out = ();
    const NAME: &'static str = "prepare";

    fn span(&self, _: &Span) -> Span {
        Span::none() // Not a part of any answer.
    }

    async fn run(self, mut input: Inlet<Prompt>, _: Outlet<()>) -> Result<(), StageError> {
        while let Some(mut prompt) = input.next().await {
            if let Some(knowledge) = &self.knowledge {
                prompt.passages = knowledge.search(query(&prompt), self.limit).await?;
                prompt.searched = true;
            }
            // It only helps: what cannot be prepared will be said when it is asked in earnest.
            if let Err(error) = self.llm.prepare(self.context.fit(prompt)).await {
                tracing::debug!(%error, "nothing was prepared");
            }
        }
        Ok(())
    }
}
