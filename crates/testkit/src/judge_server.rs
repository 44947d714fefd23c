//! A language model's server for tests of the judge: it speaks OpenAI's chat completions over real HTTP, and what it
//! answers is a function of the test.
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Map, Value, json};
use tokio::{net::TcpListener, task::JoinSet, time::sleep};

/// A running server; dropping it closes it.
pub struct JudgeServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    _serving: JoinSet<()>,
}

type Script = dyn Fn(&Asked) -> Answer + Send + Sync;

struct Shared {
    script: Box<Script>,
    asked: Mutex<Vec<Asked>>,
}

/// One request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// How many came before it.
    pub number: usize,
    /// Its body.
    pub body: Value,
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// A completion with this text.
    Text(String),
    /// A status, a body and perhaps how long to wait before asking again, seconds.
    Status(u16, String, Option<u64>),
    /// A completion with this text, after a while.
    Late(Duration, String),
    /// Nothing, for an hour.
    Hang,
}

impl JudgeServer {
    /// Serves at a free port of this machine.
    pub async fn start(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the port is bound");
        let shared = Arc::new(Shared { script: Box::new(script), asked: Mutex::default() });
        let router =
            Router::new().route("/v1/chat/completions", post(answer)).with_state(Arc::clone(&shared));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, shared, _serving: serving }
    }

    /// What `judge.base_url` has to be.
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().expect("no request panics").clone()
    }
}

impl Asked {
    /// The metrics that are asked for, as the schema in the prompt names them.
    pub fn metrics(&self) -> Vec<String> {
        let schema: Value = self.between("<schema>", "</schema>");
        schema["properties"].as_object().expect("a schema of an object").keys().cloned().collect()
    }

    /// The turn as the judge shows it to the model.
    pub fn turn(&self) -> Value {
        self.between("<turn>", "</turn>")
    }

    /// The text of all messages.
    pub fn prompt(&self) -> String {
        let messages = self.body["messages"].as_array().expect("messages");
        let texts: Vec<&str> = messages.iter().filter_map(|message| message["content"].as_str()).collect();
        texts.join("\n")
    }

    // The last one: before it, the instructions name the marks.
    fn between(&self, begin: &str, end: &str) -> Value {
        let prompt = self.prompt();
        let (_, after) = prompt.rsplit_once(begin).unwrap_or_else(|| panic!("no {begin} in the prompt"));
        let (inside, _) = after.split_once(end).unwrap_or_else(|| panic!("no {end} in the prompt"));
        serde_json::from_str(inside).expect("JSON between the marks")
    }
}

impl Answer {
    /// What a good model would answer: a score and a reason for each metric that is asked for.
    pub fn scores(asked: &Asked, mut score: impl FnMut(&str) -> (i64, String)) -> Self {
        let scores: Map<String, Value> = asked
            .metrics()
            .into_iter()
            .map(|metric| {
                let (score, reason) = score(&metric);
                (metric, json!({"reason": reason, "score": score}))
            })
            .collect();
        Self::Text(Value::Object(scores).to_string())
    }
}

async fn answer(State(shared): State<Arc<Shared>>, Json(body): Json<Value>) -> Response {
    let asked = {
        let mut all = shared.asked.lock().expect("no request panics");
        let asked = Asked { number: all.len(), body };
        all.push(asked.clone());
        asked
    };
    match (shared.script)(&asked) {
        Answer::Text(text) => completion(&text),
        Answer::Late(after, text) => {
            sleep(after).await;
            completion(&text)
        }
        Answer::Status(status, body, wait) => {
            let status = StatusCode::from_u16(status).expect("a status");
            let wait = wait.map(|seconds| [("retry-after", seconds.to_string())]);
            match wait {
                Some(header) => (status, header, body).into_response(),
                None => (status, body).into_response(),
            }
        }
        Answer::Hang => {
            sleep(Duration::from_secs(3_600)).await;
            StatusCode::NO_CONTENT.into_response()
        }
    }
}

fn completion(text: &str) -> Response {
    Json(json!({
        "object": "chat.completion",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
    }))
    .into_response()
}
