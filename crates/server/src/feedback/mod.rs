//! What callers say of answers: thumbs and a comment, kept until MLflow has them as a person's assessment of the turn's
//! trace. The trace may come later than the opinion, and MLflow may be away.
mod queue;
mod routes;

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use serde_json::{Map, Value};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use voce_mlflow::{Client, Feedback, MlflowError, NewAssessment, Source};
use voce_telemetry::Redactor;

use crate::{access::Guest, inspector::Inspector};
use queue::{Full, Opinion, Queue, State};

pub use routes::router;

/// What the assessment is called in MLflow.
const NAME: &str = "user_feedback";
/// How long one request may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// How long what waits may still be tried when the server ends.
const LAST_TRY: Duration = Duration::from_secs(2);
/// Opinions whose fate is known: 200 of some hundred bytes each.
const MOST: usize = 200;

/// Takes opinions of the last turns. Cheap to clone.
#[derive(Clone)]
pub struct Opinions(Arc<Shared>);

struct Shared {
    client: Option<Client>,
    inspector: Inspector,
    redactor: Redactor,
    queue: Mutex<Queue>,
    came: Notify,
}

/// Why an opinion was not taken.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("answers cannot be rated here: telemetry.sinks holds no MLflow to keep it in, or traces are off")]
    Nowhere,
    #[error(
        "no turn of trace {0} is kept; only the last turns can be rated, as many as [inspector] turns says"
    )]
    Unknown(String),
    #[error(transparent)]
    Full(#[from] Full),
}

impl Opinions {
    /// Opinions of the turns that `inspector` keeps, for the MLflow that their traces go to.
    pub fn new(client: Option<Client>, inspector: Inspector, redactor: Redactor) -> Self {
        let client = client.map(|client| client.with_timeout(ANSWERS_WITHIN));
        let queue = Mutex::new(Queue::new(MOST));
        Self(Arc::new(Shared { client, inspector, redactor, queue, came: Notify::new() }))
    }

    /// Takes one. It replaces what was said of the same turn before.
    fn take(
        &self,
        trace_id: &str,
        good: bool,
        comment: &str,
        guest: Option<&Guest>,
    ) -> Result<State, Refused> {
        if self.0.client.is_none() {
            return Err(Refused::Nowhere);
        }
        let is_own = self.0.inspector.is_shown_to(trace_id, guest);
        let caller = self.0.inspector.caller(trace_id).filter(|_| is_own);
        let caller = caller.ok_or_else(|| Refused::Unknown(trace_id.to_owned()))?;
        let comment = shown(comment, &self.0.redactor);
        let opinion = Opinion { trace_id: trace_id.to_owned(), caller, good, comment };
        self.0.queue.lock().put(opinion, Instant::now())?;
        self.0.came.notify_one();
        Ok(State::Waiting { why: None })
    }

    /// What became of what was last said of this turn.
    fn state(&self, trace_id: &str, guest: Option<&Guest>) -> Option<(bool, State)> {
        // An opinion is followed for longer than its turn may be kept; who sees all turns sees it then, too.
        let sees_all = guest.is_none_or(Guest::is_operator);
        let is_own = sees_all || self.0.inspector.is_shown_to(trace_id, guest);
        self.0.queue.lock().state(trace_id).filter(|_| is_own)
    }

    /// Writes opinions as they come, and again where that failed, until `stop`; then once more what waits.
    pub async fn run(self, stop: CancellationToken) {
        let Some(client) = self.0.client.clone() else { return };
        stop.run_until_cancelled(self.write_forever(&client)).await;
        self.0.queue.lock().hurry(Instant::now());
        timeout(LAST_TRY, self.write_due(&client)).await.ok();
        let lost = self.0.queue.lock().waiting();
        if lost > 0 {
            tracing::warn!(
                lost,
                "opinions of callers were not taken by MLflow and are lost with this process"
            );
        }
    }

    async fn write_forever(&self, client: &Client) {
        loop {
            let next = self.0.queue.lock().next_due();
            match next {
                Some(due) => tokio::select! {
                    () = self.0.came.notified() => {}
                    () = sleep_until(due) => {}
                },
                None => self.0.came.notified().await,
            }
            self.write_due(client).await;
        }
    }

    async fn write_due(&self, client: &Client) {
        loop {
            let due = self.0.queue.lock().due(Instant::now());
            let Some((opinion, number)) = due else { return };
            let written = write(client, &opinion).await;
            if let Err(error) = &written {
                tracing::debug!(%error, "an opinion is not written yet");
            }
            self.0.queue.lock().tried(&opinion.trace_id, number, written.map_err(why), Instant::now());
        }
    }
}

/// As much of a comment as may leave the process.
fn shown(comment: &str, redactor: &Redactor) -> String {
    match redactor.is_silent() {
        true => String::new(),
        false => redactor.text(comment).into_owned(),
    }
}

/// Whether trying again may help, and why it did not work.
fn why(error: MlflowError) -> (bool, String) {
    match error {
        MlflowError::NotFound { .. } => (true, "MLflow does not have the turn's trace yet".to_owned()),
        error => (error.is_passing(), error.to_string()),
    }
}

async fn write(client: &Client, opinion: &Opinion) -> Result<(), MlflowError> {
    let assessment = NewAssessment {
        trace_id: &opinion.trace_id,
        span_id: None,
        name: NAME,
        source: Source::Human(opinion.caller.clone()),
        feedback: Feedback::Value(Value::Bool(opinion.good)),
        rationale: &opinion.comment,
        version: "1",
        metadata: Map::new(),
    };
    client.assess_again(&assessment).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use voce_telemetry::{Config, Content};

    use super::*;

    #[test]
    fn a_comment_is_redacted_and_left_out_where_content_is_none() {
        let shown = |content| {
            let redactor = Redactor::new(&Config { content, ..Config::default() }).unwrap();
            super::shown("Write to ann@example.org.", &redactor)
        };
        assert_eq!(shown(Content::Full), "Write to [email].");
        assert_eq!(shown(Content::None), "");
    }

    #[test]
    fn a_trace_may_come_later_and_refused_credentials_stay_refused() {
        let missing = MlflowError::NotFound { what: "trace".into(), message: String::new() };
        assert_eq!(why(missing), (true, "MLflow does not have the turn's trace yet".to_owned()));
        let away = MlflowError::Away { url: "http://127.0.0.1:9".into(), reason: "refused".into() };
        assert!(why(away).0);
        assert!(!why(MlflowError::Unauthorized { url: String::new(), status: 401 }).0);
    }
}
