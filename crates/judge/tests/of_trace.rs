//! What a judge sees of a trace: one that `voce talk` made and MLflow gave back (spans of no matter left out), and what
//! can be different about it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use axum::{Json, Router, routing::get};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinSet};
use voce_judge::{CUT, Message, Part, Turn};
use voce_mlflow::{Client, Credentials};

const TRACE: &str = include_str!("trace.json");
const ANSWER: &str = "The warranty period for the water pump is two years from the date of purchase.";

/// The turn, read the way that traces are read: from a server.
async fn turn_of(text: &str) -> Option<Turn> {
    let trace: Value = serde_json::from_str(text).expect("JSON");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/api/3.0/mlflow/traces/get", get(|| async { Json(trace) }));
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::new(&format!("http://{address}"), Credentials::none()).unwrap();
    Turn::of(&client.trace("tr-9e3679709dd8bda8094ad5302ab99369").await.unwrap().unwrap())
}

#[tokio::test]
async fn a_real_trace_is_a_turn() {
    let turn = turn_of(TRACE).await.unwrap();
    assert_eq!(turn.trace_id, "tr-9e3679709dd8bda8094ad5302ab99369");
    assert_eq!(turn.question, "What is the warranty period for the water pump?");
    assert_eq!((turn.answer.as_str(), turn.generated.as_str()), (ANSWER, ANSWER));
    let said = |role: &str, text: &str| Message { role: role.to_owned(), text: text.to_owned() };
    let open = "The shop is open from Monday to Saturday, from eight in the morning to six in the evening. We are closed on Sundays and public holidays.";
    assert_eq!(turn.history, [said("user", "The opening hours of the shop."), said("assistant", open)]);
    let passages = turn.passages.as_ref().unwrap();
    assert_eq!((passages.len(), passages[0].source.as_str()), (3, "knowledge/warranty.md"));
    assert_eq!((passages[0].text.as_str(), passages[0].score), (ANSWER, Some(0.7524)));
    assert_eq!(turn.end_reason, "completed");
    let figures: Vec<(&str, f64)> =
        turn.figures.iter().map(|(name, value)| (name.as_str(), (value * 1e3).round() / 1e3)).collect();
    assert_eq!(
        figures,
        [
            ("answer_words", 15.0),
            ("best_passage_score", 0.752),
            ("completion_tokens", 16.0),
            ("early", 0.0),
            ("early_dropped", 0.0),
            ("end_of_turn_needed_ms", 1_000.0),
            ("end_of_turn_probability", 0.989),
            ("end_of_turn_waited_ms", 1_000.0),
            ("end_to_end_seconds", 19.709),
            ("heard_seconds", 4.02),
            ("interruptions", 0.0),
            ("late_frames", 337.0),
            ("llm_first_token_seconds", 1.713),
            ("overlaps", 0.0),
            ("pauses", 0.0),
            ("prompt_tokens", 171.0),
            ("reopened", 0.0),
            ("speech_seconds", 2.253),
            ("tts_first_audio_seconds", 3.236),
            ("turn_number", 2.0),
            ("voice_to_voice_seconds", 6.684),
            ("wasted_seconds", 0.0),
        ]
    );
    assert!(!turn.has(Part::Interruption) && turn.has(Part::Passages) && turn.has(Part::History));
}

#[tokio::test]
async fn without_a_search_there_are_no_passages_and_an_empty_search_is_one() {
    let without = turn_of(&TRACE.replace("\"name\": \"rag\"", "\"name\": \"other\"")).await.unwrap();
    assert!(!without.has(Part::Retrieval) && !without.has(Part::Passages));
    let mut trace: Value = serde_json::from_str(TRACE).unwrap();
    let spans = trace["trace"]["spans"].as_array_mut().unwrap();
    let rag = spans.iter_mut().find(|span| span["name"] == "rag").unwrap();
    rag["attributes"].as_array_mut().unwrap().retain(|one| one["key"] != "mlflow.spanOutputs");
    let empty = turn_of(&trace.to_string()).await.unwrap();
    assert!(empty.has(Part::Retrieval) && !empty.has(Part::Passages));
}

#[tokio::test]
async fn what_was_withheld_or_not_heard_is_not_judged() {
    let heard = format!("\"key\": \"voce.answer.heard\", \"value\": {{\"string_value\": \"{ANSWER}\"}}");
    assert!(TRACE.contains(&heard));
    let with = |text: &str| TRACE.replace(&heard, &heard.replace(ANSWER, text));
    assert_eq!(turn_of(&with("")).await, None);
    assert_eq!(turn_of(&with("[78 characters, hash 0123456789abcdef]")).await, None);
    assert_eq!(turn_of(&with("[78 characters]")).await.unwrap().answer, "[78 characters]");
    let asked = "\"role\", \"value\": {\"string_value\": \"user\"}}, {\"key\": \"content\", \"value\": {\"string_value\": \"What is";
    assert!(TRACE.contains(asked));
    let greeting = TRACE.replacen("What is the warranty period for the water pump?", "", 1);
    assert_eq!(turn_of(&greeting).await, None);
}

#[tokio::test]
async fn an_interruption_is_seen_in_the_turn_and_in_the_one_after() {
    let cut = TRACE.replace("\"string_value\": \"completed\"", "\"string_value\": \"interrupted\"");
    assert!(turn_of(&cut).await.unwrap().was_interrupted());
    let before = TRACE.replace("public holidays.\"", &format!("public{CUT}\""));
    let turn = turn_of(&before).await.unwrap();
    assert!(!turn.was_interrupted() && turn.has(Part::Interruption), "{turn:?}");
}
