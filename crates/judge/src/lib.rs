//! The evaluator: scores turns that stand in MLflow, by a language model and by rules, once each.
//!
//! `metric.rs` is one judge file, `turn.rs` what a judge sees of a turn, `judge.rs` how one turn is scored. Metrics are
//! files (`config/judges/`), so a new one needs no code. `worker.rs` decides which turns are scored, `attempt.rs` is one
//! try at one, `ledger.rs` and `claim.rs` what stands about it in MLflow, which is the queue.
mod agreement;
mod answer;
mod attempt;
mod budget;
pub mod calibration;
mod claim;
mod code;
mod config;
mod echo;
mod error;
mod figures;
mod file;
mod health;
mod judge;
mod ledger;
mod metric;
mod progress;
mod prompt;
mod rounds;
mod score;
mod server;
mod status;
mod trace;
mod turn;
mod worker;

pub use agreement::{Agreement, Kappa, Pair};
pub use attempt::Price;
pub use budget::BudgetUse;
pub use code::{Better, Budget, Expected, Language, Line, Matches, Of, Pattern};
pub use config::Config;
pub use error::{JudgeError, Trouble, TroubleKind};
pub use figures::{FIGURES, Figure};
pub use judge::{Judge, Judged, Spent};
pub use ledger::DeadLetter;
pub use metric::{Example, Kind, Metric, Metrics, Part};
pub use score::Score;
pub use status::{Dead, Scores, Status};
pub use turn::{CUT, Message, Passage, Turn};
pub use worker::{Done, Gauges, Parts, Worker};
