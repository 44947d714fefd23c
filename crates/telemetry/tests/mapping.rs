//! A turn through the real layer, read from the bytes that a sink gets.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
mod support;

use std::collections::HashMap;

use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    trace::v1::{Span, status::StatusCode},
};
use serde_json::json;
use support::{SPANS, exported, named, seconds, speculation, text, turn, value};
use tracing::{field::Empty, info_span};
use voce_telemetry::Content;

fn json_of(span: &Span, key: &str) -> serde_json::Value {
    serde_json::from_str(text(span, key)).unwrap()
}

fn status(span: &Span) -> (StatusCode, &str) {
    let status = span.status.as_ref().unwrap();
    (status.code(), &status.message)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_span_has_its_parent_type_session_and_status() {
    let spans = exported(|_| (), || drop(turn("call-1", 1, "Hello."))).await;
    assert_eq!(spans.len(), SPANS);
    let names: HashMap<&[u8], &str> =
        spans.iter().map(|span| (&span.span_id[..], span.name.as_str())).collect();
    for span in &spans {
        let parent = names.get(&span.parent_span_id[..]).copied().unwrap_or_default();
        let expected = match span.name.as_str() {
            "turn" => "",
            "rag.embed" | "rag.search" => "rag",
            "llm.first_token" => "llm",
            "tts.first_audio" => "tts",
            _ => "turn",
        };
        assert_eq!(parent, expected, "{}", span.name);
        assert_ne!(text(span, "mlflow.spanType"), "TASK", "{} is not in the vocabulary", span.name);
        assert_eq!(text(span, "session.id"), "call-1");
        assert_eq!(text(span, "user.id"), "ann");
        assert_eq!(status(span), (StatusCode::Ok, ""));
    }
    let has_tokens =
        |span: &&Span| span.attributes.iter().any(|attribute| attribute.key.starts_with("gen_ai.usage"));
    assert_eq!(spans.iter().filter(has_tokens).map(|span| &span.name[..]).collect::<Vec<_>>(), ["llm"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_and_outputs_have_the_forms_that_mlflow_shows() {
    let spans = exported(|_| (), || drop(turn("call-1", 7, "Only this much."))).await;
    let root = named(&spans, "turn");
    let question = "What is the warranty period for the water pump?";
    assert_eq!(
        json_of(root, "mlflow.spanInputs"),
        json!({"messages": [{"role": "user", "content": question}]})
    );
    assert_eq!(
        json_of(root, "mlflow.spanOutputs"),
        json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": "Only this much."}}]})
    );
    assert_eq!(text(root, "mlflow.message.format"), "openai");
    assert_eq!(value(&root.attributes, "turn.number"), Some(&Value::IntValue(7)));
    assert_eq!(value(&root.attributes, "turn.was_interrupted"), Some(&Value::BoolValue(false)));
    assert_eq!(text(root, "conversation.id"), "call-1");
    assert_eq!(json_of(named(&spans, "llm"), "mlflow.spanInputs")["messages"].as_array().unwrap().len(), 4);
    let documents = json_of(named(&spans, "rag"), "mlflow.spanOutputs");
    assert_eq!(documents[1]["metadata"], json!({"doc_uri": "returns.md", "chunk_id": "0", "score": 0.61}));
    assert_eq!(text(named(&spans, "stt"), "mlflow.spanOutputs"), question);
    assert_eq!(
        json_of(named(&spans, "rag.search"), "mlflow.spanInputs"),
        json!({"collection": "documents", "limit": 3})
    );
    let candidates = &named(&spans, "end_of_turn").events;
    assert_eq!(candidates.len(), 2);
    assert_eq!(value(&candidates[1].attributes, "waited_ms"), Some(&Value::IntValue(20)));
    assert_eq!(value(&candidates[0].attributes, "hint"), Some(&Value::StringValue("open".into())));
    assert_eq!(value(&candidates[0].attributes, "needed_ms"), Some(&Value::IntValue(900)));
    assert!(value(&candidates[1].attributes, "target").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_are_back_dated_and_end_where_they_are_dropped() {
    let work = || {
        let turn = info_span!(target: "voce_pipeline", parent: None, "turn", session = "call", started_ms_ago = 500.0);
        let listen = info_span!(target: "voce_pipeline", parent: &turn, "listen", started_ms_ago = 400_u64, ended_ms_ago = 150.0);
        drop(listen);
        // Entered once and dropped later: the last exit is not the end.
        turn.in_scope(|| ());
        std::thread::sleep(std::time::Duration::from_millis(60));
        drop(info_span!(target: "voce_pipeline", parent: &turn, "parse", started_ms_ago = f64::NAN));
        drop(
            info_span!(target: "voce_pipeline", parent: &turn, "tts", started_ms_ago = -5.0, ended_ms_ago = 9e9),
        );
    };
    let spans = exported(|_| (), work).await;
    assert!((0.56..0.9).contains(&seconds(named(&spans, "turn"))), "{}", seconds(named(&spans, "turn")));
    assert!((0.25..0.3).contains(&seconds(named(&spans, "listen"))), "{}", seconds(named(&spans, "listen")));
    assert!(seconds(named(&spans, "parse")) < 0.05);
    assert!(seconds(named(&spans, "tts")) < 0.05);
    assert!(spans.iter().all(|span| value(&span.attributes, "started_ms_ago").is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_an_error_with_its_reason_and_an_exception() {
    let work = || {
        let turn = info_span!(
            target: "voce_pipeline", parent: None, "turn", session = "call", end_reason = Empty,
            otel.status_code = Empty, otel.status_description = Empty
        );
        let llm = info_span!(target: "voce_pipeline", parent: &turn, "llm", error = "connection refused");
        drop(llm);
        drop(info_span!(target: "voce_pipeline", parent: &turn, "tts"));
        turn.record("otel.status_code", "ERROR");
        turn.record("otel.status_description", "llm: connection refused");
        turn.record("end_reason", "failed");
        let other = info_span!(target: "voce_pipeline", parent: None, "turn", session = "other", end_reason = "interrupted");
        drop(other);
    };
    let spans = exported(|_| (), work).await;
    assert_eq!(status(named(&spans, "llm")), (StatusCode::Error, "connection refused"));
    assert_eq!(status(named(&spans, "tts")).0, StatusCode::Ok);
    let root = |session: &str| {
        spans.iter().find(|span| span.name == "turn" && text(span, "session.id") == session).unwrap()
    };
    assert_eq!(status(root("call")), (StatusCode::Error, "llm: connection refused"));
    assert_eq!(root("call").events[0].name, "exception");
    assert_eq!(status(root("other")), (StatusCode::Ok, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_content_no_word_of_anybody_leaves() {
    let work = || {
        turn("call-1", 1, "Keep the receipt.");
        let turn = info_span!(target: "voce_pipeline", parent: None, "turn", session = "call-2", remark = "warranty");
        turn.in_scope(|| tracing::info!(target: "voce_pipeline", said = "warranty", "they said warranty"));
    };
    let spans = exported(|config| config.content = Content::None, work).await;
    let all = format!("{spans:?}").to_lowercase();
    for word in ["warranty", "receipt", "pump has", "helpful", "how can i help"] {
        assert!(!all.contains(word), "{word}");
    }
    let root = named(&spans, "turn");
    let question = json_of(root, "mlflow.spanInputs")["messages"][0]["content"].as_str().unwrap().to_owned();
    assert!(question.starts_with("[47 characters, hash "), "{question}");
    assert_eq!(text(named(&spans, "stt"), "mlflow.spanOutputs"), question);
    assert_eq!(text(named(&spans, "stt"), "gen_ai.request.model"), "moonshine-base-en");
    assert_eq!(text(root, "gen_ai.agent.invocation.end_reason"), "completed");
    let candidate = &named(&spans, "end_of_turn").events[0];
    assert_eq!(value(&candidate.attributes, "outcome"), Some(&Value::StringValue("resumed".into())));
}

/// A greeting into which somebody spoke, with a filler and an early reply that came to nothing.
fn overlapped() {
    let turn = info_span!(
        target: "voce_pipeline", parent: None, "turn", session = "call", early = false, early_dropped = 2_u64,
        early_used = 0_u64, wasted_seconds = 0.75, overlaps = 1_u64, opened_by = "greeting"
    );
    let end_of_turn = info_span!(
        target: "voce_pipeline", parent: &turn, "end_of_turn", outcome = "timeout", waited_ms = 950_u64,
        needed_ms = 900_u64, hint = "open", reopened = 1_u64
    );
    end_of_turn.in_scope(|| {
        tracing::info!(name: "candidate", target: "voce_pipeline", outcome = "timeout", hint = "open", needed_ms = 900_u64);
    });
    drop(info_span!(
        target: "voce_pipeline", parent: &turn, "overlap", outcome = "backchannel", text = "Tulips, uh-huh.",
        speech_seconds = 0.4, held_ms = 620_u64, stop_ms = 85.5
    ));
    drop(info_span!(target: "voce_pipeline", parent: &turn, "filler", text = "One tulip moment."));
    let early = speculation(&turn, 400.0);
    early.record("question", "Where are the tulips?");
    early.record("outcome", "dropped");
    early.record("reason", "other_words");
    early.record("seconds", 0.25);
    early.record("characters", 31_u64);
    early.record("audio_seconds", 0.9);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_turn_taking_did_stands_under_its_exported_names() {
    let spans = exported(|_| (), overlapped).await;
    let root = &named(&spans, "turn").attributes;
    assert_eq!(value(root, "voce.speculation.early"), Some(&Value::BoolValue(false)));
    assert_eq!(value(root, "voce.speculation.dropped"), Some(&Value::IntValue(2)));
    assert_eq!(value(root, "voce.speculation.used"), Some(&Value::IntValue(0)));
    assert_eq!(value(root, "voce.speculation.wasted_seconds"), Some(&Value::DoubleValue(0.75)));
    assert_eq!(value(root, "voce.overlaps"), Some(&Value::IntValue(1)));
    assert_eq!(text(named(&spans, "turn"), "voce.turn.opened_by"), "greeting");
    let overlap = named(&spans, "overlap");
    assert_eq!(text(overlap, "mlflow.spanType"), "VAD");
    assert_eq!(text(overlap, "mlflow.spanInputs"), "Tulips, uh-huh.");
    assert_eq!(text(overlap, "voce.overlap.text"), "Tulips, uh-huh.");
    assert_eq!(
        json_of(overlap, "mlflow.spanOutputs"),
        json!({"outcome": "backchannel", "speech_seconds": 0.4, "held_ms": 620, "stop_ms": 85.5})
    );
    assert_eq!(value(&overlap.attributes, "voce.overlap.held_ms"), Some(&Value::IntValue(620)));
    assert_eq!(text(named(&spans, "filler"), "mlflow.spanType"), "TTS");
    assert_eq!(text(named(&spans, "filler"), "mlflow.spanInputs"), "One tulip moment.");
    assert_eq!(
        json_of(named(&spans, "end_of_turn"), "mlflow.spanOutputs"),
        json!({"outcome": "timeout", "waited_ms": 950, "needed_ms": 900, "hint": "open", "reopened": 1})
    );
    let early = named(&spans, "speculation");
    assert_eq!(text(early, "mlflow.spanInputs"), "Where are the tulips?");
    assert_eq!(
        json_of(early, "mlflow.spanOutputs"),
        json!({
            "outcome": "dropped", "reason": "other_words", "seconds": 0.25, "characters": 31, "audio_seconds": 0.9
        })
    );
    assert_eq!(value(&early.attributes, "voce.speculation.characters"), Some(&Value::IntValue(31)));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_content_turn_taking_keeps_its_words_and_nobody_elses() {
    let spans = exported(|config| config.content = Content::None, overlapped).await;
    assert!(!format!("{spans:?}").to_lowercase().contains("tulip"));
    let overlap = named(&spans, "overlap");
    assert!(text(overlap, "voce.overlap.text").starts_with("[15 characters, hash "));
    assert_eq!(text(overlap, "voce.overlap.outcome"), "backchannel");
    assert_eq!(text(named(&spans, "speculation"), "voce.speculation.reason"), "other_words");
    assert!(text(named(&spans, "speculation"), "voce.speculation.question").starts_with("[21 characters"));
    assert_eq!(text(named(&spans, "turn"), "voce.turn.opened_by"), "greeting");
    let candidate = &named(&spans, "end_of_turn").events[0];
    assert_eq!(value(&candidate.attributes, "hint"), Some(&Value::StringValue("open".into())));
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_cut_to_what_the_sink_takes() {
    let session = "ä".repeat(300);
    let long = "word ".repeat(20_000);
    let work = || {
        let turn = info_span!(target: "voce_pipeline", parent: None, "turn", session, question = long, generated = long);
        drop(info_span!(target: "voce_pipeline", parent: &turn, "stt", text = long));
    };
    let spans = exported(|_| (), work).await;
    for span in &spans {
        assert_eq!(text(span, "session.id").chars().count(), 250);
    }
    let question = json_of(named(&spans, "turn"), "mlflow.spanInputs");
    assert_eq!(question["messages"][0]["content"].as_str().unwrap().len(), 32_768);
    assert_eq!(text(named(&spans, "stt"), "mlflow.spanOutputs").len(), 32_768);
    assert_eq!(text(named(&spans, "turn"), "voce.answer.generated").len(), 32_768);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_vocabulary_does_not_know_is_exported_under_our_prefix() {
    let work = || {
        let turn = info_span!(target: "voce_pipeline", parent: None, "turn", session = "call");
        drop(info_span!(
            target: "voce_pipeline", parent: &turn, "rehearsal", wasted_tokens = 3.0, model = "m", gen_ai.tool.name = "clock",
            stray = f64::INFINITY
        ));
    };
    let spans = exported(|_| (), work).await;
    let span = named(&spans, "rehearsal");
    assert_eq!(text(span, "mlflow.spanType"), "TASK");
    assert_eq!(value(&span.attributes, "voce.rehearsal.wasted_tokens"), Some(&Value::DoubleValue(3.0)));
    assert_eq!(text(span, "gen_ai.request.model"), "m");
    assert_eq!(text(span, "gen_ai.tool.name"), "clock");
    assert!(value(&span.attributes, "voce.rehearsal.stray").is_none());
}
