//! A language model's server that answers by a function of the test: it streams text or a tool call, as OpenAI does.
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::State,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

/// A running server; dropping it closes it.
pub struct ScriptedModel {
    address: SocketAddr,
    shared: Arc<Shared>,
    _serving: JoinSet<()>,
}

type Script = dyn Fn(&Asked) -> Reply + Send + Sync;

struct Shared {
    script: Box<Script>,
    asked: Mutex<Vec<Asked>>,
}

/// One request's body.
#[derive(Clone, Debug)]
pub struct Asked(pub Value);

/// What is answered.
pub enum Reply {
    /// These words.
    Text(String),
    /// A call of this tool with these arguments.
    Call(&'static str, Value),
}

impl ScriptedModel {
    pub async fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("the port is bound");
        let shared = Arc::new(Shared { script: Box::new(script), asked: Mutex::default() });
        let router =
            Router::new().route("/v1/chat/completions", post(answer)).with_state(Arc::clone(&shared));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { address, shared, _serving: serving }
    }

    /// The settings that point voce at it.
    pub fn settings(&self) -> Vec<String> {
        let url = format!("llm.base_url=http://{}/v1", self.address);
        ["llm.engine=openai", "llm.model=scripted", &url, "knowledge.store=none"]
            .iter()
            .flat_map(|setting| ["--set".to_owned(), (*setting).to_owned()])
            .collect()
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().expect("no request panics").clone()
    }
}

impl Asked {
    fn messages(&self) -> &[Value] {
        self.0["messages"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The last thing that the caller said, in small letters.
    pub fn question(&self) -> String {
        let user = self.messages().iter().rfind(|message| message["role"] == "user");
        user.and_then(|message| message["content"].as_str()).unwrap_or_default().to_lowercase()
    }

    /// Results of tools that were called for this question.
    pub fn results(&self) -> Vec<&str> {
        let after = self.messages().iter().rev().take_while(|message| message["role"] != "user");
        results(after.collect())
    }

    /// Results of tools that were called before this question.
    pub fn earlier_results(&self) -> Vec<&str> {
        let before = self.messages().iter().rev().skip_while(|message| message["role"] != "user");
        results(before.collect())
    }

    /// Names of the tools that are offered.
    pub fn tools(&self) -> Vec<&str> {
        let tools = self.0["tools"].as_array().into_iter().flatten();
        tools.filter_map(|tool| tool.pointer("/function/name")?.as_str()).collect()
    }
}

fn results(messages: Vec<&Value>) -> Vec<&str> {
    let results = messages.into_iter().filter(|message| message["role"] == "tool").rev();
    results.filter_map(|message| message["content"].as_str()).collect()
}

async fn answer(State(shared): State<Arc<Shared>>, Json(body): Json<Value>) -> Response {
    let asked = Asked(body);
    let reply = (shared.script)(&asked);
    let number = {
        let mut all = shared.asked.lock().expect("no request panics");
        all.push(asked);
        all.len()
    };
    let (deltas, reason) = match reply {
        Reply::Text(text) => {
            let words = text.split_inclusive(' ').map(|word| json!({"content": word})).collect();
            (words, "stop")
        }
        Reply::Call(name, arguments) => (call(number, name, &arguments.to_string()), "tool_calls"),
    };
    let delta = |delta: Value| json!({"choices": [{"index": 0, "delta": delta}]});
    let end = [
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 10}}),
    ];
    let chunks = deltas.into_iter().map(delta).chain(end);
    let events: String = chunks.map(|chunk| format!("data: {chunk}\n\n")).collect();
    ([(CONTENT_TYPE, "text/event-stream")], events + "data: [DONE]\n\n").into_response()
}

/// The arguments in two pieces.
fn call(number: usize, name: &str, arguments: &str) -> Vec<Value> {
    let middle = arguments.len() / 2;
    let middle =
        (middle..=arguments.len()).find(|place| arguments.is_char_boundary(*place)).unwrap_or_default();
    let piece = |function: Value| json!({"tool_calls": [{"index": 0, "function": function}]});
    let first = json!({"tool_calls": [{
        "index": 0, "id": format!("call_{number}"), "type": "function",
        "function": {"name": name, "arguments": ""},
    }]});
    vec![
        first,
        piece(json!({"arguments": arguments[..middle]})),
        piece(json!({"arguments": arguments[middle..]})),
    ]
}
