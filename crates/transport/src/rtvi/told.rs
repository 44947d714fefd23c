//! What an event says in the protocol.
use std::time::SystemTime;

use serde_json::{Value, json};
use voce_core::{Event, Part, ToolOutcome, TurnId, TurnReport};

use super::message::{Body, CallEnd, LinePlace, Message, Metric, ServerMessage, Table};
use crate::timestamp;

/// What an event says in the protocol.
pub fn messages(event: Event) -> Vec<Message> {
    let turn = turn_of(&event);
    let bodies = match event {
        Event::UserStartedSpeaking => vec![Body::UserStartedSpeaking],
        Event::UserStoppedSpeaking => vec![Body::UserStoppedSpeaking],
        Event::UserPartial { text } => vec![transcription(text, false)],
        Event::UserSaid { text, .. } => vec![transcription(text, true)],
        Event::Retrieved { turn, passages } => {
            vec![Body::ServerMessage(ServerMessage::Retrieved { turn, passages })]
        }
        Event::EndOfTurn { turn, probability, outcome, waited_ms } => {
            vec![Body::ServerMessage(ServerMessage::EndOfTurn { turn, probability, outcome, waited_ms })]
        }
        Event::TurnReopened { turn } => vec![Body::ServerMessage(ServerMessage::TurnReopened { turn })],
        Event::GenerationStarted { .. } => vec![Body::BotLlmStarted],
        Event::Generated { text, .. } => vec![Body::BotLlmText { text }],
        Event::GenerationEnded { .. } => vec![Body::BotLlmStopped],
        Event::BotStartedSpeaking { .. } => vec![Body::BotTtsStarted, Body::BotStartedSpeaking],
        Event::LineStarted { text, index, ends_sentence, .. } => {
            let line = Some(LinePlace { index, ends_sentence });
            vec![Body::BotOutput { text, spoken: false, aggregated_by: "sentence", line }]
        }
        Event::WordHeard { text, .. } => vec![
            Body::BotTtsText { text: text.clone() },
            Body::BotOutput { text, spoken: true, aggregated_by: "word", line: None },
        ],
        Event::BotStoppedSpeaking { .. } => vec![Body::BotTtsStopped, Body::BotStoppedSpeaking],
        Event::BotHeld { turn } => vec![Body::ServerMessage(ServerMessage::Held { turn })],
        Event::BotContinued { turn, why, text } => {
            vec![Body::ServerMessage(ServerMessage::Continued { turn, why, text })]
        }
        Event::Interrupted { turn, heard } => {
            vec![Body::ServerMessage(ServerMessage::Interrupted { turn, heard })]
        }
        Event::ReplyFailed { reason, .. } => {
            vec![Body::Error { error: reason.clone(), message: reason, fatal: false }]
        }
        Event::ToolStarted { call, .. } => vec![
            Body::LlmFunctionCallStarted { function_name: call.name.clone() },
            Body::LlmFunctionCallInProgress {
                arguments: arguments(&call.arguments),
                function_name: call.name,
                tool_call_id: call.id,
                written: call.arguments,
            },
        ],
        Event::ToolEnded { step, seconds, .. } => vec![Body::LlmFunctionCallStopped {
            function_name: step.call.name,
            tool_call_id: step.call.id,
            cancelled: matches!(step.outcome, ToolOutcome::Cancelled | ToolOutcome::TimedOut),
            result: step.result,
            beside: CallEnd { written: step.call.arguments, outcome: step.outcome, seconds },
        }],
        Event::Shown { turn, part } => vec![Body::ServerMessage(shown(turn, part))],
        Event::TurnEnded(report) => {
            vec![metrics(&report), Body::ServerMessage(ServerMessage::Turn { report: Box::new(report) })]
        }
    };
    bodies.into_iter().map(|body| Message::about(turn, body)).collect()
}

/// The turn of an event where its message has no place of its own for it.
fn turn_of(event: &Event) -> Option<TurnId> {
    match event {
        Event::UserSaid { turn, .. }
        | Event::GenerationStarted { turn }
        | Event::Generated { turn, .. }
        | Event::GenerationEnded { turn }
        | Event::BotStartedSpeaking { turn }
        | Event::LineStarted { turn, .. }
        | Event::WordHeard { turn, .. }
        | Event::BotStoppedSpeaking { turn }
        | Event::ToolStarted { turn, .. }
        | Event::ToolEnded { turn, .. }
        | Event::ReplyFailed { turn, .. } => Some(*turn),
        Event::Shown { .. }
        | Event::UserStartedSpeaking
        | Event::UserStoppedSpeaking
        | Event::UserPartial { .. }
        | Event::EndOfTurn { .. }
        | Event::TurnReopened { .. }
        | Event::Retrieved { .. }
        | Event::BotHeld { .. }
        | Event::BotContinued { .. }
        | Event::Interrupted { .. }
        | Event::TurnEnded(_) => None,
    }
}

/// Each part as it comes: a payload of one.
fn shown(turn: TurnId, part: Part) -> ServerMessage {
    match part {
        Part::Code { language, text } => {
            ServerMessage::CodeBlocks { turn, payload: vec![text], languages: vec![language] }
        }
        Part::Link { text, url } => ServerMessage::Links { turn, payload: vec![url], texts: vec![text] },
        Part::Table { header, rows } => ServerMessage::Tables { turn, payload: vec![Table { header, rows }] },
        Part::Citation { passage } => ServerMessage::Citations { turn, payload: vec![passage] },
    }
}

/// The arguments as the protocol has them: an object.
fn arguments(written: &str) -> Value {
    serde_json::from_str(written).ok().filter(Value::is_object).unwrap_or_else(|| json!({}))
}

fn transcription(text: String, r#final: bool) -> Body {
    Body::UserTranscription { text, user_id: "user", timestamp: timestamp::utc(SystemTime::now()), r#final }
}

/// Seconds, under the names of our stages.
fn metrics(report: &TurnReport) -> Body {
    let list = |metrics: &[(&'static str, Option<f64>)]| {
        metrics
            .iter()
            .filter_map(|&(processor, value)| value.map(|value| Metric { processor, value }))
            .collect()
    };
    Body::Metrics {
        ttfb: list(&[
            ("llm", report.llm_first_token_seconds),
            ("tts", report.tts_first_audio_seconds),
            ("voice_to_voice", report.voice_to_voice_seconds),
        ]),
        processing: list(&[
            ("end_of_turn", report.end_of_turn_seconds),
            ("stt", report.stt_seconds),
            ("retrieval", report.retrieval_seconds),
            ("llm", report.llm_seconds),
        ]),
    }
}
