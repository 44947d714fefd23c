//! Summaries between two turns: begun when nobody speaks, dropped when somebody does. They never delay a turn.
use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::{Instant, timeout};
use voce_core::{EngineError, TurnId};

use super::Context;
use crate::Conversation;

/// A summary that takes longer has failed.
const LONGEST: Duration = Duration::from_secs(30);

/// What is being summarised in a call.
pub struct Background {
    context: Arc<Context>,
    most_messages: usize,
    running: Option<Running>,
    /// The turn after which it was last looked whether there is anything to do.
    looked: Option<TurnId>,
}

struct Running {
    up_to: TurnId,
    began: Instant,
    summary: BoxFuture<'static, Result<String, EngineError>>,
}

impl Background {
    /// Nothing yet. The language model is shown `most_messages` of a call.
    pub fn new(context: Arc<Context>, most_messages: usize) -> Self {
        Self { context, most_messages, running: None, looked: None }
    }

    /// Begins a summary if one is due and nobody speaks; drops the one that is under way if somebody does.
    pub fn mind(&mut self, conversation: &Conversation) {
        if !conversation.is_quiet() {
            if self.running.take().is_some() {
                tracing::debug!("somebody speaks: the summary is begun anew when it is quiet");
                self.looked = None;
            }
            return;
        }
        let last = conversation.history().last().map(|exchange| exchange.turn);
        if self.running.is_some() || last == self.looked {
            return;
        }
        self.looked = last;
        let due = self.context.leaving(conversation.history(), conversation.known(), self.most_messages);
        self.running = due.map(|(up_to, prompt)| {
            let context = self.context.clone();
            let summary = async move {
                let late = || EngineError::run("summary", format!("it took more than {LONGEST:?}"));
                timeout(LONGEST, context.summarise(prompt)).await.unwrap_or_else(|_| Err(late()))
            };
            Running { up_to, began: Instant::now(), summary: summary.boxed() }
        });
    }

    /// The next summary: up to which turn, and its text. A failure is written to the log, and tried again after the
    /// next turn. Waits for ever while there is none to wait for.
    pub async fn next(&mut self) -> (TurnId, String) {
        loop {
            let Some(running) = &mut self.running else { return std::future::pending().await };
            let outcome = (&mut running.summary).await;
            let (up_to, seconds) = (running.up_to, running.began.elapsed().as_secs_f64());
            self.running = None;
            match outcome {
                Ok(summary) => {
                    let tokens = self.context.counts.once(&summary);
                    tracing::info!(turn = up_to.0, seconds, tokens, "older turns are summarised");
                    return (up_to, summary);
                }
                Err(error) => tracing::warn!(%error, "older turns were not summarised"),
            }
        }
    }
}
