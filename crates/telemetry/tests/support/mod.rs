//! A turn as the pipeline makes it, and a collector that can be told to misbehave.
#![allow(dead_code, reason = "each test program uses a part")]
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span as OtlpSpan,
};
use prost::Message;
use serde_json::json;
use tracing::{Span, field::Empty, info_span};
use tracing_subscriber::{Registry, layer::SubscriberExt};
use voce_telemetry::{Config, Guard, SinkConfig, SinkKind, SpoolConfig};

/// What `with_turns` needs: a subscriber of the test's own.
pub fn exporting(config: &Config) -> (tracing::Dispatch, Guard) {
    let (layer, guard) = voce_telemetry::layer::<Registry>(config).unwrap();
    (tracing::Dispatch::new(tracing_subscriber::registry().with(layer)), guard)
}

/// One plain sink, quick, nothing on disk.
pub fn to(url: &str) -> Config {
    let sink = SinkConfig { kind: SinkKind::Otlp, url: url.to_owned(), ..SinkConfig::default() };
    let spool = SpoolConfig { enabled: false, ..SpoolConfig::default() };
    Config {
        sinks: vec![sink],
        batch_delay_ms: 20,
        timeout_ms: 400,
        flush_ms: 200,
        spool,
        ..Config::default()
    }
}

/// The same with a spool in this folder.
pub fn spooling(url: &str, dir: &std::path::Path) -> Config {
    let spool = SpoolConfig { dir: dir.join("spool").display().to_string(), ..SpoolConfig::default() };
    Config { spool, ..to(url) }
}

/// What arrives when `work` runs under this configuration.
pub async fn exported(change: impl FnOnce(&mut Config), work: impl FnOnce()) -> Vec<OtlpSpan> {
    let collector = Collector::start(Mood::Take).await;
    let mut config = to(&collector.url);
    change(&mut config);
    let (dispatch, guard) = exporting(&config);
    tracing::dispatcher::with_default(&dispatch, work);
    assert!(guard.flush(Duration::from_secs(10)));
    assert_eq!(guard.telemetry().figures().dropped, 0);
    collector.spans()
}

pub fn named<'a>(spans: &'a [OtlpSpan], name: &str) -> &'a OtlpSpan {
    spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("no span {name}"))
}

pub fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let mut found = attributes.iter().filter(|attribute| attribute.key == key);
    let first = found.next()?;
    assert!(found.next().is_none(), "{key} stands there twice");
    first.value.as_ref()?.value.as_ref()
}

pub fn text<'a>(span: &'a OtlpSpan, key: &str) -> &'a str {
    match value(&span.attributes, key) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{} {key}: {other:?}", span.name),
    }
}

pub fn seconds(span: &OtlpSpan) -> f64 {
    (span.end_time_unix_nano - span.start_time_unix_nano) as f64 / 1e9
}

/// The spans of one whole turn, all fields filled. Returns the trace id.
pub fn turn(session: &str, number: u64, heard: &str) -> String {
    let turn = root(session, number);
    listening(&turn);
    retrieval(&turn);
    drop(generation(&turn));
    speaking(&turn, heard);
    end(&turn, heard);
    voce_telemetry::trace_id(&turn).unwrap()
}

/// The same turn, its answer begun early, after another one that was dropped while its model still ran.
pub fn early_turn(session: &str, number: u64, heard: &str) -> String {
    let turn = root(session, number);
    listening(&turn);
    let dropped = speculation(&turn, 1_100.0);
    retrieval(&dropped);
    let still_running = generation(&dropped);
    dropped.record("outcome", "dropped");
    dropped.record("reason", "resumed");
    dropped.record("seconds", 0.3);
    dropped.record("characters", 40_u64);
    dropped.record("audio_seconds", 1.1);
    drop(dropped);
    let used = speculation(&turn, 700.0);
    retrieval(&used);
    let generating = generation(&used);
    used.record("outcome", "used");
    speaking(&used, heard);
    drop(used);
    drop(generating);
    turn.record("early", true);
    turn.record("early_used", 1_u64);
    turn.record("early_dropped", 1_u64);
    turn.record("wasted_seconds", 0.3);
    turn.record("overlaps", 0_u64);
    turn.record("opened_by", "speech");
    end(&turn, heard);
    let id = voce_telemetry::trace_id(&turn).unwrap();
    drop(turn);
    drop(still_running);
    id
}

fn root(session: &str, number: u64) -> Span {
    info_span!(
        target: "voce_pipeline::spans", parent: None, "turn", session, user = "ann", turn_number = number,
        started_ms_ago = 3_200.0, question = Empty, generated = Empty, spoken = Empty, heard = Empty,
        interrupted = Empty, interruptions = Empty, end_reason = Empty, voice_to_voice_seconds = Empty,
        end_to_end_seconds = Empty, early = Empty, early_used = Empty, early_dropped = Empty,
        wasted_seconds = Empty, overlaps = Empty, opened_by = Empty, otel.status_code = Empty,
        otel.status_description = Empty,
    )
}

fn end(turn: &Span, heard: &str) {
    turn.record("question", "What is the warranty period for the water pump?");
    turn.record("generated", "The warranty period is 24 months. Keep the receipt.");
    turn.record("spoken", "The warranty period is 24 months. Keep the receipt.");
    turn.record("heard", heard);
    turn.record("interrupted", false);
    turn.record("interruptions", 0_u64);
    turn.record("end_reason", "completed");
    turn.record("voice_to_voice_seconds", 1.25);
    turn.record("end_to_end_seconds", 4.5);
}

/// The span of a reply that begins before the turn is over.
pub fn speculation(turn: &Span, started_ms_ago: f64) -> Span {
    info_span!(
        target: "voce_pipeline", parent: turn, "speculation", started_ms_ago,
        question = "What is the warranty period for the water pump?", outcome = Empty, reason = Empty,
        seconds = Empty, characters = Empty, audio_seconds = Empty,
    )
}

fn listening(turn: &Span) {
    drop(
        info_span!(target: "voce_pipeline", parent: turn, "listen", started_ms_ago = 3_200.0, ended_ms_ago = 1_200.0, speech_seconds = 2.0),
    );
    let end_of_turn = info_span!(
        target: "voce_pipeline", parent: turn, "end_of_turn", started_ms_ago = 1_200.0, provider = "pipecat",
        model = "smart-turn-v3.2", device = "cpu", threshold = 0.5, probability = Empty, outcome = Empty, waited_ms = Empty,
        needed_ms = Empty, hint = Empty, reopened = Empty,
    );
    end_of_turn.in_scope(|| {
        tracing::info!(name: "candidate", target: "voce_pipeline", probability = 0.31, outcome = "resumed", waited_ms = 200_u64, hint = "open", needed_ms = 900_u64);
        tracing::info!(name: "candidate", target: "voce_pipeline", probability = 0.93, outcome = "committed", waited_ms = 20_u64, hint = "none", needed_ms = 20_u64);
    });
    end_of_turn.record("probability", 0.93);
    end_of_turn.record("outcome", "committed");
    end_of_turn.record("waited_ms", 220_u64);
    end_of_turn.record("needed_ms", 200_u64);
    end_of_turn.record("hint", "none");
    end_of_turn.record("reopened", 1_u64);
    let stt = info_span!(
        target: "voce_pipeline", parent: turn, "stt", provider = "onnxruntime", model = "moonshine-base-en", device = "cpu",
        audio_seconds = 2.3, text = Empty, partials = Empty, retries = Empty, real_time_factor = Empty,
        seconds_to_first = Empty, started_ms_ago = 1_000.0, ended_ms_ago = Empty,
    );
    stt.record("text", "What is the warranty period for the water pump?");
    stt.record("partials", 3_u32);
    stt.record("retries", 0_u32);
    stt.record("real_time_factor", 0.12);
    stt.record("seconds_to_first", 0.21);
    stt.record("ended_ms_ago", 700.0);
}

fn retrieval(turn: &Span) {
    let rag = info_span!(
        target: "voce_pipeline", parent: turn, "rag", provider = "qdrant-edge", model = "all-minilm-l6-v2", device = "cpu",
        query = Empty, documents = Empty, count = Empty, best_score = Empty, mean_score = Empty, started_ms_ago = 700.0,
    );
    rag.in_scope(|| {
        drop(info_span!(target: "voce_rag", "rag.embed", model = "all-minilm-l6-v2", device = "cpu", dimensions = 384_usize, started_ms_ago = 700.0));
        drop(info_span!(target: "voce_rag", "rag.search", collection = "documents", limit = 3_usize, count = 2_usize, started_ms_ago = 650.0));
    });
    rag.record("query", "What is the warranty period for the water pump?");
    let documents = json!([
        {"text": "The WP-200 water pump has a warranty period of 24 months from the date of purchase.", "source": "pumps.md", "heading": "WP-200 > Warranty", "chunk": 3, "score": 0.8123_f32},
        {"text": "Keep the receipt: it is needed for any warranty claim.", "source": "returns.md", "heading": "", "chunk": 0, "score": 0.61_f32},
    ]);
    rag.record("documents", documents.to_string());
    rag.record("count", 2_usize);
    rag.record("best_score", 0.8123);
    rag.record("mean_score", 0.711);
}

fn generation(turn: &Span) -> Span {
    let llm = info_span!(
        target: "voce_pipeline", parent: turn, "llm", provider = "candle", model = "smollm2-135m-instruct", device = "cpu",
        messages = Empty, answer = Empty, prompt_tokens = Empty, completion_tokens = Empty, cached_tokens = Empty,
        first_token_seconds = Empty, inter_token_mean_ms = Empty, inter_token_p95_ms = Empty, tokens_per_second = Empty,
        started_ms_ago = 600.0,
    );
    let messages = json!([
        {"role": "system", "content": "You are a helpful assistant. Answer in one or two sentences."},
        {"role": "user", "content": "Hello!"},
        {"role": "assistant", "content": "Hello, how can I help?"},
        {"role": "user", "content": "The WP-200 water pump has a warranty period of 24 months.\n\nWhat is the warranty period for the water pump?"},
    ]);
    llm.record("messages", messages.to_string());
    drop(
        info_span!(target: "voce_pipeline", parent: &llm, "llm.first_token", started_ms_ago = 600.0, ended_ms_ago = 400.0),
    );
    llm.record("answer", "The warranty period is 24 months. Keep the receipt.");
    llm.record("prompt_tokens", 87_u32);
    llm.record("completion_tokens", 12_u32);
    llm.record("cached_tokens", 40_u32);
    llm.record("first_token_seconds", 0.2);
    llm.record("inter_token_mean_ms", 14.5);
    llm.record("inter_token_p95_ms", 21.0);
    llm.record("tokens_per_second", 68.9);
    llm
}

fn speaking(turn: &Span, heard: &str) {
    let parse = info_span!(target: "voce_pipeline", parent: turn, "parse", text = Empty, sentences = Empty, started_ms_ago = 400.0);
    let lines = ["The warranty period is 24 months.", "Keep the receipt."];
    for text in lines {
        parse.in_scope(|| tracing::info!(name: "sentence", target: "voce_pipeline", text));
    }
    parse.record("text", lines.join(" "));
    parse.record("sentences", lines.len());
    drop(parse);
    for text in lines {
        let tts = info_span!(
            target: "voce_pipeline", parent: turn, "tts", provider = "onnxruntime", model = "kokoro-82m-int8", device = "cpu",
            voice = "af_heart", text, characters = text.len(), audio_seconds = 1.4, real_time_factor = 0.4,
            first_audio_seconds = 0.3, started_ms_ago = 350.0,
        );
        drop(
            info_span!(target: "voce_pipeline", parent: &tts, "tts.first_audio", started_ms_ago = 350.0, ended_ms_ago = 50.0),
        );
    }
    let playout = info_span!(target: "voce_pipeline", parent: turn, "playout", late_frames = 0_u32, heard, cut = false, heard_seconds = 2.8, started_ms_ago = 40.0);
    drop(playout);
    drop(
        info_span!(target: "voce_pipeline", parent: turn, "voice_to_voice", seconds = 1.25, started_ms_ago = 1_250.0),
    );
}

/// How many spans `turn` makes.
pub const SPANS: usize = 16;
/// How many of `early_turn` are exported: the dropped reply is one.
pub const EARLY_SPANS: usize = SPANS + 1;
/// How many `early_turn` begins: five of the dropped reply, and the span of the used one.
pub const EARLY_BEGUN: usize = EARLY_SPANS + 6;

/// How the collector treats the next request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mood {
    Take,
    Hang,
    Unavailable,
    /// Taken, and not looked at.
    Discard,
    /// 422 for a request that holds a span of this name.
    Refuse(&'static str),
    /// 500 for a request that holds a span of this name.
    Break(&'static str),
}

/// A receiver of OTLP on this machine.
#[derive(Clone)]
pub struct Collector {
    pub url: String,
    mood: Arc<Mutex<Mood>>,
    taken: Arc<Mutex<Vec<OtlpSpan>>>,
    requests: Arc<AtomicUsize>,
}

impl Collector {
    /// On a free port; it ends with the runtime.
    pub async fn start(mood: Mood) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, mood)
    }

    pub fn on(listener: tokio::net::TcpListener, mood: Mood) -> Self {
        let url = format!("http://{}", listener.local_addr().unwrap());
        let collector =
            Self { url, mood: Arc::new(Mutex::new(mood)), taken: Arc::default(), requests: Arc::default() };
        let routes = Router::new().route("/v1/traces", post(receive)).with_state(collector.clone());
        let mut server = tokio::task::JoinSet::new();
        server.spawn(async move { axum::serve(listener, routes).await });
        server.detach_all();
        collector
    }

    pub fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    pub fn spans(&self) -> Vec<OtlpSpan> {
        self.taken.lock().unwrap().clone()
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Waits until so many spans were taken.
    pub async fn wait_for(&self, spans: usize) -> Vec<OtlpSpan> {
        for _ in 0..500 {
            if self.spans().len() >= spans {
                return self.spans();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("only {} of {spans} spans came", self.spans().len());
    }
}

async fn receive(State(collector): State<Collector>, body: Bytes) -> StatusCode {
    collector.requests.fetch_add(1, Ordering::Relaxed);
    if *collector.mood.lock().unwrap() == Mood::Discard {
        return StatusCode::OK;
    }
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let spans: Vec<OtlpSpan> = request
        .resource_spans
        .into_iter()
        .flat_map(|resource| resource.scope_spans)
        .flat_map(|scope| scope.spans)
        .collect();
    let mood = *collector.mood.lock().unwrap();
    match mood {
        Mood::Hang => std::future::pending().await,
        Mood::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Mood::Refuse(name) if spans.iter().any(|span| span.name == name) => StatusCode::UNPROCESSABLE_ENTITY,
        Mood::Break(name) if spans.iter().any(|span| span.name == name) => StatusCode::INTERNAL_SERVER_ERROR,
        Mood::Take | Mood::Discard | Mood::Refuse(_) | Mood::Break(_) => {
            collector.taken.lock().unwrap().extend(spans);
            StatusCode::OK
        }
    }
}
