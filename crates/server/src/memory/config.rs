//! What an operator can set about remembering callers.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[memory]`: what is remembered of callers between their calls, on this machine's disk. Off: whoever turns it on
/// should tell the callers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MemoryConfig {
    /// Whether anything is remembered. Only of callers whose client says who they are; nobody checks that, so it is for
    /// places where something in front of voce does. With `llm.engine = "openai"` the language model writes down what is
    /// worth it after a call; the embedded model cannot, so there sentences in which callers speak of themselves ("my
    /// name is ...") are kept as they were said.
    pub enabled: bool,
    /// Folder, readable by its owner only. Empty: `voce/memory` in the user's data folder.
    pub folder: String,
    /// What was not renewed for so many days is deleted. 0: never.
    pub keep_days: u32,
    /// Longest memory of one caller, characters; whole lines are left out at the beginning, the oldest. Card numbers and
    /// what else `telemetry.redact` knows never get in.
    pub max_characters: usize,
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self { enabled: false, folder: String::new(), keep_days: 90, max_characters: 1_000 }
    }
}

impl MemoryConfig {
    /// The folder: `folder`, else `voce/memory` under `$XDG_DATA_HOME` or `~/.local/share`.
    pub fn folder(&self) -> PathBuf {
        if !self.folder.is_empty() {
            return PathBuf::from(&self.folder);
        }
        let data = std::env::var_os("XDG_DATA_HOME").filter(|value| !value.is_empty());
        let data = data.map_or_else(
            || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".local/share"),
            PathBuf::from,
        );
        data.join("voce/memory")
    }
}
