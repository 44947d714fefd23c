//! What stands in MLflow about judging: which turns wait, who has taken them, what was scored, what was put aside.
//!
//! MLflow is the queue: a turn without the mark waits. All writes can be repeated: ids are hashes of what they say.
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::OnceCell;
use voce_mlflow::{
    Assessment, Client, Feedback, MlflowError, NewAssessment, Order, Search, Source, Trace, TraceInfo,
    Written,
};

use crate::{
    Metric, Score,
    claim::{self, CLAIM, Claims, Failure},
};

/// The name of every turn's trace.
const TURN: &str = "voice-turn";
/// The tag of a turn that was put aside: [`DeadLetter`] as JSON.
pub(crate) const DEAD_LETTER: &str = "judge_dead_letter";
/// Turns that are looked at at once.
pub(crate) const PAGE: usize = 200;
/// Who says what was computed.
const RULES: &str = "voce";
/// Notes of a score: the metric's version, and the version of the program that wrote it.
const METRIC_VERSION: &str = "judge.metric_version";
const PROGRAM_VERSION: &str = "judge.voce_version";

/// What the mark says of a turn that waits no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It has all its scores.
    Scored,
    /// There was nothing to score.
    Nothing,
    /// It is not in the sample.
    LeftOut,
    /// It was put aside.
    Dead,
}

impl Mark {
    /// The tag's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scored => "scored",
            Self::Nothing => "nothing to score",
            Self::LeftOut => "not in the sample",
            Self::Dead => "dead",
        }
    }
}

/// Why a turn was put aside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeadLetter {
    /// A word: that of a [`crate::TroubleKind`], `mlflow` where it refused what was to be written, or `died`.
    pub kind: String,
    /// What failed. Nothing that was said in the call.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
    /// The metrics that have no score.
    pub metrics: String,
    /// When it was put aside, milliseconds since 1970.
    pub at_ms: u64,
}

/// Reads and writes what one set of metrics needs to know of an experiment's turns.
pub(crate) struct Ledger {
    client: Client,
    experiment: String,
    experiment_id: OnceCell<String>,
    /// The tag of turns that wait no more.
    pub(crate) mark: String,
    worker: String,
    lookback: Duration,
    lease: Duration,
}

/// A turn that this worker has taken.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) trace_id: String,
    pub(crate) attempt: u32,
    id: String,
}

/// Turns that wait.
pub(crate) struct Found {
    pub(crate) turns: Vec<TraceInfo>,
    /// There are more.
    pub(crate) more: bool,
}

impl Ledger {
    pub(crate) fn new(
        client: Client,
        experiment: String,
        mark: String,
        worker: String,
        lookback: Duration,
        lease: Duration,
    ) -> Self {
        Self { client, experiment, experiment_id: OnceCell::new(), mark, worker, lookback, lease }
    }

    /// The experiment's number; it is asked for until it is known.
    pub(crate) async fn experiment_id(&self) -> Result<&str, MlflowError> {
        let id = self.experiment_id.get_or_try_init(|| self.client.experiment(&self.experiment)).await?;
        Ok(id)
    }

    /// Turns that wait, the oldest first. Always the first page: turns leave it as they are marked.
    pub(crate) async fn waiting(&self) -> Result<Found, MlflowError> {
        let turns = self.search(&format!("tag.{} IS NULL", self.mark), Order::Oldest, PAGE).await?;
        Ok(Found { more: turns.len() == PAGE, turns })
    }

    /// Turns of the time that is looked at, with a condition more.
    pub(crate) async fn search(
        &self,
        condition: &str,
        order: Order,
        limit: usize,
    ) -> Result<Vec<TraceInfo>, MlflowError> {
        let from = now_ms().saturating_sub(u64::try_from(self.lookback.as_millis()).unwrap_or(u64::MAX));
        let filter = format!(
            "trace.name = '{TURN}' AND trace.status = 'OK' AND {condition} AND trace.timestamp_ms > {from}"
        );
        let search = Search { experiment_id: self.experiment_id().await?, filter: &filter, order, limit };
        self.client.search(&search).await
    }

    /// What the claims of a waiting turn mean.
    pub(crate) fn claims(&self, turn: &TraceInfo, attempts: u32) -> Claims {
        Claims::of(&turn.assessments, &self.mark, now_ms(), attempts)
    }

    /// Takes a turn; `None` if another worker was faster.
    pub(crate) async fn claim(&self, trace_id: &str, attempt: u32) -> Result<Option<Claim>, MlflowError> {
        let until_ms = now_ms() + u64::try_from(self.lease.as_millis()).unwrap_or_default();
        let version = format!("{}/{attempt}", self.mark);
        let new = claim::new(trace_id, &self.mark, attempt, &self.worker, until_ms, &version);
        match self.client.assess(&new).await {
            Ok(Written::New(id)) => Ok(Some(Claim { trace_id: trace_id.to_owned(), attempt, id })),
            // The trace may have been deleted.
            Ok(Written::Before(_)) | Err(MlflowError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The turn with its spans as it stands now; `None` if it waits no more or is gone.
    pub(crate) async fn read(&self, claim: &Claim) -> Result<Option<Trace>, MlflowError> {
        let trace = self.client.trace(&claim.trace_id).await?;
        Ok(trace.filter(|trace| !trace.info.tags.contains_key(&self.mark)))
    }

    /// Writes a score, in the place of those that an earlier version of the metric gave.
    pub(crate) async fn write(&self, trace: &TraceInfo, score: &Score) -> Result<(), MlflowError> {
        let version = score.version.to_string();
        let whole = score.value.fract() == 0.0;
        let new = NewAssessment {
            trace_id: &trace.id,
            span_id: None,
            name: &score.metric,
            source: source(score.model.as_deref()),
            feedback: Feedback::Value(if whole { json!(score.value as i64) } else { json!(score.value) }),
            rationale: &score.reason,
            version: &version,
            metadata: Map::from_iter([
                (METRIC_VERSION.to_owned(), Value::from(version.as_str())),
                (PROGRAM_VERSION.to_owned(), env!("CARGO_PKG_VERSION").into()),
            ]),
        };
        let id = new.id();
        let earlier = scores_of(trace, &score.metric).find(|one| one.id != id).map(|one| one.id.as_str());
        self.client.assess_over(&new, earlier).await.map(drop)
    }

    /// Marks a turn, so that it waits no more.
    pub(crate) async fn mark(&self, trace_id: &str, mark: Mark) -> Result<(), MlflowError> {
        match self.client.set_tag(trace_id, &self.mark, mark.as_str()).await {
            // A turn that was deleted needs no mark.
            Err(MlflowError::NotFound { .. }) => Ok(()),
            other => other,
        }
    }

    /// The turn is over: marks it and takes away its claims, for they are of no use to anyone any more.
    pub(crate) async fn finish(&self, trace: &TraceInfo, mark: Mark) -> Result<(), MlflowError> {
        self.mark(&trace.id, mark).await?;
        if trace.tags.contains_key(DEAD_LETTER) {
            self.client.delete_tag(&trace.id, DEAD_LETTER).await?;
        }
        self.delete_claims(trace, |_| true).await
    }

    /// Puts a turn aside.
    pub(crate) async fn put_aside(&self, trace_id: &str, failure: &Failure) -> Result<(), MlflowError> {
        let letter = DeadLetter {
            kind: failure.kind.clone(),
            reason: failure.reason.clone(),
            attempts: failure.attempts,
            metrics: failure.metrics.clone(),
            at_ms: now_ms(),
        };
        // First what it says, then that it is: a turn with the mark is in the list, and has its reason.
        self.client.set_tag(trace_id, DEAD_LETTER, &json!(letter).to_string()).await?;
        self.mark(trace_id, Mark::Dead).await?;
        for turn in &self.client.infos(&[trace_id]).await? {
            self.delete_claims(turn, |_| true).await?;
        }
        Ok(())
    }

    /// Lets go of a turn as if it had not been taken.
    pub(crate) async fn release(&self, claim: &Claim) -> Result<(), MlflowError> {
        self.client.delete_assessment(&claim.trace_id, &claim.id).await
    }

    /// Leaves the claim of a failed try, with when the next may be.
    pub(crate) async fn fail(
        &self,
        claim: &Claim,
        failure: &Failure,
        pause: Duration,
    ) -> Result<(), MlflowError> {
        let from_ms = now_ms() + u64::try_from(pause.as_millis()).unwrap_or_default();
        self.client.annotate(&claim.trace_id, &claim.id, &claim::failed(failure, from_ms)).await
    }

    /// Deletes claims that a worker left on turns that wait no more: it died between the two.
    pub(crate) async fn sweep(&self) -> Result<(), MlflowError> {
        let left = self.search(&format!("expectation.{CLAIM} IS NOT NULL"), Order::Oldest, PAGE).await?;
        let now = now_ms();
        for turn in &left {
            let waits_no_more = |mark: &str| mark != self.mark || turn.tags.contains_key(mark);
            let is_left =
                |one: &Assessment| claim::is_over(one, now) && waits_no_more(claim::note(one, claim::MARK));
            self.delete_claims(turn, is_left).await?;
        }
        Ok(())
    }

    /// Lets the turns that were put aside wait again. Returns how many.
    pub(crate) async fn retry(&self) -> Result<usize, MlflowError> {
        let mut retried = 0;
        loop {
            let dead = self.dead().await?;
            for turn in &dead {
                self.delete_claims(turn, |_| true).await?;
                self.client.delete_tag(&turn.id, &self.mark).await?;
            }
            retried += dead.len();
            if dead.len() < PAGE {
                return Ok(retried);
            }
        }
    }

    /// Turns that were put aside, those of the longest ago first, a page of them.
    pub(crate) async fn dead(&self) -> Result<Vec<TraceInfo>, MlflowError> {
        self.search(&format!("tag.{} = '{}'", self.mark, Mark::Dead.as_str()), Order::Oldest, PAGE).await
    }

    async fn delete_claims(
        &self,
        turn: &TraceInfo,
        which: impl Fn(&Assessment) -> bool,
    ) -> Result<(), MlflowError> {
        for claim in claims_of(turn).filter(|claim| which(claim)) {
            self.client.delete_assessment(&turn.id, &claim.id).await?;
        }
        Ok(())
    }
}

/// Whether the turn has a score of this version of the metric.
pub(crate) fn has_score(turn: &TraceInfo, metric: &Metric) -> bool {
    let version = metric.version.to_string();
    scores_of(turn, &metric.name).any(|one| claim::note(one, METRIC_VERSION) == version)
}

/// The dead letter of a turn, if it has one that can be read.
pub(crate) fn dead_letter(turn: &TraceInfo) -> Option<DeadLetter> {
    serde_json::from_str(turn.tags.get(DEAD_LETTER)?.as_str()?).ok()
}

/// Scores that we wrote and that count. People may have given some of the same name.
pub(crate) fn scores_of<'a>(turn: &'a TraceInfo, metric: &'a str) -> impl Iterator<Item = &'a Assessment> {
    let ours =
        move |one: &&Assessment| one.name == metric && one.valid && one.metadata.contains_key(METRIC_VERSION);
    turn.assessments.iter().filter(ours)
}

fn claims_of(turn: &TraceInfo) -> impl Iterator<Item = &Assessment> {
    turn.assessments.iter().filter(|one| one.name == CLAIM)
}

fn source(model: Option<&str>) -> Source {
    model.map_or_else(|| Source::Code(RULES.into()), |model| Source::Judge(model.into()))
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
