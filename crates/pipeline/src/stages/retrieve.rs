//! Question to passages.
use std::sync::Arc;

use tokio::time::Instant;
use tracing::Span;
use voce_core::{Event, Knowledge, Passage, Prompt};

use crate::{Inlet, Outlet, Stage, StageError, Turn, spans};

/// Looks the question up and puts what it finds beside it. Passes everything through where there is no knowledge.
pub struct Retrieve {
    /// What is searched.
    pub knowledge: Option<Arc<dyn Knowledge>>,
    /// Passages at most.
    pub limit: usize,
    /// The turn that asks.
    pub turn: Turn,
}

impl Stage for Retrieve {
    type In = Prompt;
    type Out = Prompt;
    const NAME: &'static str = "rag";

    fn span(&self, parent: &Span) -> Span {
        self.knowledge.as_ref().map_or_else(Span::none, |knowledge| spans::rag(parent, knowledge.model()))
    }

    async fn run(self, mut input: Inlet<Prompt>, mut output: Outlet<Prompt>) -> Result<(), StageError> {
        while let Some(mut prompt) = input.next().await {
            if let Some(knowledge) = &self.knowledge {
                let span = Span::current();
                let query = query(&prompt);
                span.record("query", &query);
                span.record("rewritten", !prompt.looked_up_as.is_empty());
                let asked = Instant::now();
                prompt.passages = knowledge.search(query, self.limit).await?;
                prompt.searched = true;
                let seconds = asked.elapsed().as_secs_f64();
                record(&span, &prompt.passages);
                self.turn.note(|report| {
                    report.retrieval_seconds = Some(seconds);
                    report.passages.clone_from(&prompt.passages);
                });
                self.turn
                    .publish(Event::Retrieved { turn: self.turn.id(), passages: prompt.passages.clone() });
            }
            output.send(prompt).await?;
        }
        Ok(())
    }
}

/// What is looked up for `prompt`.
pub(super) fn query(prompt: &Prompt) -> String {
    let leans = !prompt.looked_up_as.is_empty();
    if leans { prompt.looked_up_as.clone() } else { prompt.question.clone() }
}

fn record(span: &Span, passages: &[Passage]) {
    span.record("documents", serde_json::to_string(passages).unwrap_or_default());
    span.record("count", passages.len());
    if let Some(best) = passages.first() {
        let mean =
            passages.iter().map(|passage| f64::from(passage.score)).sum::<f64>() / passages.len() as f64;
        span.record("best_score", f64::from(best.score));
        span.record("mean_score", mean);
    }
}
