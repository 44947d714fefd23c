//! How one turn is scored.
use crate::{Config, JudgeError, Metric, Metrics, Score, Trouble, Turn};

/// Scores turns. Cheap to clone.
#[derive(Clone)]
pub struct Judge {}

/// What came of one turn.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// The scores that there are, whatever else failed.
    pub scores: Vec<Score>,
    /// Metrics without a score, by name, and why.
    pub troubles: Vec<(String, Trouble)>,
    /// What it took.
    pub spent: Spent,
}

/// What asking the model took.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spent {
    /// Requests to the model.
    pub requests: u32,
    /// Tokens of all prompts.
    pub prompt_tokens: u64,
    /// Tokens of all answers.
    pub completion_tokens: u64,
}

impl Judge {
    /// A judge with these metrics. Nothing is sent yet. `config.base_url` and `config.model` are the effective ones: the
    /// caller has filled in those of `[llm]`. Empty: metrics of models are left out.
    ///
    /// # Errors
    /// An address that is none.
    pub fn new(config: &Config, metrics: Metrics) -> Result<Self, JudgeError> {
        let _ = (config, metrics);
        todo!()
    }

    /// The metrics that apply to this turn: it has what they need, and a model is there for those that need one.
    pub fn applicable(&self, turn: &Turn) -> Vec<&Metric> {
        let _ = turn;
        todo!()
    }

    /// Scores a turn by these metrics. All metrics of one model go into one request; an answer that is not as asked is
    /// repaired where that is safe, else asked for once more with what was wrong, else reported as trouble. Code metrics
    /// need no request. Does not wait and does not retry beyond that: the worker does.
    pub async fn judge(&self, turn: &Turn, metrics: &[&Metric]) -> Judged {
        let _ = (turn, metrics);
        todo!()
    }
}
