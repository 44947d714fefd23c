//! A turn sent to a real MLflow server and read back from it.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
mod support;

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;
use voce_telemetry::{Config, SinkConfig};
use voce_testkit::mlflow::{Mlflow, Trace};

const TYPES: &[(&str, &str, &str)] = &[
    ("turn", "", "AGENT"),
    ("listen", "turn", "VAD"),
    ("end_of_turn", "turn", "VAD"),
    ("stt", "turn", "STT"),
    ("rag", "turn", "RETRIEVER"),
    ("rag.embed", "rag", "EMBEDDING"),
    ("rag.search", "rag", "RETRIEVER"),
    ("llm", "turn", "CHAT_MODEL"),
    ("llm.first_token", "llm", "CHAT_MODEL"),
    ("parse", "turn", "PARSER"),
    ("tts", "turn", "TTS"),
    ("tts.first_audio", "tts", "TTS"),
    ("playout", "turn", "AUDIO"),
    ("voice_to_voice", "turn", "AUDIO"),
];

fn sink(mlflow: &Mlflow, experiment: &str) -> Config {
    let sink = SinkConfig {
        url: mlflow.url().to_owned(),
        experiment: experiment.to_owned(),
        ..SinkConfig::default()
    };
    Config { sinks: vec![sink], batch_delay_ms: 50, timeout_ms: 10_000, flush_ms: 5_000, ..support::to("") }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_stands_in_mlflow_with_tree_types_session_tokens_and_documents() {
    let Some(mlflow) = Mlflow::from_environment() else { return };
    mlflow.wait_ready(Duration::from_secs(60)).await;
    let session = format!("call-{}", std::process::id());
    let (dispatch, guard) = support::exporting(&sink(&mlflow, "voice-bot"));
    let id = tracing::dispatcher::with_default(&dispatch, || {
        support::turn(&session, 1, "The warranty period is 24 months. Keep the receipt.");
        support::turn(&session, 2, "The warranty period is 24 months.")
    });
    assert!(guard.flush(Duration::from_secs(20)));
    let trace = mlflow.wait_for_trace(&id, Duration::from_secs(20)).await;
    tree_and_types(&trace, &session, &[]);
    root(&trace);
    parts(&trace);
    let experiment = mlflow.experiment_id("voice-bot").await.unwrap();
    let filter = format!("trace.name = 'voice-turn' AND metadata.`mlflow.trace.session` = '{session}'");
    assert_eq!(mlflow.search(&experiment, &filter).await.len(), 2);
    let page = guard.telemetry().trace_url(&id).unwrap();
    assert!(
        page.ends_with(&format!("/#/experiments/{experiment}/traces?selectedEvaluationId=tr-{id}")),
        "{page}"
    );
    assert_eq!(guard.telemetry().figures().exported, 2 * support::SPANS as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_begun_early_has_the_same_tree_and_the_cost_of_what_was_dropped() {
    let Some(mlflow) = Mlflow::from_environment() else { return };
    mlflow.wait_ready(Duration::from_secs(60)).await;
    let session = format!("early-{}", std::process::id());
    let (dispatch, guard) = support::exporting(&sink(&mlflow, "voice-bot-early"));
    let id = tracing::dispatcher::with_default(&dispatch, || {
        support::early_turn(&session, 2, "The warranty period is 24 months.")
    });
    assert!(guard.flush(Duration::from_secs(20)));
    let trace = mlflow.wait_for_trace(&id, Duration::from_secs(20)).await;
    tree_and_types(&trace, &session, &[("speculation", "turn", "TASK")]);
    // Tokens of the dropped reply among them would be counted twice here.
    root(&trace);
    parts(&trace);
    let dropped = trace.span("speculation");
    assert_eq!(dropped.attribute("voce.speculation.outcome"), "dropped");
    assert_eq!(dropped.attribute("mlflow.spanInputs"), "What is the warranty period for the water pump?");
    assert_eq!(dropped.attribute("mlflow.spanOutputs")["reason"], "resumed");
    let seconds = (dropped.end_ns - dropped.start_ns) as f64 / 1e9;
    assert!((0.299..0.301).contains(&seconds), "{seconds}");
    let turn = trace.span("turn");
    assert_eq!(turn.attribute("voce.speculation.early"), true);
    assert_eq!(turn.attribute("voce.speculation.dropped"), 1);
    assert_eq!(turn.attribute("voce.turn.opened_by"), "speech");
    let figures = guard.telemetry().figures();
    assert_eq!((figures.exported, figures.dropped), (support::EARLY_SPANS as u64, 0));
}

fn tree_and_types(trace: &Trace, session: &str, more: &[(&str, &str, &str)]) {
    assert_eq!(trace.spans.len(), support::SPANS + more.len());
    let mut seen: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    for span in &trace.spans {
        assert_eq!(span.status, "STATUS_CODE_OK", "{}", span.name);
        assert_eq!(span.attribute("session.id"), session, "{}", span.name);
        assert_eq!(span.attribute("user.id"), "ann", "{}", span.name);
        seen.insert(&span.name, (trace.parent_of(span), span.attribute("mlflow.spanType").as_str().unwrap()));
    }
    let expected: BTreeMap<_, _> =
        TYPES.iter().chain(more).map(|(name, parent, kind)| (*name, (*parent, *kind))).collect();
    assert_eq!(seen, expected);
}

fn root(trace: &Trace) {
    assert_eq!(trace.state, "OK");
    assert_eq!(trace.tags["mlflow.traceName"], "voice-turn");
    assert_eq!(trace.tags["service.name"], "voce");
    assert!(trace.previews.0.contains("What is the warranty period"), "{:?}", trace.previews);
    assert!(trace.previews.1.contains("The warranty period is 24 months."), "{:?}", trace.previews);
    let tokens: serde_json::Value =
        serde_json::from_str(trace.metadata["mlflow.trace.tokenUsage"].as_str().unwrap()).unwrap();
    assert_eq!((&tokens["input_tokens"], &tokens["output_tokens"]), (&json!(87), &json!(12)));
    let turn = trace.span("turn");
    assert_eq!(turn.attribute("turn.number"), 2);
    assert_eq!(turn.attribute("turn.was_interrupted"), false);
    assert_eq!(turn.attribute("turn.user_bot_latency_seconds"), 1.25);
    assert_eq!(turn.attribute("gen_ai.agent.invocation.end_reason"), "completed");
    assert_eq!(turn.attribute("voce.answer.heard"), "The warranty period is 24 months.");
    let seconds = (turn.end_ns - turn.start_ns) as f64 / 1e9;
    assert!((3.2..4.2).contains(&seconds), "{seconds}");
}

fn parts(trace: &Trace) {
    let documents = trace.span("rag").attribute("mlflow.spanOutputs");
    assert_eq!(documents[0]["metadata"]["doc_uri"], "pumps.md");
    assert_eq!(documents[0]["metadata"]["chunk_id"], "3");
    assert_eq!(documents[0]["metadata"]["score"], 0.8123);
    assert!(documents[0]["page_content"].as_str().unwrap().contains("24 months"));
    let llm = trace.span("llm");
    assert_eq!(llm.attribute("mlflow.spanInputs")["messages"].as_array().unwrap().len(), 4);
    assert_eq!(
        llm.attribute("mlflow.spanOutputs")["choices"][0]["message"]["content"],
        "The warranty period is 24 months. Keep the receipt."
    );
    assert_eq!(llm.attribute("gen_ai.usage.cache_read.input_tokens"), 40);
    assert_eq!(
        trace.span("stt").attribute("mlflow.spanOutputs"),
        "What is the warranty period for the water pump?"
    );
    assert_eq!(trace.span("end_of_turn").events, ["candidate", "candidate"]);
    let seconds = |name: &str| (trace.span(name).end_ns - trace.span(name).start_ns) as f64 / 1e9;
    assert!((0.15..0.25).contains(&seconds("llm.first_token")), "{}", seconds("llm.first_token"));
    assert!((1.25..1.35).contains(&seconds("voice_to_voice")), "{}", seconds("voice_to_voice"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_span_costs_mlflow_nothing_else() {
    let Some(mlflow) = Mlflow::from_environment() else { return };
    mlflow.wait_ready(Duration::from_secs(60)).await;
    let (dispatch, guard) = support::exporting(&sink(&mlflow, "voice-bot-refusals"));
    let id = tracing::dispatcher::with_default(&dispatch, || {
        let id = support::turn("call-before", 1, "Good.");
        let turn = tracing::info_span!(target: "voce_pipeline", parent: None, "turn", session = "call-bad", turn_number = 1_u64);
        // MLflow answers 422 for the whole request.
        drop(tracing::info_span!(target: "voce_pipeline", parent: &turn, "llm", mlflow.llm.cost = "none"));
        id
    });
    assert!(guard.flush(Duration::from_secs(30)));
    assert_eq!(mlflow.wait_for_trace(&id, Duration::from_secs(20)).await.spans.len(), support::SPANS);
    let figures = guard.telemetry().figures();
    assert_eq!((figures.exported, figures.failed), (support::SPANS as u64 + 1, 1));
}
