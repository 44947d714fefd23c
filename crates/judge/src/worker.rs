//! What an operator starts: a worker that scores the turns of one experiment, once each. How it goes about it stands in
//! `rounds.rs`.
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use voce_mlflow::{Client, MlflowError};

use crate::{
    BudgetUse, Config, Judge, JudgeError, Price,
    attempt::Shared,
    budget::Budget,
    ledger::Ledger,
    progress::Progress,
    rounds::Rounds,
    status::{self, Status},
};

/// Scores the turns of one experiment.
pub struct Worker {
    shared: Arc<Shared>,
}

/// What a worker is made of.
pub struct Parts {
    /// Where the turns are.
    pub client: Client,
    /// The name of their experiment.
    pub experiment: String,
    /// Who scores them.
    pub judge: Judge,
    /// [`crate::Metrics::fingerprint`] of the judge's metrics: turns are scored anew for another one.
    pub fingerprint: String,
    /// The effective settings, as [`Judge::new`] wants them.
    pub config: Config,
    /// What this worker is called in MLflow: another name for every process.
    pub name: String,
    /// What the models cost.
    pub price: Price,
    /// Cancelled to end: turns under way are let go, unless they are being written.
    pub stop: CancellationToken,
}

/// What [`Worker::once`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Turns that have all their scores now.
    pub scored: usize,
    /// Turns that were put aside.
    pub dead: usize,
}

/// Figures of a running worker. Cheap to clone.
#[derive(Clone)]
pub struct Gauges(Arc<Shared>);

impl Gauges {
    /// Turns that waited when MLflow was asked last; 200 stands for more as well.
    pub fn waiting(&self) -> usize {
        self.0.progress.waiting.load(Relaxed)
    }

    /// Turns that this worker put aside.
    pub fn dead(&self) -> usize {
        self.0.progress.dead.load(Relaxed)
    }

    /// How much of the limits is used.
    pub fn budget(&self) -> BudgetUse {
        self.0.budget.lock().used(Instant::now())
    }

    /// Whether the model answered last; `None` before it was asked.
    pub fn model_answers(&self) -> Option<bool> {
        let health = self.0.health.lock();
        match health.failures() {
            0 => health.has_answered().then_some(true),
            _ => Some(false),
        }
    }
}

impl Worker {
    /// A worker that has done nothing yet.
    pub fn new(parts: Parts) -> Self {
        let Parts { client, experiment, judge, fingerprint, config, name, price, stop } = parts;
        // Without a model less is scored; a turn waits again once there is one.
        let kind = if judge.has_a_model() { "" } else { "_rules" };
        let ledger = Ledger::new(
            client,
            experiment,
            format!("judged_{fingerprint}{kind}"),
            name.clone(),
            Duration::from_secs(u64::from(config.lookback_hours) * 3_600),
            Duration::from_secs(config.lease_seconds.into()),
        );
        let shared = Shared {
            ledger,
            judge,
            worker: name,
            price,
            health: Mutex::default(),
            budget: Mutex::new(Budget::new(&config)),
            progress: Progress::default(),
            config,
            stop,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Figures to look at while it runs.
    pub fn gauges(&self) -> Gauges {
        Gauges(self.shared.clone())
    }

    /// Scores turns until it is told to stop.
    pub async fn run(self) {
        // It only ends with an error when it is to end at all.
        drop(Rounds::new(self.shared, false).run().await);
    }

    /// Scores the turns that wait, also those that have to be tried again, and ends. Turns that another worker has are
    /// left to it.
    ///
    /// # Errors
    /// MLflow does not answer; the model never answered.
    pub async fn once(self) -> Result<Done, JudgeError> {
        Rounds::new(self.shared, true).run().await
    }

    /// What stands in MLflow.
    ///
    /// # Errors
    /// Whatever a request to MLflow can meet.
    pub async fn status(&self) -> Result<Status, MlflowError> {
        status::of(&self.shared.ledger, self.shared.config.attempts).await
    }

    /// Lets turns that were put aside wait again; returns how many.
    ///
    /// # Errors
    /// Whatever a request to MLflow can meet.
    pub async fn retry(&self) -> Result<usize, MlflowError> {
        self.shared.ledger.retry().await
    }
}
