//! What tests ask an MLflow server: which traces stand there, and what is in them.
use std::{collections::BTreeMap, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, sleep};

/// A client of one MLflow server. It panics on anything unexpected: a test has no other answer to that.
#[derive(Clone, Debug)]
pub struct Mlflow {
    url: String,
    client: reqwest::Client,
}

/// A trace as MLflow has it.
#[derive(Clone, Debug)]
pub struct Trace {
    /// `tr-` and the 32 hex digits of the OTLP trace id.
    pub id: String,
    /// `OK`, `ERROR` or `IN_PROGRESS`.
    pub state: String,
    /// Its tags.
    pub tags: Map<String, Value>,
    /// Session, user and tokens among others.
    pub metadata: Map<String, Value>,
    /// First 1000 characters of the root's input and output.
    pub previews: (String, String),
    /// Its spans, in the order of their start.
    pub spans: Vec<Span>,
}

/// A span as MLflow has it.
#[derive(Clone, Debug)]
pub struct Span {
    /// Its name.
    pub name: String,
    /// 16 hex digits.
    pub id: String,
    /// The parent's id; `None` for the root.
    pub parent: Option<String>,
    /// `STATUS_CODE_OK`, `STATUS_CODE_ERROR` or `STATUS_CODE_UNSET`.
    pub status: String,
    /// Start, nanoseconds since 1970.
    pub start_ns: u64,
    /// End, nanoseconds since 1970.
    pub end_ns: u64,
    /// Its attributes.
    pub attributes: BTreeMap<String, Value>,
    /// Names of its events.
    pub events: Vec<String>,
}

impl Mlflow {
    /// The server at this address.
    pub fn at(url: &str) -> Self {
        // Whoever installed a provider before us chose well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { url: url.trim_end_matches('/').to_owned(), client: reqwest::Client::new() }
    }

    /// The server of `VOCE_TEST_MLFLOW_URL`, which `scripts/test` starts. Says so and returns `None` if it is not set.
    pub fn from_environment() -> Option<Self> {
        match std::env::var("VOCE_TEST_MLFLOW_URL") {
            Ok(url) if !url.is_empty() => Some(Self::at(&url)),
            _ => {
                println!(
                    "SKIPPED: VOCE_TEST_MLFLOW_URL is not set; start a server with `scripts/mlflow start`"
                );
                None
            }
        }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until it answers from its database; its health page does before that.
    pub async fn wait_ready(&self, within: Duration) {
        let end = Instant::now() + within;
        while !self.answers().await {
            assert!(Instant::now() < end, "MLflow at {} is not ready", self.url);
            sleep(Duration::from_millis(200)).await;
        }
    }

    async fn answers(&self) -> bool {
        let url = format!("{}/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default", self.url);
        self.client.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
    }

    /// The number of an experiment (whose name needs no escaping), if there is one.
    pub async fn experiment_id(&self, name: &str) -> Option<String> {
        let path = format!("/api/2.0/mlflow/experiments/get-by-name?experiment_name={name}");
        let answer = self.client.get(format!("{}{path}", self.url)).send().await.expect("MLflow answers");
        if answer.status().as_u16() == 404 {
            return None;
        }
        let body: Value = answer.json().await.expect("an experiment in JSON");
        Some(text(&body["experiment"], "experiment_id"))
    }

    /// Ids (`tr-...`) of the traces of an experiment that match a filter such as `trace.name = 'voice-turn'`, newest
    /// first, 100 at most.
    pub async fn search(&self, experiment_id: &str, filter: &str) -> Vec<String> {
        let body = json!({
            "locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment_id}}],
            "filter": filter, "max_results": 100, "order_by": ["timestamp_ms DESC"],
        });
        let request = self.client.post(format!("{}/api/3.0/mlflow/traces/search", self.url)).json(&body);
        let answer = request.send().await.expect("MLflow answers");
        let status = answer.status();
        let body: Value = answer.json().await.expect("traces in JSON");
        assert!(status.is_success(), "search {filter:?}: {status} {body}");
        list(&body["traces"]).iter().map(|trace| text(trace, "trace_id")).collect()
    }

    /// A trace by its 32 hex digits, with or without `tr-`; `None` while MLflow has not seen it.
    pub async fn trace(&self, id: &str) -> Option<Trace> {
        let id = format!("tr-{}", id.trim_start_matches("tr-"));
        let url = format!("{}/api/3.0/mlflow/traces/get?trace_id={id}", self.url);
        let answer = self.client.get(url).send().await.expect("MLflow answers");
        if answer.status().as_u16() == 404 {
            return None;
        }
        let body: Value = answer.json().await.expect("a trace in JSON");
        let trace = &body["trace"];
        let info = &trace["trace_info"];
        let mut spans: Vec<Span> = list(&trace["spans"]).iter().map(Span::of).collect();
        spans.sort_by_key(|span| span.start_ns);
        Some(Trace {
            id: text(info, "trace_id"),
            state: text(info, "state"),
            tags: object(&info["tags"]),
            metadata: object(&info["trace_metadata"]),
            previews: (text(info, "request_preview"), text(info, "response_preview")),
            spans,
        })
    }

    /// Waits for a trace that is complete: its root has arrived.
    pub async fn wait_for_trace(&self, id: &str, within: Duration) -> Trace {
        let end = Instant::now() + within;
        loop {
            if let Some(trace) = self.trace(id).await.filter(|trace| trace.state != "IN_PROGRESS") {
                return trace;
            }
            assert!(Instant::now() < end, "trace {id} did not come to MLflow at {}", self.url);
            sleep(Duration::from_millis(200)).await;
        }
    }
}

impl Trace {
    /// The first span of that name.
    pub fn span(&self, name: &str) -> &Span {
        let names: Vec<&str> = self.spans.iter().map(|span| span.name.as_str()).collect();
        self.spans
            .iter()
            .find(|span| span.name == name)
            .unwrap_or_else(|| panic!("no span {name} in {names:?}"))
    }

    /// Name of a span's parent; empty for the root.
    pub fn parent_of(&self, span: &Span) -> &str {
        let parent = self.spans.iter().find(|other| Some(&other.id) == span.parent.as_ref());
        parent.map_or("", |parent| parent.name.as_str())
    }
}

impl Span {
    fn of(span: &Value) -> Self {
        let parent = hex(&text(span, "parent_span_id"));
        let attributes = list(&span["attributes"]).iter();
        Self {
            name: text(span, "name"),
            id: hex(&text(span, "span_id")),
            parent: (!parent.is_empty()).then_some(parent),
            status: text(&span["status"], "code"),
            start_ns: number(&span["start_time_unix_nano"]),
            end_ns: number(&span["end_time_unix_nano"]),
            attributes: attributes.map(|pair| (text(pair, "key"), value(&pair["value"]))).collect(),
            events: list(&span["events"]).iter().map(|event| text(event, "name")).collect(),
        }
    }

    /// An attribute, null if it is missing.
    pub fn attribute(&self, name: &str) -> &Value {
        self.attributes.get(name).unwrap_or(&Value::Null)
    }
}

/// An OTLP value in JSON. MLflow reads text that is JSON and hands it out as lists and objects.
fn value(of: &Value) -> Value {
    let Some((kind, value)) = of.as_object().and_then(|object| object.iter().next()) else {
        return Value::Null;
    };
    match kind.as_str() {
        "array_value" => list(&value["values"]).iter().map(self::value).collect(),
        "kvlist_value" => {
            let pairs = list(&value["values"]).iter();
            Value::Object(pairs.map(|pair| (text(pair, "key"), self::value(&pair["value"]))).collect())
        }
        _ => value.clone(),
    }
}

/// Ids come in base64.
fn hex(base64: &str) -> String {
    let bytes = STANDARD.decode(base64).expect("an id in base64");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
