//! What the server says, read back as events: the inverse of the server's own `rtvi.rs`, which holds a test of both.
//!
//! All events travel. Words that the server may choose among (why the bot went on, how a pause ended) come back as
//! `other` where a newer server has more of them; a turn that an older server does not name is turn 0. What a server
//! that lags drops on its side is not known here, and the last turn of a caller who hangs up ends unheard.
use serde::Deserialize;
use serde_json::Value;
use voce_core::{Event, Part, Passage, ToolCall, ToolOutcome, ToolStep, TurnId, TurnReport};

/// How pauses end.
const OUTCOMES: &[&str] = &["committed", "timeout", "too_long", "released", "resumed"];
/// Why the bot goes on.
const REASONS: &[&str] = &["backchannel", "echo", "noise"];
const OTHER: &str = "other";

/// A message as far as it is looked at.
#[derive(Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "kebab-case")]
enum Body {
    UserStartedSpeaking,
    UserStoppedSpeaking,
    UserTranscription {
        text: String,
        r#final: bool,
    },
    BotLlmStarted,
    BotLlmText {
        text: String,
    },
    BotLlmStopped,
    BotStartedSpeaking,
    BotStoppedSpeaking,
    BotOutput {
        text: String,
        spoken: bool,
        #[serde(default)]
        index: u32,
        #[serde(default = "whole")]
        ends_sentence: bool,
    },
    LlmFunctionCallInProgress {
        function_name: String,
        tool_call_id: String,
        #[serde(default)]
        written: String,
    },
    LlmFunctionCallStopped {
        function_name: String,
        tool_call_id: String,
        #[serde(default)]
        written: String,
        #[serde(default)]
        result: String,
        #[serde(default)]
        outcome: ToolOutcome,
        #[serde(default)]
        seconds: f64,
    },
    ServerMessage(ServerMessage),
    Error {
        error: String,
    },
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ServerMessage {
    Turn { report: Box<TurnReport> },
    Retrieved { turn: TurnId, passages: Vec<Passage> },
    CodeBlocks { turn: TurnId, payload: [String; 1], languages: [String; 1] },
    Links { turn: TurnId, payload: [String; 1], texts: [String; 1] },
    Tables { turn: TurnId, payload: [Table; 1] },
    Citations { turn: TurnId, payload: [Passage; 1] },
    Interrupted { turn: TurnId, heard: String },
    EndOfTurn { turn: TurnId, probability: Option<f64>, outcome: String, waited_ms: f64 },
    TurnReopened { turn: TurnId },
    Held { turn: TurnId },
    Continued { turn: TurnId, why: String, text: String },
}

#[derive(Deserialize)]
struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// A line is a sentence unless the server says otherwise.
fn whole() -> bool {
    true
}

/// The event that a message tells. None for messages that tell none: answers to requests, signalling, those that repeat
/// another message for older clients, and what does not have the form that was expected.
pub fn event(message: &Value) -> Option<Event> {
    let turn = TurnId(message["turn"].as_u64().and_then(|turn| turn.try_into().ok()).unwrap_or_default());
    Some(match Body::deserialize(message).ok()? {
        Body::UserStartedSpeaking => Event::UserStartedSpeaking,
        Body::UserStoppedSpeaking => Event::UserStoppedSpeaking,
        Body::UserTranscription { text, r#final: false } => Event::UserPartial { text },
        Body::UserTranscription { text, r#final: true } => Event::UserSaid { turn, text },
        Body::BotLlmStarted => Event::GenerationStarted { turn },
        Body::BotLlmText { text } => Event::Generated { turn, text },
        Body::BotLlmStopped => Event::GenerationEnded { turn },
        Body::BotStartedSpeaking => Event::BotStartedSpeaking { turn },
        Body::BotStoppedSpeaking => Event::BotStoppedSpeaking { turn },
        Body::BotOutput { text, spoken: true, .. } => Event::WordHeard { turn, text },
        Body::BotOutput { text, spoken: false, index, ends_sentence } => {
            Event::LineStarted { turn, index, text, ends_sentence }
        }
        Body::Error { error: reason } => Event::ReplyFailed { turn, reason },
        Body::LlmFunctionCallInProgress { function_name: name, tool_call_id: id, written: arguments } => {
            Event::ToolStarted { turn, call: ToolCall { id, name, arguments } }
        }
        Body::LlmFunctionCallStopped {
            function_name: name,
            tool_call_id: id,
            written: arguments,
            result,
            outcome,
            seconds,
        } => {
            let step = ToolStep { call: ToolCall { id, name, arguments }, result, outcome };
            Event::ToolEnded { turn, step, seconds }
        }
        Body::ServerMessage(told) => beyond_the_protocol(told),
    })
}

fn beyond_the_protocol(told: ServerMessage) -> Event {
    match told {
        ServerMessage::Turn { report } => Event::TurnEnded(*report),
        ServerMessage::Retrieved { turn, passages } => Event::Retrieved { turn, passages },
        ServerMessage::CodeBlocks { turn, payload: [text], languages: [language] } => {
            Event::Shown { turn, part: Part::Code { language, text } }
        }
        ServerMessage::Links { turn, payload: [url], texts: [text] } => {
            Event::Shown { turn, part: Part::Link { text, url } }
        }
        ServerMessage::Tables { turn, payload: [Table { header, rows }] } => {
            Event::Shown { turn, part: Part::Table { header, rows } }
        }
        ServerMessage::Citations { turn, payload: [passage] } => {
            Event::Shown { turn, part: Part::Citation { passage } }
        }
        ServerMessage::Interrupted { turn, heard } => Event::Interrupted { turn, heard },
        ServerMessage::EndOfTurn { turn, probability, outcome, waited_ms } => {
            Event::EndOfTurn { turn, probability, outcome: one_of(OUTCOMES, &outcome), waited_ms }
        }
        ServerMessage::TurnReopened { turn } => Event::TurnReopened { turn },
        ServerMessage::Held { turn } => Event::BotHeld { turn },
        ServerMessage::Continued { turn, why, text } => {
            Event::BotContinued { turn, why: one_of(REASONS, &why), text }
        }
    }
}

fn one_of(words: &[&'static str], word: &str) -> &'static str {
    words.iter().find(|known| **known == word).copied().unwrap_or(OTHER)
}
