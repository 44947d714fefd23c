//! What came of all calls of a scenario.
use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use serde::Serialize;
use voce_core::TurnReport;

use crate::{CallRecord, Check, Plan, Scenario, check};

/// The scores of an answer by metric, or why there is none.
pub type Scores = BTreeMap<String, Result<f64, String>>;

/// Gives scores to answers.
pub trait Scorer: Send + Sync {
    /// The scores of the last of `turns` by these metrics; those before are its history.
    fn score<'a>(&'a self, turns: &'a [TurnReport], metrics: &'a [String]) -> BoxFuture<'a, Scores>;
}

/// One call and what was expected of it.
#[derive(Clone, Debug, Serialize)]
pub struct CallOutcome {
    /// What happened.
    #[serde(flatten)]
    pub record: CallRecord,
    /// Scores of each exchange.
    pub scores: Vec<Scores>,
    /// What was expected.
    pub checks: Vec<Check>,
}

impl CallOutcome {
    /// Scores the call where the scenario expects scores, and checks it.
    pub async fn of(
        scenario: &Scenario,
        plan: &Plan,
        record: CallRecord,
        scorer: Option<&dyn Scorer>,
    ) -> Self {
        let metrics = scenario.metrics();
        let mut scores = vec![];
        if !metrics.is_empty() {
            let mut turns: Vec<TurnReport> = vec![];
            for exchange in &record.exchanges {
                let Some(turn) = &exchange.turn else {
                    scores.push(Scores::new());
                    continue;
                };
                turns.push(turn.clone());
                scores.push(match scorer {
                    Some(scorer) => scorer.score(&turns, &metrics).await,
                    None => {
                        metrics.iter().map(|name| (name.clone(), Err("there is no judge".into()))).collect()
                    }
                });
            }
        }
        let checks = check::call(scenario, plan, &record, &scores);
        Self { record, scores, checks }
    }

    /// Whether all expectations were met.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.passed)
    }

    /// Those that were not.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| !check.passed)
    }
}

/// All calls of a scenario.
#[derive(Clone, Debug, Serialize)]
pub struct ScenarioOutcome {
    /// The scenario's name.
    pub scenario: String,
    /// Its calls, in order.
    pub calls: Vec<CallOutcome>,
    /// What was expected of all of them together.
    pub checks: Vec<Check>,
}

impl ScenarioOutcome {
    /// Checks what only all calls together can tell.
    pub fn of(scenario: &Scenario, calls: Vec<CallOutcome>) -> Self {
        let records: Vec<&CallRecord> = calls.iter().map(|call| &call.record).collect();
        let checks = check::scenario(&scenario.expect, &records);
        Self { scenario: scenario.name.clone(), calls, checks }
    }

    /// Whether every call met all expectations.
    pub fn passed(&self) -> bool {
        self.calls.iter().all(CallOutcome::passed) && self.checks.iter().all(|check| check.passed)
    }

    /// The percentile of the time to the first sound of an answer, seconds; none where no answer was heard.
    pub fn voice_to_voice(&self, percent: f64) -> Option<f64> {
        let turns = self.calls.iter().flat_map(|call| &call.record.turns);
        let mut waits: Vec<f64> = turns.filter_map(|turn| turn.voice_to_voice_seconds).collect();
        waits.sort_by(f64::total_cmp);
        check::percentile(&waits, percent)
    }
}
