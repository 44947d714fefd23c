//! How judging stands, as MLflow tells it.
use std::collections::BTreeMap;

use serde::Serialize;
use voce_mlflow::{MlflowError, Order, TraceInfo};

use crate::{
    claim::Claims,
    ledger::{DeadLetter, Ledger, Mark, dead_letter, scores_of},
};

/// Turns whose scores are counted, at most.
const MOST_SCORED: usize = 2_000;

/// What there is of each.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Status {
    /// The tag of turns that wait no more.
    pub mark: String,
    /// Turns that wait, those under way and those to be tried again included.
    pub waiting: usize,
    /// There are more that wait.
    pub more: bool,
    /// Turns that a worker has taken.
    pub under_way: usize,
    /// Turns that failed and are tried again later.
    pub later: usize,
    /// Turns that were scored within the time that is looked at.
    pub scored: usize,
    /// Scores by metric.
    pub scores: BTreeMap<String, Scores>,
    /// Turns that were put aside.
    pub dead: Vec<Dead>,
}

/// Scores of one metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Scores {
    /// How many.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
}

/// A turn that was put aside.
#[derive(Clone, Debug, Serialize)]
pub struct Dead {
    /// `tr-` and 32 hex digits.
    pub trace_id: String,
    /// Why.
    #[serde(flatten)]
    pub letter: DeadLetter,
}

pub(crate) async fn of(ledger: &Ledger, attempts: u32) -> Result<Status, MlflowError> {
    let found = ledger.waiting().await?;
    let mut status = Status {
        mark: ledger.mark.clone(),
        waiting: found.turns.len(),
        more: found.more,
        ..Status::default()
    };
    for turn in &found.turns {
        match ledger.claims(turn, attempts) {
            Claims::Taken { .. } => status.under_way += 1,
            Claims::Later { .. } => status.later += 1,
            Claims::Free { .. } | Claims::Spent(_) => {}
        }
    }
    let condition = format!("tag.{} = '{}'", ledger.mark, Mark::Scored.as_str());
    let scored = ledger.search(&condition, Order::Newest, MOST_SCORED).await?;
    status.scored = scored.len();
    status.scores = scores(&scored);
    let dead = ledger.dead().await?;
    status.dead = dead
        .iter()
        .map(|turn| Dead { trace_id: turn.id.clone(), letter: dead_letter(turn).unwrap_or_default() })
        .collect();
    Ok(status)
}

fn scores(turns: &[TraceInfo]) -> BTreeMap<String, Scores> {
    let mut sums: BTreeMap<String, (usize, f64)> = BTreeMap::new();
    for turn in turns {
        for one in &turn.assessments {
            if let Some(score) = one.score()
                && scores_of(turn, &one.name).any(|ours| ours.id == one.id)
            {
                let sum = sums.entry(one.name.clone()).or_default();
                *sum = (sum.0 + 1, sum.1 + score);
            }
        }
    }
    let mean = |(count, sum): (usize, f64)| Scores { count, mean: sum / count as f64 };
    sums.into_iter().map(|(metric, sum)| (metric, mean(sum))).collect()
}
