//! One try at one turn: take it, read it, ask, write, mark. A trace of its own, never a part of the turn's.
use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span, field::Empty};
use voce_mlflow::{MlflowError, Trace};

use crate::{
    Config, Judge, Metric, Score, Spent, Trouble, TroubleKind, Turn,
    budget::Budget,
    claim::Failure,
    health::{Health, back_off},
    ledger::{Claim, Ledger, Mark, has_score},
    progress::Progress,
};

/// Of the lease, what may be used for asking; the rest is for writing.
const ASKING: f64 = 0.75;
/// Between two tries at writing while MLflow is away.
const WRITE_AGAIN: Duration = Duration::from_millis(500);

/// So many failures of the model's server in a row are said in the log.
const SAY_FAILURES: u32 = 3;

/// What a model's tokens cost: its name, and what was spent on it.
pub type Price = Arc<dyn Fn(&str, &Spent) -> f64 + Send + Sync>;

/// What all tries share.
pub(crate) struct Shared {
    pub(crate) ledger: Ledger,
    pub(crate) judge: Judge,
    pub(crate) config: Config,
    pub(crate) worker: String,
    pub(crate) price: Price,
    pub(crate) health: Mutex<Health>,
    pub(crate) budget: Mutex<Budget>,
    pub(crate) progress: Progress,
    pub(crate) stop: CancellationToken,
}

/// A turn to be tried.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) trace_id: String,
    pub(crate) attempt: u32,
}

/// What a try came to.
#[derive(Debug)]
pub(crate) struct Tried {
    pub(crate) trace_id: String,
    pub(crate) outcome: Outcome,
    pub(crate) bill: Bill,
}

/// What became of the turn.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It has all its scores.
    Scored,
    /// There was nothing to score.
    Nothing,
    /// Another worker has it or was faster.
    Lost,
    /// It is to be tried again.
    Failed(Failure),
    /// It was let go, and the try does not count: the server is in trouble, or the program ends.
    Released,
    /// It was put aside.
    Dead(Failure),
    /// MLflow failed. What was not written is asked for again, when the claim has run out.
    Mlflow(MlflowError),
}

/// What a try took, over all models.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bill {
    pub(crate) requests: u32,
    pub(crate) tokens: u64,
    pub(crate) cost: f64,
}

/// What is asked at once: the metrics of one model, or those that are computed.
struct Group<'a> {
    model: Option<String>,
    metrics: Vec<&'a Metric>,
}

impl Outcome {
    fn as_str(&self) -> &'static str {
        match self {
            Self::Scored => "scored",
            Self::Nothing => "nothing",
            Self::Lost => "lost",
            Self::Failed(_) => "failed",
            Self::Released => "released",
            Self::Dead(_) => "dead",
            Self::Mlflow(_) => "mlflow",
        }
    }
}

/// Tries a turn.
pub(crate) async fn attempt(shared: Arc<Shared>, candidate: Candidate) -> Tried {
    let trace_id = candidate.trace_id.clone();
    let mut bill = Bill::default();
    let outcome = match take(&shared, &candidate).await {
        Err(error) => Outcome::Mlflow(error),
        Ok(None) => Outcome::Lost,
        Ok(Some(taken)) => {
            let span = taken.span(&shared.worker);
            let work = Work { shared: &shared, taken: &taken, bill: &mut bill };
            let outcome = work.run().instrument(span.clone()).await;
            span.record("outcome", outcome.as_str());
            match &outcome {
                Outcome::Failed(failure) | Outcome::Dead(failure) => {
                    span.record("error", failure.reason.as_str());
                }
                Outcome::Mlflow(error) => {
                    span.record("error", tracing::field::display(error));
                }
                _ => {}
            }
            outcome
        }
    };
    Tried { trace_id, outcome, bill }
}

/// A turn that is ours for now.
struct Taken {
    claim: Claim,
    trace: Trace,
    began: Instant,
    /// From here on it was read.
    reads: Instant,
}

/// Takes a turn and reads it as it stands then; `None` if another worker was faster, also with scoring it.
async fn take(shared: &Shared, candidate: &Candidate) -> Result<Option<Taken>, MlflowError> {
    let began = Instant::now();
    let Some(claim) = shared.ledger.claim(&candidate.trace_id, candidate.attempt).await? else {
        return Ok(None);
    };
    let reads = Instant::now();
    match shared.ledger.read(&claim).await {
        Ok(Some(trace)) => Ok(Some(Taken { claim, trace, began, reads })),
        Ok(None) => shared.ledger.release(&claim).await.map(|()| None),
        Err(error) => {
            // What fails here too leaves a claim that runs out.
            drop(shared.ledger.release(&claim).await);
            Err(error)
        }
    }
}

impl Taken {
    /// The root of the try's trace. It is made when there is something to tell: turns that were lost make no trace.
    fn span(&self, worker: &str) -> Span {
        let span = tracing::info_span!(
            "judge",
            started_ms_ago = millis(self.began),
            turn_trace = self.claim.trace_id,
            attempt = self.claim.attempt,
            worker,
            metrics = Empty,
            verdict = Empty,
            scores = Empty,
            outcome = Empty,
            error = Empty,
        );
        drop(tracing::info_span!(parent: &span, "judge.read", started_ms_ago = millis(self.reads)));
        span
    }
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

struct Work<'a> {
    shared: &'a Shared,
    taken: &'a Taken,
    bill: &'a mut Bill,
}

impl Work<'_> {
    async fn run(mut self) -> Outcome {
        match self.steps().await {
            Ok(outcome) => outcome,
            Err(error) => self.without_mlflow(error).await,
        }
    }

    /// Whatever fails here too leaves a claim that runs out, and counts then.
    async fn without_mlflow(&self, error: MlflowError) -> Outcome {
        if error.is_passing() {
            drop(self.shared.ledger.release(&self.taken.claim).await);
            return Outcome::Mlflow(error);
        }
        // It will refuse the same again, and each time the model would have been asked for nothing.
        let failure = Failure {
            kind: "mlflow".into(),
            reason: error.to_string(),
            metrics: String::new(),
            attempts: self.taken.claim.attempt,
        };
        self.fail(failure, None).await.unwrap_or_else(Outcome::Mlflow)
    }

    async fn steps(&mut self) -> Result<Outcome, MlflowError> {
        let shared = self.shared;
        let trace = &self.taken.trace;
        let turn = Turn::of(trace);
        let applicable = turn.as_ref().map(|turn| shared.judge.applicable(turn)).unwrap_or_default();
        let (Some(turn), false) = (turn, applicable.is_empty()) else {
            shared.ledger.finish(&trace.info, Mark::Nothing).await?;
            return Ok(Outcome::Nothing);
        };
        let missing: Vec<&Metric> =
            applicable.into_iter().filter(|metric| !has_score(&trace.info, metric)).collect();
        Span::current().record("metrics", names(missing.iter().map(|metric| metric.name.as_str())));
        let mut troubles = vec![];
        let mut scores = vec![];
        for group in groups(&missing, &shared.judge) {
            let Some(asked) = self.ask(&turn, &group).await else {
                shared.ledger.release(&self.taken.claim).await?;
                return Ok(Outcome::Released);
            };
            // At once: what was paid for is not lost, whatever comes.
            self.write(&asked.0).await?;
            scores.extend(asked.0);
            troubles.extend(asked.1);
        }
        Span::current().record("scores", scores.len()).record("verdict", verdict(&scores));
        if troubles.is_empty() {
            self.write_again(|| shared.ledger.finish(&trace.info, Mark::Scored)).await?;
            return Ok(Outcome::Scored);
        }
        self.in_trouble(&troubles).await
    }

    /// Scores and troubles; `None` when the program ends.
    async fn ask(&mut self, turn: &Turn, group: &Group<'_>) -> Option<(Vec<Score>, Vec<(String, Trouble)>)> {
        let shared = self.shared;
        let Some(model) = &group.model else {
            let judged = shared.judge.judge(turn, &group.metrics).await;
            return Some((judged.scores, judged.troubles));
        };
        let span = tracing::info_span!(
            "judge.ask",
            provider = "openai",
            model,
            metrics = names(group.metrics.iter().map(|metric| metric.name.as_str())),
            requests = Empty,
            prompt_tokens = Empty,
            completion_tokens = Empty,
            scores = Empty,
            outcome = Empty,
            error = Empty,
        );
        let until =
            self.taken.began + Duration::from_secs(shared.config.lease_seconds.into()).mul_f64(ASKING);
        let asking = timeout_at(until, shared.judge.judge(turn, &group.metrics)).instrument(span.clone());
        let judged = tokio::select! {
            () = shared.stop.cancelled() => {
                span.record("outcome", "stopped");
                // It was asked, if in vain.
                self.bill.requests += 1;
                return None;
            }
            judged = asking => judged,
        };
        let (scores, troubles, spent) = match judged {
            Ok(judged) => (judged.scores, judged.troubles, judged.spent),
            Err(_) => (vec![], too_slow(&group.metrics), Spent { requests: 1, ..Spent::default() }),
        };
        span.record("requests", spent.requests)
            .record("prompt_tokens", spent.prompt_tokens)
            .record("completion_tokens", spent.completion_tokens)
            .record("scores", scores.len());
        let trouble = troubles.first().map(|(_, trouble)| trouble);
        span.record("outcome", trouble.map_or("answered", |trouble| trouble.kind.as_str()));
        if let Some(trouble) = trouble {
            span.record("error", trouble.message.as_str());
        }
        self.bill.requests += spent.requests;
        self.bill.tokens += spent.prompt_tokens + spent.completion_tokens;
        self.bill.cost += (shared.price)(model, &spent);
        if troubles.iter().all(|(_, trouble)| trouble.kind == TroubleKind::Invalid) {
            shared.health.lock().answered(Instant::now());
            shared.progress.well();
        }
        Some((scores, troubles))
    }

    async fn write(&self, scores: &[Score]) -> Result<(), MlflowError> {
        if scores.is_empty() {
            return Ok(());
        }
        let span = tracing::info_span!("judge.write", scores = scores.len());
        async {
            for score in scores {
                self.write_again(|| self.shared.ledger.write(&self.taken.trace.info, score)).await?;
            }
            Ok(())
        }
        .instrument(span)
        .await
    }

    /// For as long as the turn is ours: scores that were paid for are worth some patience.
    async fn write_again<F, W>(&self, write: F) -> Result<(), MlflowError>
    where
        F: Fn() -> W,
        W: Future<Output = Result<(), MlflowError>>,
    {
        let until = self.taken.began + Duration::from_secs(self.shared.config.lease_seconds.into());
        loop {
            match write().await {
                Err(error) if error.is_passing() && Instant::now() + WRITE_AGAIN < until => {
                    if self.shared.stop.run_until_cancelled(sleep(WRITE_AGAIN)).await.is_none() {
                        return Err(error);
                    }
                }
                other => return other,
            }
        }
    }

    async fn in_trouble(&self, troubles: &[(String, Trouble)]) -> Result<Outcome, MlflowError> {
        let shared = self.shared;
        // A nonsense answer is the turn's own; the rest concerns the server first.
        let server = troubles.iter().map(|(_, trouble)| trouble).find(|one| one.kind != TroubleKind::Invalid);
        let counts = match server {
            Some(trouble) => shared.health.lock().failed(Instant::now(), trouble),
            None => true,
        };
        let worst = server.unwrap_or(&troubles[0].1);
        if server.is_some() && (!counts || shared.health.lock().failures() >= SAY_FAILURES) {
            shared.progress.troubled(worst);
        }
        if !counts {
            shared.ledger.release(&self.taken.claim).await?;
            return Ok(Outcome::Released);
        }
        let failure = Failure {
            kind: worst.kind.as_str().to_owned(),
            reason: worst.message.clone(),
            metrics: names(troubles.iter().map(|(metric, _)| metric.as_str())),
            attempts: self.taken.claim.attempt,
        };
        self.fail(failure, worst.wait).await
    }

    async fn fail(&self, failure: Failure, wait: Option<Duration>) -> Result<Outcome, MlflowError> {
        let ledger = &self.shared.ledger;
        let config = &self.shared.config;
        if self.taken.claim.attempt >= config.attempts {
            self.write_again(|| ledger.put_aside(&self.taken.claim.trace_id, &failure)).await?;
            return Ok(Outcome::Dead(failure));
        }
        let first = Duration::try_from_secs_f64(config.retry_seconds).unwrap_or_default();
        let pause = back_off(first, self.taken.claim.attempt, wait);
        self.write_again(|| ledger.fail(&self.taken.claim, &failure, pause)).await?;
        Ok(Outcome::Failed(failure))
    }
}

fn too_slow(metrics: &[&Metric]) -> Vec<(String, Trouble)> {
    let message = "no answer before the turn's claim ran out; raise judge.lease_seconds or lower \
                   judge.timeout_seconds";
    let trouble = Trouble { kind: TroubleKind::Timeout, message: message.into(), wait: None };
    metrics.iter().map(|metric| (metric.name.clone(), trouble.clone())).collect()
}

/// What is computed first, then model by model in the order of their first metric.
fn groups<'a>(metrics: &[&'a Metric], judge: &Judge) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = vec![];
    for metric in metrics {
        let model = judge.model_of(metric).map(str::to_owned);
        match groups.iter_mut().find(|group| group.model == model) {
            Some(group) => group.metrics.push(metric),
            None => groups.push(Group { model, metrics: vec![metric] }),
        }
    }
    groups.sort_by_key(|group| group.model.is_some());
    groups
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// For people who look at the trace.
fn verdict(scores: &[Score]) -> String {
    let line = |score: &Score| format!("{} {}: {}", score.metric, score.value, score.reason);
    scores.iter().map(line).collect::<Vec<_>>().join("\n")
}
