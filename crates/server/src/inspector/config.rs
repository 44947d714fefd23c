//! What an operator can set about the turns that the page can look into.
use serde::{Deserialize, Serialize};

/// `[inspector]`: the last turns, kept in memory for the page: their stages, sound, words and scores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InspectorConfig {
    /// Turns of all calls that are kept, at most. 0: none, and the page draws what it knows itself.
    pub turns: usize,
    /// Memory for the sound of these turns, bytes; the sound of the oldest goes first.
    pub sound_bytes: usize,
    /// Sound kept of one side of a turn, seconds; what is longer loses its beginning.
    pub longest_seconds: u32,
    /// How long MLflow is asked for scores of a turn after it ended, seconds. 0: never.
    pub scores_seconds: u64,
}

impl Default for InspectorConfig {
    fn default() -> Self {
        Self { turns: 50, sound_bytes: 64 * 1024 * 1024, longest_seconds: 60, scores_seconds: 900 }
    }
}
