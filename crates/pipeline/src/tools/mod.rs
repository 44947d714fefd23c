//! Calls of tools: beside the audio, never in it.
//!
//! `calling.rs` is the language model's side of a call: which tool, may it run now, what covers the wait. `desk.rs` runs
//! calls in tasks that belong to the call on the line, so that one can go on when its answer is interrupted.
//! `consent.rs` says what a caller's words mean to "Shall I?", `quiet.rs` whether there is anything to be heard.
mod calling;
mod consent;
mod desk;
mod quiet;

use voce_core::{ToolCall, ToolStep, TurnId};

pub use calling::{Calling, Hands};
pub use consent::{Consent, consent, question, was_heard};
pub use desk::Desk;
use desk::Job;
pub(crate) use quiet::Quiet;

/// Characters of a tool's result that later answers see.
pub(crate) const REMEMBERED: usize = 1_000;

/// What happens to calls, for the conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// A call began.
    Started {
        /// The turn that called.
        turn: TurnId,
        /// The call.
        call: ToolCall,
        /// Whether it changes anything.
        has_effects: bool,
        /// Whether it goes on when the caller interrupts.
        finishes: bool,
        /// Whether it has words of its own for a caller who waits.
        has_filler: bool,
    },
    /// It is over.
    Ended {
        /// The turn that called.
        turn: TurnId,
        /// The call and what came of it.
        step: ToolStep,
        /// Whether it changes anything.
        has_effects: bool,
    },
    /// The caller is being asked whether it shall be.
    Asked {
        /// The turn that asks.
        turn: TurnId,
        /// The call, as it will be run.
        call: ToolCall,
        /// The sentence.
        question: String,
    },
}

/// News of one answer; answers of a call are numbered, since one turn can have several.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The answer.
    pub answer: u64,
    /// The news.
    pub news: News,
}

/// At most `most` characters of `text`, with a note if that was not all.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{} [cut]", &text[..end]),
    }
}

/// What the language model is told of a call that was cancelled.
pub(crate) fn cancelled(has_effects: bool) -> String {
    match has_effects {
        true => "The call was cancelled; whether it had an effect is not known.".into(),
        false => "The call was cancelled: the caller interrupted.".into(),
    }
}
