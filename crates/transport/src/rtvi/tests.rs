//! The forms of the messages, as clients of the protocol read them.
use serde_json::{Value, json};
use voce_core::{
    Control, EndReason, Event, Part, Passage, ToolCall, ToolOutcome, ToolStep, TurnId, TurnReport,
};

use super::*;

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
        [labelled("server-message", json!({ "type": "retrieved", "turn": 3, "passages": passages }))]
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
        [about(labelled("error", json!({ "error": "llm failed", "message": "llm failed", "fatal": false })))]
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
    let answer: Value = serde_json::from_str(&error_response(Some("7".into()), "no".into()).json()).unwrap();
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

#[test]
fn what_is_shown_travels_as_payloads_of_plain_values() {
    let passage = Passage { text: "Two years.".into(), source: "manual.md".into(), ..Default::default() };
    for (part, told) in [
        (
            Part::Code { language: "rust".into(), text: "fn a() {}".into() },
            json!({ "type": "code_blocks", "turn": 3, "payload": ["fn a() {}"], "languages": ["rust"] }),
        ),
        (
            Part::Link { text: "shop".into(), url: "https://x.org".into() },
            json!({ "type": "links", "turn": 3, "payload": ["https://x.org"], "texts": ["shop"] }),
        ),
        (
            Part::Table { header: vec!["a".into()], rows: vec![vec!["1".into()]] },
            json!({ "type": "tables", "turn": 3, "payload": [{ "header": ["a"], "rows": [["1"]] }] }),
        ),
        (
            Part::Citation { passage: passage.clone() },
            json!({ "type": "citations", "turn": 3, "payload": [passage] }),
        ),
    ] {
        assert_eq!(sent(Event::Shown { turn: TURN, part }), [labelled("server-message", told)]);
    }
}

#[test]
fn a_tools_call_is_told_in_the_protocols_own_words() {
    let call = ToolCall { id: "c1".into(), name: "weather".into(), arguments: r#"{"city": "Ulm"}"#.into() };
    let started = sent(Event::ToolStarted { turn: TURN, call: call.clone() });
    assert_eq!(
        started,
        [
            about(labelled("llm-function-call-started", json!({ "function_name": "weather" }))),
            about(labelled(
                "llm-function-call-in-progress",
                json!({ "function_name": "weather", "tool_call_id": "c1", "arguments": { "city": "Ulm" },
                    "written": r#"{"city": "Ulm"}"# })
            )),
        ]
    );
    let step = ToolStep { call, result: "Rain.".into(), outcome: ToolOutcome::Done };
    assert_eq!(
        sent(Event::ToolEnded { turn: TURN, step, seconds: 1.5 }),
        [about(labelled(
            "llm-function-call-stopped",
            json!({ "function_name": "weather", "tool_call_id": "c1", "cancelled": false, "result": "Rain.",
                "written": r#"{"city": "Ulm"}"#, "outcome": "done", "seconds": 1.5 })
        ))]
    );
    let nonsense = ToolCall { arguments: "{".into(), ..ToolCall::default() };
    let told = sent(Event::ToolStarted { turn: TURN, call: nonsense });
    assert_eq!(told[1]["data"]["arguments"], json!({}));
}
