//! The evaluator: scores turns that stand in MLflow, by a language model and by rules, once each.
//!
//! `metric.rs` is one judge file, `turn.rs` what a judge sees of a turn, `judge.rs` how one turn is scored. Metrics are
//! files (`config/judges/`), so a new one needs no code.
mod config;
mod error;
mod judge;
mod metric;
mod score;
mod turn;

pub use config::Config;
pub use error::{JudgeError, Trouble, TroubleKind};
pub use judge::{Judge, Judged, Spent};
pub use metric::{Example, Kind, Metric, Metrics, Part};
pub use score::Score;
pub use turn::{Message, Passage, Turn};
