//! What stands in for other servers: a collector that takes every span, a language model that answers at once.
use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, http::header::CONTENT_TYPE, routing::post};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet};

/// A span that came.
#[derive(Clone, Debug)]
pub struct Came {
    pub trace: String,
    pub id: String,
    pub is_root: bool,
}

/// Takes all that comes and writes it down, until the test ends.
#[derive(Clone)]
pub struct Collector {
    pub url: String,
    came: Arc<Mutex<Vec<Came>>>,
}

impl Collector {
    pub async fn start() -> Self {
        let came: Arc<Mutex<Vec<Came>>> = Arc::default();
        let routes = Router::new().route("/v1/traces", post(receive)).with_state(came.clone());
        Self { url: serve(routes).await, came }
    }

    pub fn spans(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }
}

async fn receive(State(came): State<Arc<Mutex<Vec<Came>>>>, body: Bytes) {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    let spans = scopes.flat_map(|scope| scope.spans).map(|span| Came {
        trace: hex(&span.trace_id),
        id: hex(&span.span_id),
        is_root: span.parent_span_id.is_empty(),
    });
    came.lock().unwrap().extend(spans);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An OpenAI-compatible server with one short answer; returns the address that its clients want.
pub async fn language_model() -> String {
    let said = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let events: String =
        [said("Two years"), said("."), end].iter().map(|event| format!("data: {event}\n\n")).collect();
    let body = format!("{events}data: [DONE]\n\n");
    let answer = move || async move { ([(CONTENT_TYPE, "text/event-stream")], body) };
    let routes = Router::new().route("/v1/chat/completions", post(answer));
    format!("{}/v1", serve(routes).await)
}

async fn serve(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { axum::serve(listener, routes).await });
    tasks.detach_all();
    url
}
