//! RTVI, the protocol of Pipecat's clients, as JSON on the data channel: our events become its messages, its messages
//! become requests to us. Beside it travels SmallWebRTC's own signalling, and its keep-alive, which is not JSON.
//!
//! What a caller does by hand comes as a `client-message`: `{"t": "push-to-talk", "d": {"pressed": true}}`, the same
//! with `false`, and `{"t": "interrupt"}`.
//!
//! `voce_caller::rtvi` is the inverse: what a message lost of its event would be lost to simulated callers. So beside the
//! protocol's own fields a message carries the turn it is about, and a line its place.
//!
//! Spoken with the message forms of protocol 1.4, which clients of 2.x understand too: a line of the answer is
//! announced as a `bot-output` that is not spoken yet, then each word follows as one that is.
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use voce_core::{Control, Event, Passage, TurnId, TurnReport};

use crate::timestamp;

/// The version named in `bot-ready`.
pub const VERSION: &str = "1.4.0";
/// What every message of the protocol is labelled with.
pub const LABEL: &str = "rtvi-ai";
const PUSH_TO_TALK: &str = "push-to-talk";
const INTERRUPT: &str = "interrupt";

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
enum Body {
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
struct LinePlace {
    index: u32,
    ends_sentence: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Metric {
    processor: &'static str,
    value: f64,
}

/// What we tell beyond the protocol.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ServerMessage {
    /// A turn's figures.
    Turn { report: Box<TurnReport> },
    /// What the answer rests on.
    Citations { turn: TurnId, passages: Vec<Passage> },
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

/// What the client asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// It is ready; to be answered with [`bot_ready`].
    Ready {
        /// The message's id.
        id: Option<String>,
    },
    /// It wants the call to end.
    Disconnect,
    /// The caller did something by hand; to be answered with [`server_response`].
    Control {
        /// The message's id.
        id: Option<String>,
        /// What was done.
        control: Control,
    },
    /// Something that we do not do; to be answered with [`error_response`].
    Unsupported {
        /// The message's id.
        id: Option<String>,
        /// What was asked for, in words.
        reason: String,
    },
    /// Keep-alive and signalling that need no answer.
    Nothing,
}

#[derive(Deserialize)]
struct Incoming {
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    label: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: Value,
}

impl Message {
    fn of(body: Body) -> Self {
        Self { id: None, label: LABEL, turn: None, body }
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

/// What an event says in the protocol.
pub fn messages(event: Event) -> Vec<Message> {
    let turn = turn_of(&event);
    let bodies = match event {
        Event::UserStartedSpeaking => vec![Body::UserStartedSpeaking],
        Event::UserStoppedSpeaking => vec![Body::UserStoppedSpeaking],
        Event::UserPartial { text } => vec![transcription(text, false)],
        Event::UserSaid { text, .. } => vec![transcription(text, true)],
        Event::Retrieved { turn, passages } => {
            vec![Body::ServerMessage(ServerMessage::Citations { turn, passages })]
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
        Event::ToolStarted { .. } | Event::ToolEnded { .. } | Event::Shown { .. } => vec![],
        Event::TurnEnded(report) => {
            vec![metrics(&report), Body::ServerMessage(ServerMessage::Turn { report: Box::new(report) })]
        }
    };
    bodies.into_iter().map(|body| Message { turn, ..Message::of(body) }).collect()
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
        | Event::ReplyFailed { turn, .. } => Some(*turn),
        Event::ToolStarted { .. }
        | Event::ToolEnded { .. }
        | Event::Shown { .. }
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

/// Understands what came on the data channel.
pub fn request(text: &str) -> Request {
    // SmallWebRTC's client sends "ping: <milliseconds>" every second.
    if text.starts_with("ping") {
        return Request::Nothing;
    }
    let message = match serde_json::from_str::<Incoming>(text) {
        Ok(message) => message,
        Err(error) => {
            let reason = format!("expected a JSON object with `type` and `label`: {error}");
            return Request::Unsupported { id: None, reason };
        }
    };
    let id = message.id.and_then(|id| match id {
        Value::String(id) => Some(id),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    });
    let unsupported = |reason: String| Request::Unsupported { id: id.clone(), reason };
    match message.kind.as_str() {
        // trackStatus, renegotiate, peerLeft: what matters of them, the connection itself shows.
        "signalling" => Request::Nothing,
        _ if message.label.as_deref() != Some(LABEL) => {
            unsupported(format!("expected the label {LABEL:?} on a message of type {:?}", message.kind))
        }
        "client-ready" => Request::Ready { id },
        "disconnect-bot" => Request::Disconnect,
        "client-message" => match control(&message.data) {
            Ok(control) => Request::Control { id, control },
            Err(reason) => unsupported(reason),
        },
        "send-text" | "append-to-context" | "dtmf" | "llm-function-call-result" => {
            unsupported(format!("{} is not supported yet", message.kind))
        }
        kind => unsupported(format!("unknown message type {kind:?}")),
    }
}

/// What a `client-message` asks for.
fn control(data: &Value) -> Result<Control, String> {
    match data["t"].as_str() {
        Some(INTERRUPT) => Ok(Control::Interrupt),
        Some(PUSH_TO_TALK) => match data["d"]["pressed"].as_bool() {
            Some(true) => Ok(Control::Press),
            Some(false) => Ok(Control::Release),
            None => Err(format!(r#"expected {PUSH_TO_TALK:?} with `d` of {{"pressed": true}} or false"#)),
        },
        Some(other) => {
            Err(format!("unknown client-message {other:?}: expected {PUSH_TO_TALK:?} or {INTERRUPT:?}"))
        }
        None => Err(format!("expected a client-message with `t` of {PUSH_TO_TALK:?} or {INTERRUPT:?}")),
    }
}

#[cfg(test)]
mod there_and_back;

#[cfg(test)]
mod tests {
    use super::*;
    use voce_core::EndReason;

    fn sent(event: Event) -> Vec<Value> {
        messages(event).iter().map(|message| serde_json::from_str(&message.json()).unwrap()).collect()
    }

    fn labelled(kind: &str, data: Value) -> Value {
        json!({ "label": "rtvi-ai", "type": kind, "data": data })
    }

    fn bare(kind: &str) -> Value {
        json!({ "label": "rtvi-ai", "type": kind })
    }

    /// The message with the turn it is about.
    fn about(mut message: Value) -> Value {
        message["turn"] = 3.into();
        message
    }

    const TURN: TurnId = TurnId(3);

    #[test]
    fn speaking_events_are_bare_messages() {
        assert_eq!(sent(Event::UserStartedSpeaking), [bare("user-started-speaking")]);
        assert_eq!(sent(Event::UserStoppedSpeaking), [bare("user-stopped-speaking")]);
        assert_eq!(
            sent(Event::BotStartedSpeaking { turn: TURN }),
            [about(bare("bot-tts-started")), about(bare("bot-started-speaking"))]
        );
        assert_eq!(
            sent(Event::BotStoppedSpeaking { turn: TURN }),
            [about(bare("bot-tts-stopped")), about(bare("bot-stopped-speaking"))]
        );
        assert_eq!(sent(Event::GenerationStarted { turn: TURN }), [about(bare("bot-llm-started"))]);
        assert_eq!(sent(Event::GenerationEnded { turn: TURN }), [about(bare("bot-llm-stopped"))]);
    }

    #[test]
    fn transcriptions_say_whether_they_are_final_and_when() {
        for (event, r#final) in [
            (Event::UserPartial { text: "Hello".into() }, false),
            (Event::UserSaid { turn: TURN, text: "Hello".into() }, true),
        ] {
            let mut message = sent(event).remove(0);
            let timestamp = message["data"]["timestamp"].take();
            let turn = message.as_object_mut().unwrap().remove("turn");
            assert_eq!(turn.is_some(), r#final);
            assert_eq!(timestamp.as_str().unwrap().len(), "2026-11-24T10:54:19.123Z".len());
            assert_eq!(
                message,
                labelled(
                    "user-transcription",
                    json!({ "text": "Hello", "user_id": "user", "timestamp": null, "final": r#final })
                )
            );
        }
    }

    #[test]
    fn the_answer_is_told_as_text_line_and_word() {
        assert_eq!(
            sent(Event::Generated { turn: TURN, text: "Two".into() }),
            [about(labelled("bot-llm-text", json!({ "text": "Two" })))]
        );
        assert_eq!(
            sent(Event::LineStarted { turn: TURN, index: 0, text: "Two years.".into(), ends_sentence: true }),
            [about(labelled(
                "bot-output",
                json!({ "text": "Two years.", "spoken": false, "aggregated_by": "sentence", "index": 0, "ends_sentence": true })
            ))]
        );
        assert_eq!(
            sent(Event::WordHeard { turn: TURN, text: "years.".into() }),
            [
                about(labelled("bot-tts-text", json!({ "text": "years." }))),
                about(labelled(
                    "bot-output",
                    json!({ "text": "years.", "spoken": true, "aggregated_by": "word" })
                )),
            ]
        );
    }

    #[test]
    fn what_the_protocol_lacks_travels_as_server_messages() {
        let passages =
            vec![Passage { text: "Two years.".into(), source: "manual.md".into(), ..Default::default() }];
        assert_eq!(
            sent(Event::Retrieved { turn: TURN, passages: passages.clone() }),
            [labelled("server-message", json!({ "type": "citations", "turn": 3, "passages": passages }))]
        );
        assert_eq!(
            sent(Event::Interrupted { turn: TURN, heard: "Two".into() }),
            [labelled("server-message", json!({ "type": "interrupted", "turn": 3, "heard": "Two" }))]
        );
    }

    #[test]
    fn turn_taking_is_told_and_a_held_bot_counts_as_speaking() {
        let judged =
            Event::EndOfTurn { turn: TURN, probability: Some(0.75), outcome: "resumed", waited_ms: 240.0 };
        for (event, told) in [
            (
                judged,
                json!({ "type": "end_of_turn", "turn": 3, "probability": 0.75, "outcome": "resumed", "waited_ms": 240.0 }),
            ),
            (Event::TurnReopened { turn: TURN }, json!({ "type": "turn_reopened", "turn": 3 })),
            (Event::BotHeld { turn: TURN }, json!({ "type": "held", "turn": 3 })),
            (
                Event::BotContinued { turn: TURN, why: "backchannel", text: "uh-huh".into() },
                json!({ "type": "continued", "turn": 3, "why": "backchannel", "text": "uh-huh" }),
            ),
        ] {
            assert_eq!(sent(event), [labelled("server-message", told)]);
        }
    }

    fn client_message(data: Value) -> Request {
        let message = json!({ "id": "9", "label": "rtvi-ai", "type": "client-message", "data": data });
        request(&message.to_string())
    }

    #[test]
    fn what_a_caller_does_by_hand_is_understood_and_answered_with_its_id() {
        for (data, control, t) in [
            (json!({ "t": "push-to-talk", "d": { "pressed": true } }), Control::Press, "push-to-talk"),
            (json!({ "t": "push-to-talk", "d": { "pressed": false } }), Control::Release, "push-to-talk"),
            (json!({ "t": "interrupt" }), Control::Interrupt, "interrupt"),
            (json!({ "t": "interrupt", "d": {} }), Control::Interrupt, "interrupt"),
        ] {
            assert_eq!(client_message(data), Request::Control { id: Some("9".into()), control });
            let answer: Value = serde_json::from_str(&server_response("9".into(), control).json()).unwrap();
            assert_eq!(
                answer,
                json!({ "id": "9", "label": "rtvi-ai", "type": "server-response", "data": { "t": t, "d": null } })
            );
        }
    }

    #[test]
    fn a_garbage_client_message_is_refused_with_what_was_expected() {
        for data in [
            json!(null),
            json!(5),
            json!([]),
            json!({}),
            json!({ "t": 5 }),
            json!({ "t": "dance" }),
            json!({ "t": "push-to-talk" }),
            json!({ "t": "push-to-talk", "d": true }),
            json!({ "t": "push-to-talk", "d": { "pressed": "yes" } }),
        ] {
            let Request::Unsupported { id, reason } = client_message(data.clone()) else { panic!("{data}") };
            assert_eq!(id.as_deref(), Some("9"));
            assert!(reason.contains("expected") && reason.contains("\"push-to-talk\""), "{data}: {reason}");
        }
        let without_data = request(r#"{"id":"9","label":"rtvi-ai","type":"client-message"}"#);
        assert!(matches!(without_data, Request::Unsupported { .. }));
    }

    #[test]
    fn a_turns_end_brings_metrics_and_the_report() {
        let report = TurnReport {
            turn: TURN,
            end_reason: EndReason::Completed,
            stt_seconds: Some(0.25),
            llm_first_token_seconds: Some(0.5),
            llm_seconds: Some(2.0),
            tts_first_audio_seconds: Some(0.125),
            ..Default::default()
        };
        let sent = sent(Event::TurnEnded(report.clone()));
        assert_eq!(
            sent[0],
            labelled(
                "metrics",
                json!({
                    "ttfb": [{ "processor": "llm", "value": 0.5 }, { "processor": "tts", "value": 0.125 }],
                    "processing": [{ "processor": "stt", "value": 0.25 }, { "processor": "llm", "value": 2.0 }],
                })
            )
        );
        assert_eq!(
            sent[1],
            labelled(
                "server-message",
                json!({ "type": "turn", "report": serde_json::to_value(report).unwrap() })
            )
        );
    }

    #[test]
    fn a_failed_reply_is_an_error_that_does_not_end_the_call() {
        assert_eq!(
            sent(Event::ReplyFailed { turn: TURN, reason: "llm failed".into() }),
            [about(labelled(
                "error",
                json!({ "error": "llm failed", "message": "llm failed", "fatal": false })
            ))]
        );
    }

    #[test]
    fn the_handshake_is_answered_with_its_id() {
        let ready =
            r#"{"id":"ab12","label":"rtvi-ai","type":"client-ready","data":{"version":"2.1.0","about":{}}}"#;
        assert_eq!(request(ready), Request::Ready { id: Some("ab12".into()) });
        let answer: Value = serde_json::from_str(&bot_ready(Some("ab12".into())).json()).unwrap();
        assert_eq!(
            answer,
            json!({ "id": "ab12", "label": "rtvi-ai", "type": "bot-ready", "data": {
                "version": "1.4.0", "about": { "library": "voce", "library_version": env!("CARGO_PKG_VERSION") } } })
        );
    }

    #[test]
    fn signalling_and_keep_alive_need_no_answer() {
        assert_eq!(request("ping: 1764000000000"), Request::Nothing);
        let status =
            r#"{"type":"signalling","message":{"type":"trackStatus","receiver_index":0,"enabled":true}}"#;
        assert_eq!(request(status), Request::Nothing);
        let left: Value = serde_json::from_str(&peer_left()).unwrap();
        assert_eq!(left, json!({ "type": "signalling", "message": { "type": "peerLeft" } }));
    }

    #[test]
    fn what_is_not_supported_is_refused_with_its_id() {
        let text = r#"{"id":"7","label":"rtvi-ai","type":"send-text","data":{"content":"hi"}}"#;
        let refused =
            Request::Unsupported { id: Some("7".into()), reason: "send-text is not supported yet".into() };
        assert_eq!(request(text), refused);
        let answer: Value =
            serde_json::from_str(&error_response(Some("7".into()), "no".into()).json()).unwrap();
        assert_eq!(
            answer,
            json!({ "id": "7", "label": "rtvi-ai", "type": "error-response", "data": { "error": "no" } })
        );
        assert_eq!(request(r#"{"label":"rtvi-ai","type":"disconnect-bot","data":{}}"#), Request::Disconnect);
    }

    #[test]
    fn garbage_is_refused_with_what_was_expected() {
        for garbage in ["", "{", "[]", "null", "\"x\"", r#"{"type":5}"#, r#"{"label":"rtvi-ai"}"#, "\u{0}"] {
            let Request::Unsupported { id: None, reason } = request(garbage) else { panic!("{garbage:?}") };
            assert!(reason.starts_with("expected a JSON object"), "{reason}");
        }
        let unlabelled = request(r#"{"type":"client-ready"}"#);
        assert!(matches!(unlabelled, Request::Unsupported { reason, .. } if reason.contains("label")));
    }
}
