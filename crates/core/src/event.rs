//! The closed list of things an observer (browser, test, log) may see of a call.
use serde::{Deserialize, Serialize};

use crate::{Part, Passage, ToolCall, ToolStep, TurnId, TurnReport};

/// What happened.
#[expect(clippy::large_enum_variant, reason = "one report a turn; a box would only make it harder to read")]
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The caller began to speak.
    UserStartedSpeaking,
    /// The caller's turn is over.
    UserStoppedSpeaking,
    /// What the caller seems to be saying; may change.
    UserPartial {
        /// The words so far.
        text: String,
    },
    /// What the caller said. Empty when there was speech without words.
    UserSaid {
        /// The turn that this opens.
        turn: TurnId,
        /// The words.
        text: String,
    },
    /// A pause of the caller was judged.
    EndOfTurn {
        /// The turn.
        turn: TurnId,
        /// The end-of-turn model's word, 0 to 1, where it came in time.
        probability: Option<f64>,
        /// `committed`, `timeout`, `too_long`, `released`: the turn is over; `resumed`: the caller went on.
        outcome: &'static str,
        /// The quiet since the caller's last sound, milliseconds.
        waited_ms: f64,
    },
    /// The caller went on before the answer could be heard: it is dropped, and the turn goes on.
    TurnReopened {
        /// The turn.
        turn: TurnId,
    },
    /// Retrieval is done.
    Retrieved {
        /// The turn.
        turn: TurnId,
        /// What was found, best first.
        passages: Vec<Passage>,
    },
    /// The language model began to answer.
    GenerationStarted {
        /// The turn.
        turn: TurnId,
    },
    /// The language model wrote a piece.
    Generated {
        /// The turn.
        turn: TurnId,
        /// The piece.
        text: String,
    },
    /// The language model called a tool.
    ToolStarted {
        /// The turn.
        turn: TurnId,
        /// The call.
        call: ToolCall,
    },
    /// The call is over.
    ToolEnded {
        /// The turn that called it.
        turn: TurnId,
        /// The call and what came of it.
        step: ToolStep,
        /// How long it took.
        seconds: f64,
    },
    /// Something to look at belongs to the answer.
    Shown {
        /// The turn.
        turn: TurnId,
        /// What.
        part: Part,
    },
    /// The language model is done.
    GenerationEnded {
        /// The turn.
        turn: TurnId,
    },
    /// The bot's sound begins.
    BotStartedSpeaking {
        /// The turn.
        turn: TurnId,
    },
    /// A line of the answer begins to sound.
    LineStarted {
        /// The turn.
        turn: TurnId,
        /// Place in the answer, from 0.
        index: u32,
        /// What the line says.
        text: String,
        /// True when the next line belongs to another sentence.
        ends_sentence: bool,
    },
    /// A word of the answer was heard in full.
    WordHeard {
        /// The turn.
        turn: TurnId,
        /// As written, punctuation included.
        text: String,
    },
    /// The bot's sound ended, by itself or cut.
    BotStoppedSpeaking {
        /// The turn.
        turn: TurnId,
    },
    /// Someone speaks into the answer: the bot falls silent, or quieter, until it is clear who and why.
    BotHeld {
        /// The turn.
        turn: TurnId,
    },
    /// It was no interruption: the bot goes on from the word where it was. Once for each such sound.
    BotContinued {
        /// The turn.
        turn: TurnId,
        /// `backchannel`, `echo`, `noise`: no words.
        why: &'static str,
        /// What was heard.
        text: String,
    },
    /// The caller cut the answer short.
    Interrupted {
        /// The turn that was cut.
        turn: TurnId,
        /// What was heard of the answer.
        heard: String,
    },
    /// A stage failed; the caller hears an apology and the call goes on.
    ReplyFailed {
        /// The turn.
        turn: TurnId,
        /// Which stage, and why.
        reason: String,
    },
    /// The turn is over: its figures.
    TurnEnded(TurnReport),
}

/// Why a turn ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The answer was heard to its end.
    #[default]
    Completed,
    /// The caller spoke into it.
    Interrupted,
    /// The call ended first.
    SessionClosed,
    /// A stage failed.
    Failed,
}

impl EndReason {
    /// The word used in traces and protocols.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Interrupted => "interrupted",
            Self::SessionClosed => "session_closed",
            Self::Failed => "failed",
        }
    }
}
