//! The evaluator: scores turns that stand in MLflow, by a language model and by rules, once each.
//!
//! `metric.rs` is one judge file, `turn.rs` what a judge sees of a turn, `judge.rs` how one turn is scored. Metrics are
//! files (`config/judges/`), so a new one needs no code. `worker.rs` decides which turns are scored, `attempt.rs` is one
//! try at one, `ledger.rs` and `claim.rs` what stands about it in MLflow, which is the queue.
mod attempt;
mod budget;
mod claim;
mod config;
mod error;
mod health;
mod judge;
mod ledger;
mod metric;
mod progress;
mod score;
mod status;
mod turn;
mod worker;

pub use attempt::Price;
pub use budget::BudgetUse;
pub use config::Config;
pub use error::{JudgeError, Trouble, TroubleKind};
pub use judge::{Judge, Judged, Spent};
pub use ledger::DeadLetter;
pub use metric::{Example, Kind, Metric, Metrics, Part};
pub use score::Score;
pub use status::{Dead, Scores, Status};
pub use turn::{Message, Passage, Turn};
pub use worker::{Done, Gauges, Parts, Worker};
