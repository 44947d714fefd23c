//! The messages to a client: names and fields are the protocol's, and what it lacks stands beside.
use serde::Serialize;
use serde_json::{Value, json};
use voce_core::{Control, Passage, ToolOutcome, TurnId, TurnReport};

use super::{INTERRUPT, LABEL, PUSH_TO_TALK, VERSION};

/// A message to the client.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// The id of the message that this one answers; otherwise none.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    label: &'static str,
    /// The turn that the message is about. The protocol has no place for it; its clients read over it.
    #[serde(skip_serializing_if = "Option::is_none")]
    turn: Option<TurnId>,
    #[serde(flatten)]
    body: Body,
}

/// What the server says. Names and fields are the protocol's.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", content = "data", rename_all = "kebab-case")]
pub(super) enum Body {
    BotReady {
        version: &'static str,
        about: Value,
    },
    UserStartedSpeaking,
    UserStoppedSpeaking,
    UserTranscription {
        text: String,
        user_id: &'static str,
        timestamp: String,
        r#final: bool,
    },
    BotLlmStarted,
    BotLlmText {
        text: String,
    },
    BotLlmStopped,
    BotTtsStarted,
    BotTtsText {
        text: String,
    },
    BotTtsStopped,
    BotStartedSpeaking,
    BotStoppedSpeaking,
    BotOutput {
        text: String,
        spoken: bool,
        aggregated_by: &'static str,
        #[serde(flatten)]
        line: Option<LinePlace>,
    },
    Metrics {
        ttfb: Vec<Metric>,
        processing: Vec<Metric>,
    },
    /// The model decided to call a function.
    LlmFunctionCallStarted {
        function_name: String,
    },
    LlmFunctionCallInProgress {
        function_name: String,
        tool_call_id: String,
        /// Empty where the model wrote no object.
        arguments: Value,
        /// The arguments as the model wrote them, for whoever wants the call unchanged.
        written: String,
    },
    LlmFunctionCallStopped {
        function_name: String,
        tool_call_id: String,
        cancelled: bool,
        result: String,
        #[serde(flatten)]
        beside: CallEnd,
    },
    ServerMessage(ServerMessage),
    ServerResponse {
        t: &'static str,
        d: (),
    },
    Error {
        error: String,
        message: String,
        fatal: bool,
    },
    ErrorResponse {
        error: String,
    },
}

/// What the protocol does not say of a line that begins to sound.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct LinePlace {
    pub index: u32,
    pub ends_sentence: bool,
}

/// What the protocol does not say of a call that is over.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct CallEnd {
    pub written: String,
    pub outcome: ToolOutcome,
    pub seconds: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Metric {
    pub processor: &'static str,
    pub value: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Table {
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// What we tell beyond the protocol.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerMessage {
    /// A turn's figures.
    Turn { report: Box<TurnReport> },
    /// What was found for the answer.
    Retrieved { turn: TurnId, passages: Vec<Passage> },
    /// Code to look at. The payload is of plain texts, as clients of the names `code_blocks` and `links` know it; what
    /// there is beside stands in a list of its own.
    CodeBlocks { turn: TurnId, payload: Vec<String>, languages: Vec<String> },
    /// Addresses to open, each checked against the sources.
    Links { turn: TurnId, payload: Vec<String>, texts: Vec<String> },
    /// Tables to look at.
    Tables { turn: TurnId, payload: Vec<Table> },
    /// Passages that the answer rests on.
    Citations { turn: TurnId, payload: Vec<Passage> },
    /// The caller cut the answer short.
    Interrupted { turn: TurnId, heard: String },
    /// A pause of the caller was judged.
    EndOfTurn { turn: TurnId, probability: Option<f64>, outcome: &'static str, waited_ms: f64 },
    /// The caller went on: what counted as said is no longer final, and its answer is dropped.
    TurnReopened { turn: TurnId },
    /// The answer waits, because someone speaks into it. To the protocol the bot goes on speaking.
    Held { turn: TurnId },
    /// The answer goes on from the word where it was.
    Continued { turn: TurnId, why: &'static str, text: String },
}

impl Message {
    pub(super) fn of(body: Body) -> Self {
        Self { id: None, label: LABEL, turn: None, body }
    }

    /// The message, about `turn`.
    pub(super) fn about(turn: Option<TurnId>, body: Body) -> Self {
        Self { turn, ..Self::of(body) }
    }

    /// The message as it travels.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("messages hold nothing that JSON cannot")
    }
}

/// The answer to `client-ready`.
pub fn bot_ready(id: Option<String>) -> Message {
    let about = json!({ "library": "voce", "library_version": env!("CARGO_PKG_VERSION") });
    Message { id, ..Message::of(Body::BotReady { version: VERSION, about }) }
}

/// The answer to a request that is not met.
pub fn error_response(id: Option<String>, reason: String) -> Message {
    Message { id, ..Message::of(Body::ErrorResponse { error: reason }) }
}

/// The answer to a control that was passed on.
pub fn server_response(id: String, control: Control) -> Message {
    let t = match control {
        Control::Press | Control::Release => PUSH_TO_TALK,
        Control::Interrupt => INTERRUPT,
    };
    Message { id: Some(id), ..Message::of(Body::ServerResponse { t, d: () }) }
}

/// SmallWebRTC's word that the bot hangs up. Without a label, as its client expects.
pub fn peer_left() -> String {
    json!({ "type": "signalling", "message": { "type": "peerLeft" } }).to_string()
}
