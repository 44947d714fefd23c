//! Which turns are scored: finds those that wait, tries them a few at a time, and waits where something is in trouble.
//!
//! One task. It ends when it is told to, never by an error: MLflow and the model may be away for as long as they like.
use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};
use voce_mlflow::{MlflowError, TraceInfo};

use crate::{
    JudgeError,
    attempt::{Bill, Candidate, Outcome, Shared, Tried, attempt},
    claim::Claims,
    health::jittered,
    ledger::{Found, Mark, now_ms},
    worker::Done,
};

/// Between two looks at MLflow, at least: turns that were lost to another worker must not make us ask without a pause.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Turns that are lined up for each that is under way.
const LOOKS_AHEAD: usize = 8;
/// A server that failed on so many turns and answered none fails on all of them.
const ENOUGH: usize = 8;
/// Turns that were let go and are remembered, at most.
const MOST_LET_GO: usize = 1_000;
/// The longest pause while MLflow is away.
const LONGEST_AWAY: Duration = Duration::from_secs(60);

/// The work of a worker, until it is over.
pub(crate) struct Rounds {
    shared: Arc<Shared>,
    once: bool,
    tries: JoinSet<Tried>,
    under_way: HashSet<String>,
    /// Turns that could have been tried at the last look.
    free: HashSet<String>,
    /// How often turns were let go because the server was in trouble: the next try is with another one, which it may
    /// answer.
    let_go: HashMap<String, u32>,
    queue: VecDeque<Candidate>,
    look_at: Instant,
    sweep_at: Instant,
    /// Looks at MLflow that failed in a row.
    away: u32,
    /// Nothing waited at the last look, not even for its next try.
    nothing_left: bool,
}

impl Rounds {
    /// `once`: until nothing waits any more.
    pub(crate) fn new(shared: Arc<Shared>, once: bool) -> Self {
        let now = Instant::now();
        Self {
            shared,
            once,
            tries: JoinSet::new(),
            under_way: HashSet::new(),
            free: HashSet::new(),
            let_go: HashMap::new(),
            queue: VecDeque::new(),
            look_at: now,
            sweep_at: now,
            away: 0,
            nothing_left: false,
        }
    }

    pub(crate) async fn run(mut self) -> Result<Done, JudgeError> {
        let stop = self.shared.stop.clone();
        let ended = stop.run_until_cancelled(self.work()).await;
        // They see for themselves that they are to end, and let go of what they have.
        while let Some(tried) = self.tries.join_next().await {
            self.learn(tried);
        }
        ended.unwrap_or(Ok(()))?;
        let progress = &self.shared.progress;
        Ok(Done { scored: progress.scored.load(Relaxed), dead: progress.dead.load(Relaxed) })
    }

    async fn work(&mut self) -> Result<(), JudgeError> {
        loop {
            let wake = self.begin();
            if self.once && self.is_done()? {
                return Ok(());
            }
            let looks = self.queue.is_empty();
            tokio::select! {
                Some(tried) = self.tries.join_next() => self.learn(tried),
                () = sleep_until(wake.unwrap_or(self.look_at)), if wake.is_some() => {}
                () = sleep_until(self.look_at), if looks => self.look().await?,
            }
        }
    }

    /// Begins what may begin now. Returns when more may.
    fn begin(&mut self) -> Option<Instant> {
        while !self.queue.is_empty() {
            let now = Instant::now();
            {
                let health = self.shared.health.lock();
                if self.tries.len() >= health.at_once(self.shared.config.at_once) {
                    return None;
                }
                if let Some(until) = health.paused_until(now) {
                    return Some(until);
                }
            }
            // Before it is taken: nobody waits with a claim in his hands.
            if let Err(until) = self.shared.budget.lock().reserve(now) {
                return Some(until);
            }
            let candidate = self.queue.pop_front()?;
            self.under_way.insert(candidate.trace_id.clone());
            self.tries.spawn(attempt(self.shared.clone(), candidate));
        }
        None
    }

    fn is_done(&self) -> Result<bool, JudgeError> {
        let health = self.shared.health.lock();
        let failed_on_all =
            self.let_go.len() >= ENOUGH || self.free.iter().all(|turn| self.let_go.contains_key(turn));
        let tried = health.failures() >= self.shared.config.attempts && failed_on_all;
        if !health.has_answered() && tried && self.tries.is_empty() {
            let reason = "the judge's model never answered; see the reason above. The turns wait on";
            return Err(JudgeError::Config(reason.into()));
        }
        Ok(self.nothing_left && self.queue.is_empty() && self.tries.is_empty())
    }

    fn learn(&mut self, tried: Result<Tried, tokio::task::JoinError>) {
        let now = Instant::now();
        let (bill, tried) = match tried {
            Ok(tried) => (tried.bill, Some(tried)),
            Err(error) => {
                tracing::error!(%error, "a try at scoring a turn ended by a defect; its claim runs out");
                // Which turn it was is not known any more. The claims keep the others from being begun twice.
                self.under_way.clear();
                (Bill::default(), None)
            }
        };
        self.shared.budget.lock().settle(now, bill.requests, bill.tokens, bill.cost);
        self.nothing_left = false;
        if self.queue.is_empty() {
            self.look_at = self.look_at.min(now + LOOK_AGAIN);
        }
        let Some(Tried { trace_id, outcome, .. }) = tried else { return };
        self.under_way.remove(&trace_id);
        match outcome {
            Outcome::Scored => {
                self.shared.progress.scored.fetch_add(1, Relaxed);
            }
            Outcome::Nothing | Outcome::Lost => {}
            Outcome::Released => {
                if self.let_go.len() >= MOST_LET_GO {
                    self.let_go.clear();
                }
                *self.let_go.entry(trace_id).or_default() += 1;
            }
            Outcome::Failed(failure) => {
                let (kind, reason) = (failure.kind, failure.reason);
                tracing::info!(trace_id, kind, reason, "a turn could not be scored and is tried again");
            }
            Outcome::Dead(failure) => {
                self.shared.progress.dead.fetch_add(1, Relaxed);
                let (kind, reason) = (failure.kind, failure.reason);
                tracing::warn!(
                    trace_id,
                    kind,
                    reason,
                    "a turn could not be scored and is put aside; see voce judge --status"
                );
            }
            Outcome::Mlflow(error) => self.without_mlflow(&error),
        }
    }

    /// Asks MLflow what waits. The error ends only a worker that is to end at all.
    async fn look(&mut self) -> Result<(), JudgeError> {
        let looked = self.look_now().await;
        match looked {
            Ok(()) => {
                if std::mem::take(&mut self.away) > 0 {
                    tracing::info!("judging goes on: MLflow answers again");
                }
                Ok(())
            }
            Err(error) if self.once => Err(error.into()),
            // The first call makes the experiment.
            Err(MlflowError::NoExperiment { .. }) => {
                self.look_at = Instant::now() + self.poll();
                Ok(())
            }
            Err(error) => {
                self.without_mlflow(&error);
                Ok(())
            }
        }
    }

    async fn look_now(&mut self) -> Result<(), MlflowError> {
        let now = Instant::now();
        if now >= self.sweep_at {
            self.shared.ledger.sweep().await?;
            self.sweep_at = now + Duration::from_secs(self.shared.config.lease_seconds.max(10).into());
        }
        let Found { turns, more } = self.shared.ledger.waiting().await?;
        self.shared.progress.waiting.store(turns.len(), Relaxed);
        let mut next = Instant::now() + self.poll();
        self.nothing_left = !more;
        self.free.clear();
        let mut marked = false;
        for turn in &turns {
            if !is_in_sample(&turn.id, self.shared.config.sample) {
                self.shared.ledger.mark(&turn.id, Mark::LeftOut).await?;
                marked = true;
                continue;
            }
            match self.shared.ledger.claims(turn, self.shared.config.attempts) {
                Claims::Free { attempt } if !self.under_way.contains(&turn.id) => {
                    self.free.insert(turn.id.clone());
                    self.queue.push_back(Candidate { trace_id: turn.id.clone(), attempt });
                }
                Claims::Free { .. } | Claims::Taken { .. } => {}
                Claims::Later { from_ms } => {
                    self.nothing_left = false;
                    let wait = Duration::from_millis(from_ms.saturating_sub(now_ms()));
                    next = next.min(Instant::now() + wait.max(LOOK_AGAIN));
                }
                Claims::Spent(failure) => {
                    self.put_aside(turn, &failure).await?;
                    marked = true;
                }
            }
        }
        // There may be others behind a page that was full of those.
        if more && marked {
            next = next.min(Instant::now() + LOOK_AGAIN);
        }
        if self.queue.is_empty() {
            self.look_at = next;
        } else {
            self.nothing_left = false;
            self.look_at = Instant::now() + LOOK_AGAIN;
            self.shuffle();
        }
        Ok(())
    }

    async fn put_aside(&self, turn: &TraceInfo, failure: &crate::claim::Failure) -> Result<(), MlflowError> {
        self.shared.ledger.put_aside(&turn.id, failure).await?;
        self.shared.progress.dead.fetch_add(1, Relaxed);
        tracing::warn!(
            trace_id = turn.id,
            kind = failure.kind,
            "a turn is put aside; see voce judge --status"
        );
        Ok(())
    }

    /// Turns that failed before come last, so that one that always fails holds up no other. Otherwise every worker has an
    /// order of its own: all would reach for the same turn.
    fn shuffle(&mut self) {
        let (worker, let_go) = (&self.shared.worker, &self.let_go);
        self.queue.make_contiguous().sort_by_cached_key(|one| {
            let failures = one.attempt + let_go.get(&one.trace_id).copied().unwrap_or_default();
            (failures, hash(&[worker, &one.trace_id]))
        });
        // What is known of a turn gets old, and another worker may have scored it.
        self.queue.truncate(LOOKS_AHEAD * self.shared.config.at_once.max(1));
    }

    fn without_mlflow(&mut self, error: &MlflowError) {
        let pause = Duration::from_secs(1).saturating_mul(1 << self.away.min(6)).min(LONGEST_AWAY);
        if self.away == 0 {
            tracing::warn!(%error, "judging waits for MLflow; calls go on");
        }
        self.away += 1;
        self.nothing_left = false;
        self.queue.clear();
        self.look_at = Instant::now() + jittered(pause);
    }

    fn poll(&self) -> Duration {
        let configured = Duration::try_from_secs_f64(self.shared.config.poll_seconds).unwrap_or_default();
        jittered(configured.max(LOOK_AGAIN))
    }
}

/// The same answer from every worker.
fn is_in_sample(trace_id: &str, share: f64) -> bool {
    share >= 1.0 || (hash(&[trace_id]) as f64) < share * u64::MAX as f64
}

fn hash(parts: &[&str]) -> u64 {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let digest = hasher.finalize();
    digest.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_share_and_the_same_for_everyone() {
        let ids: Vec<String> = (0..4_000).map(|index| format!("tr-{index:032x}")).collect();
        let taken = ids.iter().filter(|id| is_in_sample(id, 0.25)).count();
        assert!((900..1_100).contains(&taken), "{taken}");
        assert!(ids.iter().all(|id| is_in_sample(id, 1.0) && !is_in_sample(id, 0.0)));
        let more = |id: &&String| is_in_sample(id, 0.5);
        assert!(
            ids.iter().filter(|id| is_in_sample(id, 0.25)).all(|id| more(&id)),
            "a larger sample has the smaller"
        );
    }
}
