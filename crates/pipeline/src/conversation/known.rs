//! What is known beside the turns that the language model is shown: a summary of older ones, and what is remembered of
//! the caller.
use voce_core::TurnId;

use super::{Conversation, Floor};

/// What is known beside the turns that are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Of the turns up to `up_to`; empty where there is none.
    pub summary: String,
    /// The last turn that the summary speaks of.
    pub up_to: TurnId,
    /// From earlier calls; empty where nothing is remembered.
    pub memory: String,
}

impl Conversation {
    /// What is known beside the turns that are shown.
    pub fn known(&self) -> &Known {
        &self.known
    }

    /// Whether nobody speaks and no answer is on its way.
    pub fn is_quiet(&self) -> bool {
        matches!(self.floor, Floor::Nobody { .. }) && self.speech.is_none()
    }

    /// From the next prompt on, `summary` stands for all turns up to this one.
    pub fn summarised(&mut self, up_to: TurnId, summary: String) {
        (self.known.up_to, self.known.summary) = (up_to, summary);
    }

    /// What is remembered of the caller.
    pub fn recalled(&mut self, memory: String) {
        self.known.memory = memory;
    }
}
