//! Every turn stands in MLflow as one whole trace.
use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use voce_testkit::mlflow::{Mlflow, Span, Trace};

use crate::harness::{EMBEDDED, Place, question, said};

/// Stands before the real MLflow, or before nothing where there is none, and can be killed.
pub struct Relay {
    pub url: String,
    stop: CancellationToken,
    _tasks: JoinSet<()>,
}

impl Relay {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let behind = std::env::var("VOCE_TEST_MLFLOW_URL").unwrap_or_default();
        let behind = Arc::new(behind.trim_start_matches("http://").to_owned());
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let killed = stop.clone();
        tasks.spawn(async move {
            let accept = async move {
                let mut links = JoinSet::new();
                while let Ok((mut near, _)) = listener.accept().await {
                    let behind = behind.clone();
                    links.spawn(async move {
                        if let Ok(mut far) = TcpStream::connect(&*behind).await {
                            tokio::io::copy_bidirectional(&mut near, &mut far).await.ok();
                        }
                    });
                }
            };
            killed.run_until_cancelled(accept).await;
        });
        Self { url, stop, _tasks: tasks }
    }

    /// Every connection breaks and no new one is taken.
    pub fn kill(&self) {
        self.stop.cancel();
    }
}

/// Asks two questions with traces going to a new experiment; returns the report and each turn's trace.
async fn asked(mlflow: &Mlflow) -> (Value, Vec<Trace>) {
    let place = Place::with_demo_knowledge();
    let experiment = format!("voce-test-{}", std::process::id());
    let sink = format!("telemetry.sinks=[{{url=\"{}\", experiment=\"{experiment}\"}}]", mlflow.url());
    let files =
        ["warranty_af_heart.wav", "hours_am_michael.wav"].map(|file| question(file).display().to_string());
    let mut arguments = vec!["talk", "--json", "--out", "answer.wav", "--set", "telemetry.enabled=true"];
    arguments.extend(["--set", &sink, &files[0], &files[1]]);
    let output = place.voce(&arguments);
    assert!(output.status.success(), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report in JSON");
    assert!(mlflow.experiment_id(&experiment).await.is_some(), "the experiment was made");
    let mut traces = vec![];
    for turn in report["turns"].as_array().unwrap() {
        let id = turn["trace_id"].as_str().expect("a traced turn");
        traces.push(mlflow.wait_for_trace(id, Duration::from_secs(30)).await);
    }
    (report, traces)
}

/// Name and parent of every span that a turn must have, and its type in MLflow.
pub const TREE: &[(&str, &str, &str)] = &[
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

#[tokio::test(flavor = "multi_thread")]
async fn each_turn_is_one_trace_with_the_whole_tree() {
    let (Some(mlflow), Some(_)) = (Mlflow::from_environment(), voce_testkit::models(EMBEDDED)) else {
        return;
    };
    mlflow.wait_ready(Duration::from_secs(60)).await;
    let (report, traces) = asked(&mlflow).await;
    let sessions: Vec<&Value> = traces.iter().map(|trace| &trace.metadata["mlflow.trace.session"]).collect();
    assert_eq!(sessions[0], sessions[1], "one call, one session");
    for (turn, trace) in report["turns"].as_array().unwrap().iter().zip(&traces) {
        assert_eq!(trace.state, "OK");
        assert_eq!(trace.tags["mlflow.traceName"], "voice-turn");
        for (name, parent, span_type) in TREE {
            let span = trace.span(name);
            assert_eq!(trace.parent_of(span), *parent, "parent of {name}");
            assert_eq!(span.attribute("mlflow.spanType"), span_type, "type of {name}");
        }
        for span in &trace.spans {
            assert_eq!(span.status, "STATUS_CODE_OK", "{}", span.name);
            assert_eq!(span.attribute("session.id"), sessions[0], "{}", span.name);
            assert!(span.start_ns <= span.end_ns, "{}", span.name);
        }
        in_order(trace);
        let llm = trace.span("llm");
        let usage = &turn["usage"];
        assert_eq!(llm.attribute("gen_ai.usage.input_tokens"), &usage["prompt_tokens"]);
        assert_eq!(llm.attribute("gen_ai.usage.output_tokens"), &usage["completion_tokens"]);
        assert!(usage["completion_tokens"].as_u64().unwrap() > 0);
        let documents = trace.span("rag").attribute("mlflow.spanOutputs");
        let first = &documents[0];
        assert!(
            first["page_content"].is_string() && first["metadata"]["doc_uri"].is_string(),
            "{documents:#}"
        );
        let question = turn["question"].as_str().unwrap();
        assert!(trace.previews.0.contains(question) || trace.previews.0 == question, "{:?}", trace.previews);
        assert!(!trace.previews.1.is_empty());
    }
}

/// The stages follow each other as sound does.
fn in_order(trace: &Trace) {
    let start = |name: &str| trace.span(name).start_ns;
    let order = ["turn", "stt", "rag", "llm", "tts", "playout"];
    for pair in order.windows(2) {
        assert!(start(pair[0]) <= start(pair[1]), "{} begins before {}", pair[0], pair[1]);
    }
    let seconds = |span: &Span| (span.end_ns - span.start_ns) as f64 / 1e9;
    let waited = trace.span("voice_to_voice");
    let playout = trace.span("playout");
    assert!(seconds(waited) > 0.1 && waited.end_ns.abs_diff(playout.start_ns) < 200_000_000);
    assert!(trace.span("listen").end_ns <= trace.span("end_of_turn").end_ns);
}
