//! What an operator can set about the language model's context.
use serde::{Deserialize, Serialize};

/// `[context]`: what the language model is shown of a long call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContextConfig {
    /// Whether the language model writes a summary of the turns that it is not shown any more, between two turns:
    /// `always`, `never`, or `auto`: where it can be trusted with it. The small embedded model cannot; its old turns are
    /// left out.
    pub summarise: Summarise,
    /// Tokens of the turns that are shown from which the older half is summarised, even if they are fewer than
    /// `assistant.history_messages`. 0: half of what the model's context leaves beside an answer.
    pub summarise_above_tokens: usize,
    /// Longest summary, tokens.
    pub summary_tokens: u32,
}

impl Default for ContextConfig {
    fn default() -> Self {
        Self { summarise: Summarise::Auto, summarise_above_tokens: 0, summary_tokens: 200 }
    }
}

/// Whether old turns are summarised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Summarise {
    /// If the language model can.
    #[default]
    Auto,
    /// In any case.
    Always,
    /// They are left out.
    Never,
}

impl Summarise {
    /// Whether a model that can, or cannot, is asked.
    pub fn asks(self, can: bool) -> bool {
        match self {
            Self::Auto => can,
            Self::Always => true,
            Self::Never => false,
        }
    }
}
