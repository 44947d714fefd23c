//! What is remembered of a caller: nothing unless it is turned on, by whoever comes next until it is forgotten.
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{Json, Router, body::Body, extract::State, http::header, response::Response, routing::post};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};

use crate::harness::{EMBEDDED, Place, question, said};

type Asked = Arc<Mutex<Vec<Value>>>;

/// A server of a language model that answers questions, and has one fact to remember after a call.
async fn server(asked: Asked) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let routes = Router::new().route("/v1/chat/completions", post(answer)).with_state(asked);
    let mut server = JoinSet::new();
    server.spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (url, server)
}

async fn answer(State(asked): State<Asked>, Json(body): Json<Value>) -> Response {
    let system = body["messages"][0]["content"].as_str().unwrap_or_default();
    let text = match system.contains("remember of this caller") {
        true => "Owns a pump; pays with 4111 1111 1111 1111.",
        false => "Two years.",
    };
    asked.lock().unwrap().push(body);
    let chunks = [
        json!({"choices": [{"index": 0, "delta": {"content": text}}]}),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
    ];
    let lines =
        chunks.map(|chunk| format!("data: {chunk}\n\n")).into_iter().chain(["data: [DONE]\n\n".into()]);
    Response::builder()
        .header(header::CONTENT_TYPE, "text/event-stream")
        .body(Body::from_stream(stream::iter(lines.map(Ok::<_, Infallible>).collect::<Vec<_>>())))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_is_remembered_over_the_end_of_the_program_until_they_are_forgotten() {
    if voce_testkit::models(EMBEDDED).is_none() {
        return;
    }
    let asked = Asked::default();
    let (url, _server) = server(asked.clone()).await;
    tokio::task::spawn_blocking(move || {
        let place = Place::new();
        let folder = place.dir.path().join("memory");
        let folder_is = format!("memory.folder={}", folder.display());
        let (out, file) = (place.dir.path().join("answer.wav"), question("warranty_af_heart.wav"));
        let call = |enabled: &str| {
            let (base_url, out) = (format!("llm.base_url={url}"), out.display().to_string());
            let (file, enabled) = (file.display().to_string(), format!("memory.enabled={enabled}"));
            let settings = [&folder_is, &base_url, &enabled, "llm.engine=openai", "knowledge.store=none"];
            let mut arguments = vec!["talk", "--user", "ann", "--out", &out, &file];
            arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
            let output = place.voce(&arguments);
            assert!(output.status.success(), "{}", said(&output));
        };
        let memory = |arguments: &[&str]| {
            let all = [&["--set", &folder_is, "memory"], arguments].concat();
            let output = place.voce(&all);
            (output.status.success(), said(&output))
        };
        call("false");
        assert!(!folder.exists(), "it is off, so nothing is written");
        call("true");
        let (_, listed) = memory(&["list"]);
        assert!(listed.contains("ann") && listed.contains("Owns a pump; pays with [card]."), "{listed}");
        call("true");
        let requests = asked.lock().unwrap().clone();
        let system =
            |request: &Value| request["messages"][0]["content"].as_str().unwrap_or_default().to_owned();
        let knows = |request: &Value| system(request).contains("Owns a pump");
        // An answer, an answer and its memory, and both again.
        let known: Vec<bool> = requests.iter().map(knows).collect();
        assert_eq!(known, [false, false, false, true, true], "{requests:#?}");
        assert_eq!(memory(&["forget", "ann"]), (true, "forgot ann\n\n".to_owned()));
        assert!(memory(&["list"]).1.contains("nobody is remembered"));
        let (succeeded, text) = memory(&["forget", "ann"]);
        assert!(!succeeded && text.contains("voce memory list"), "{text}");
    })
    .await
    .unwrap();
}
