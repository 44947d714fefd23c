//! What can go wrong: with the set-up, and with one turn.
use std::{path::PathBuf, time::Duration};

/// The judge cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// A judge file is no such.
    #[error("judge file {}, line {line}: {reason}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What is wrong and what was expected.
        reason: String,
    },
    /// Anything else about the configuration.
    #[error("{0}")]
    Config(String),
    /// MLflow.
    #[error(transparent)]
    Mlflow(#[from] voce_mlflow::MlflowError),
}

/// Why one turn could not be scored this time.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Trouble {
    /// What sort.
    pub kind: TroubleKind,
    /// What failed, what was expected, what to do. Never anything that was said in the call.
    pub message: String,
    /// What the server asked to wait, if it did (`Retry-After`).
    pub wait: Option<Duration>,
}

/// Sorts of trouble; also the word for it in MLflow and in `--status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TroubleKind {
    /// The server cannot be reached, or answers 5xx.
    Away,
    /// No answer in time.
    Timeout,
    /// 429.
    Limited,
    /// The request is refused (other 4xx): trying again will not help.
    Refused,
    /// The answer is not what was asked for: no JSON, a metric is missing, a score is out of its scale.
    Invalid,
}

impl TroubleKind {
    /// `away`, `timeout`, `limited`, `refused`, `invalid`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Away => "away",
            Self::Timeout => "timeout",
            Self::Limited => "limited",
            Self::Refused => "refused",
            Self::Invalid => "invalid",
        }
    }
}
