//! A language model behind an address that takes its time.
use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::State, http::header, response::Response, routing::post};
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::{net::TcpListener, task::JoinSet, time::sleep};

const ANSWER: &str = "The warranty period of the water pump is two years. It begins on the day on which you bought it. \
    Please keep the receipt for as long as that. Damage by frost is not covered by it.";

pub struct SlowModel {
    pub url: String,
    wait_ms: Arc<AtomicU64>,
    _server: JoinSet<()>,
}

impl SlowModel {
    pub async fn start() -> Self {
        let wait_ms = Arc::new(AtomicU64::new(0));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let routes = Router::new().route("/v1/chat/completions", post(answer)).with_state(wait_ms.clone());
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, wait_ms, _server: server }
    }

    /// From now on the first token of each answer comes so late.
    pub fn wait(&self, before: Duration) {
        self.wait_ms.store(before.as_millis() as u64, Relaxed);
    }
}

async fn answer(State(wait_ms): State<Arc<AtomicU64>>) -> Response {
    sleep(Duration::from_millis(wait_ms.load(Relaxed))).await;
    let piece = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    // A token a word, as models write.
    let mut chunks: Vec<_> = ANSWER.split_inclusive(' ').map(piece).collect();
    let tokens = chunks.len();
    chunks.push(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}));
    let usage = json!({"prompt_tokens": 120, "completion_tokens": tokens});
    chunks.push(json!({"choices": [], "usage": usage}));
    let lines =
        chunks.into_iter().map(|chunk| format!("data: {chunk}\n\n")).chain(["data: [DONE]\n\n".into()]);
    let lines = stream::iter(lines).then(|line| async move {
        sleep(Duration::from_millis(20)).await;
        Ok::<_, Infallible>(line)
    });
    Response::builder()
        .header(header::CONTENT_TYPE, "text/event-stream")
        .body(Body::from_stream(lines))
        .unwrap()
}
