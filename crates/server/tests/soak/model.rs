//! A language model that answers briefly, and fails as servers do: an error, too many requests, a broken stream, a long wait.
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet, time::sleep};

const ANSWERS: [&str; 5] = [
    "Two years.",
    "Once a month.",
    "From nine to four.",
    "Yes, within thirty days.",
    "I will look into it. Please wait a moment.",
];
/// What a slow server lets callers wait for.
const SLOW: Duration = Duration::from_secs(3);

/// The server and what it did.
pub struct Model {
    /// The address that its clients want.
    pub url: String,
    pub did: Arc<Did>,
    _tasks: JoinSet<()>,
}

/// How often it did what.
#[derive(Default)]
pub struct Did {
    pub asked: AtomicU64,
    pub errors: AtomicU64,
    pub too_many: AtomicU64,
    pub broken: AtomicU64,
    pub slow: AtomicU64,
    never_fails: bool,
}

impl Did {
    /// Requests that cannot have given a whole answer.
    pub fn faults(&self) -> u64 {
        self.errors.load(Relaxed) + self.too_many.load(Relaxed) + self.broken.load(Relaxed)
    }
}

impl Model {
    /// One that fails, or never does.
    pub async fn start(fails: bool) -> Self {
        let did = Arc::new(Did { never_fails: !fails, ..Did::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let routes = Router::new().route("/v1/chat/completions", post(answer)).with_state(did.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, did, _tasks: tasks }
    }
}

/// One request in five goes wrong, in turn in each way, so that a short run sees them all.
async fn answer(State(did): State<Arc<Did>>) -> Response {
    let number = did.asked.fetch_add(1, Relaxed);
    let text = ANSWERS[number as usize % ANSWERS.len()];
    if did.never_fails || number % 5 != 4 {
        return spoken(text, None);
    }
    match number / 5 % 4 {
        0 => {
            did.errors.fetch_add(1, Relaxed);
            let body = json!({"error": {"message": "out of memory", "type": "server_error"}});
            (StatusCode::INTERNAL_SERVER_ERROR, body.to_string()).into_response()
        }
        1 => {
            did.slow.fetch_add(1, Relaxed);
            sleep(SLOW).await;
            spoken(text, None)
        }
        2 => {
            did.too_many.fetch_add(1, Relaxed);
            let body = json!({"error": {"message": "rate limit", "type": "rate_limit_error"}});
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")], body.to_string()).into_response()
        }
        _ => {
            did.broken.fetch_add(1, Relaxed);
            spoken("I think that it is", Some(io::Error::other("the connection broke")))
        }
    }
}

/// The words one by one, then the end, or what breaks them off.
fn spoken(text: &str, broken: Option<io::Error>) -> Response {
    let piece = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}}]});
    let mut chunks: Vec<Value> = text.split_inclusive(' ').map(piece).collect();
    let tokens = chunks.len();
    let mut lines: Vec<Result<String, io::Error>> = vec![];
    if broken.is_none() {
        chunks.push(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}));
        chunks.push(json!({"choices": [], "usage": {"prompt_tokens": 50, "completion_tokens": tokens}}));
    }
    lines.extend(chunks.into_iter().map(|chunk| Ok(format!("data: {chunk}\n\n"))));
    lines.push(broken.map_or_else(|| Ok("data: [DONE]\n\n".into()), Err));
    let lines = stream::iter(lines).then(|line| async move {
        sleep(Duration::from_millis(5)).await;
        line
    });
    let response = Response::builder().header(header::CONTENT_TYPE, "text/event-stream");
    response.body(Body::from_stream(lines)).unwrap()
}
