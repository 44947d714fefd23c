//! What a judge sees of a turn: read from its trace, or given as JSON.
use serde::{Deserialize, Serialize};
use voce_mlflow::Trace;

/// One turn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Turn {
    /// `tr-` and 32 hex digits; empty where there is no trace.
    pub trace_id: String,
    /// What the caller asked, as understood.
    pub question: String,
    /// The answer as far as it was heard.
    pub answer: String,
    /// The answer as the language model wrote it.
    pub generated: String,
    /// What was said before, oldest first.
    pub history: Vec<Message>,
    /// What retrieval found; `None` where nothing was looked for.
    pub passages: Option<Vec<Passage>>,
    /// `completed`, `interrupted`, ...
    pub end_reason: String,
    /// Figures of the turn by name, e.g. `voice_to_voice_seconds`; see `turn.rs` for all of them.
    pub figures: std::collections::BTreeMap<String, f64>,
}

/// A message of the conversation so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// `user` or `assistant`.
    pub role: String,
    /// Its text.
    pub text: String,
}

/// A passage that retrieval found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Passage {
    /// The document.
    pub source: String,
    /// Its text.
    pub text: String,
    /// How well it fits, as the search says.
    pub score: Option<f64>,
}

impl Turn {
    /// The turn of a trace. `None` where there is nothing to judge: no question or no answer (a greeting, a failed turn),
    /// or the content switch kept what was said out of the trace.
    pub fn of(trace: &Trace) -> Option<Self> {
        let _ = trace;
        todo!()
    }
}
