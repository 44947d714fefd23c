//! The evaluator: scores turns that stand in MLflow, by a language model and by rules, once each.
//!
//! `metric.rs` is one judge file, `turn.rs` what a judge sees of a turn, `judge.rs` how one turn is scored. Metrics are
//! files (`config/judges/`), so a new one needs no code.
mod agreement;
mod answer;
pub mod calibration;
mod code;
mod config;
mod echo;
mod error;
mod figures;
mod file;
mod judge;
mod metric;
mod prompt;
mod score;
mod server;
mod trace;
mod turn;

pub use agreement::{Agreement, Kappa, Pair};
pub use code::{Better, Budget, Expected, Language, Line, Matches, Of, Pattern};
pub use config::Config;
pub use error::{JudgeError, Trouble, TroubleKind};
pub use figures::{FIGURES, Figure};
pub use judge::{Judge, Judged, Spent};
pub use metric::{Example, Kind, Metric, Metrics, Part};
pub use score::Score;
pub use turn::{CUT, Message, Passage, Turn};
