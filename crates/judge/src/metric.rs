//! A metric: one judge file, checked.
use std::path::Path;

use crate::JudgeError;

/// A metric. The file's name is `NAME.toml`.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name in MLflow, e.g. `faithfulness`.
    pub name: String,
    /// Raised by who edits it when its scores mean something else: turns are then scored anew.
    pub version: u32,
    /// How it is found.
    pub kind: Kind,
    /// Lowest and highest score; both can be given. 1 and 5 for models.
    pub scale: (f64, f64),
    /// Parts a turn must have to be scored at all.
    pub needs: Vec<Part>,
}

/// How a score is found.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A model is asked.
    Model {
        /// What each score means, for the model.
        rubric: String,
        /// Turns with their scores.
        examples: Vec<Example>,
        /// What of the turn the model sees.
        sees: Vec<Part>,
        /// Another model than `judge.model`.
        model: Option<String>,
    },
    // Code metrics (pattern, budget, language) stand here too.
}

/// A part of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What was asked.
    Question,
    /// What was heard of the answer.
    Answer,
    /// The earlier conversation.
    History,
    /// What retrieval found.
    Passages,
    /// Figures and how the turn ended.
    Events,
}

/// A turn with its score, shown to the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The turn.
    pub turn: crate::Turn,
    /// Its score.
    pub score: f64,
    /// Why.
    pub reason: String,
}

/// All metrics in force.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// In the order of their names.
    pub all: Vec<Metric>,
}

impl Metrics {
    /// The files of a folder, or those that come with the binary where it is not there.
    ///
    /// # Errors
    /// A file that cannot be read or is no judge file, with line and reason; two metrics of one name; none at all.
    pub fn load(folder: &Path) -> Result<Self, JudgeError> {
        let _ = folder;
        todo!()
    }

    /// Changes when a metric is added, taken out or given another version: 8 hex digits.
    pub fn fingerprint(&self) -> String {
        todo!()
    }
}
