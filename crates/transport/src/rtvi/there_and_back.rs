//! Events as messages and back again: nothing is lost on the way to a caller who reads them.
use serde_json::Value;
use voce_core::{
    EndReason, Event, Part, Passage, ToolCall, ToolOutcome, ToolStep, TurnId, TurnReport, Usage,
};
use voce_testkit::caller::rtvi;

use super::{bot_ready, error_response, messages, peer_left};

const TURN: TurnId = TurnId(7);

/// Everything that can happen in a call.
fn events() -> Vec<Event> {
    let text = || "Two years.".to_owned();
    let passage =
        Passage { text: text(), source: "manual.md".into(), heading: "Pump".into(), chunk: 2, score: 0.5 };
    let report = TurnReport {
        turn: TURN,
        end_reason: EndReason::SessionClosed,
        question: text(),
        passages: vec![passage.clone()],
        voice_to_voice_seconds: Some(0.75),
        usage: Some(Usage { prompt_tokens: 30, completion_tokens: 4, cached_tokens: 8 }),
        early: true,
        trace_id: Some("0af7651916cd43dd8448eb211c80319c".into()),
        ..TurnReport::default()
    };
    let judged =
        |outcome| Event::EndOfTurn { turn: TURN, probability: Some(0.75), outcome, waited_ms: 240.0 };
    let continued = |why| Event::BotContinued { turn: TURN, why, text: "uh-huh".into() };
    let mut events = vec![
        Event::UserStartedSpeaking,
        Event::UserStoppedSpeaking,
        Event::UserPartial { text: text() },
        Event::UserSaid { turn: TURN, text: text() },
        Event::UserSaid { turn: TURN, text: String::new() },
        Event::EndOfTurn { turn: TURN, probability: None, outcome: "timeout", waited_ms: 0.0 },
        Event::TurnReopened { turn: TURN },
        Event::Retrieved { turn: TURN, passages: vec![passage.clone()] },
        Event::GenerationStarted { turn: TURN },
        Event::Generated { turn: TURN, text: " years".into() },
        Event::GenerationEnded { turn: TURN },
        Event::BotStartedSpeaking { turn: TURN },
        Event::LineStarted { turn: TURN, index: 1, text: text(), ends_sentence: false },
        Event::WordHeard { turn: TURN, text: "years.".into() },
        Event::BotStoppedSpeaking { turn: TURN },
        Event::BotHeld { turn: TURN },
        Event::Interrupted { turn: TURN, heard: "Two".into() },
        Event::ReplyFailed { turn: TURN, reason: "llm failed".into() },
        Event::TurnEnded(report),
    ];
    events.extend(["committed", "timeout", "too_long", "released", "resumed"].map(judged));
    events.extend(["backchannel", "echo", "noise"].map(continued));
    let shown = [
        Part::Code { language: String::new(), text: "a\n\tb".into() },
        Part::Link { text: "shop".into(), url: "https://x.org/?a=1".into() },
        Part::Table { header: vec![], rows: vec![vec!["1".into(), "2".into()], vec![]] },
        Part::Citation { passage },
    ];
    events.extend(shown.map(|part| Event::Shown { turn: TURN, part }));
    for written in [r#"{"city":  "Ulm"}"#, "{", ""] {
        let call = ToolCall { id: "c1".into(), name: "weather".into(), arguments: written.into() };
        events.push(Event::ToolStarted { turn: TURN, call: call.clone() });
        let outcomes = [
            ToolOutcome::Done,
            ToolOutcome::Failed,
            ToolOutcome::TimedOut,
            ToolOutcome::Cancelled,
            ToolOutcome::Unconfirmed,
            ToolOutcome::Refused,
        ];
        events.extend(outcomes.map(|outcome| {
            let step = ToolStep { call: call.clone(), result: "Rain.".into(), outcome };
            Event::ToolEnded { turn: TURN, step, seconds: 1.5 }
        }));
    }
    events
}

fn read(text: &str) -> Option<Event> {
    rtvi::event(&serde_json::from_str::<Value>(text).expect("messages are JSON"))
}

#[test]
fn every_event_comes_back_once_and_as_it_was() {
    for event in events() {
        let back: Vec<Event> =
            messages(event.clone()).iter().filter_map(|message| read(&message.json())).collect();
        assert_eq!(back, [event]);
    }
}

#[test]
fn what_is_no_event_is_none() {
    for text in [
        bot_ready(None).json(),
        error_response(None, "no".into()).json(),
        peer_left(),
        r#"{"label":"rtvi-ai","type":"bot-output","data":5}"#.to_owned(),
        r#"{"label":"rtvi-ai","type":"server-message","data":{"type":"turn","report":{"turn":"x"}}}"#
            .to_owned(),
        r#"{"label":"rtvi-ai","type":"server-message","data":{"type":"weather"}}"#.to_owned(),
        r#""ping: 1""#.to_owned(),
        "[]".to_owned(),
    ] {
        assert_eq!(read(&text), None, "{text}");
    }
}
