//! The OpenAI engine against servers that behave, and that do not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{StatusCode, header},
    response::Response,
    routing::post,
};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::net::TcpListener;
use voce_core::{EngineError, LanguageModel, Piece, Prompt, ToolDefinition, ToolPolicy};
use voce_llm::{AnswerFormat, Config, Engine, OpenAi};
use voce_testkit::contract::language_model;

const FIRST: &str = r#"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#;
const STOP: &str = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}}"#;
const DONE: &str = "data: [DONE]";

fn said(text: &str) -> String {
    format!("data: {}", serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}}]}))
}

fn events(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\n\n")).collect()
}

/// How the server goes on after what it has sent.
#[derive(Clone, Copy)]
enum Then {
    Ends,
    Hangs,
    Breaks,
}

/// A server that answers every request with `parts`, each sent by itself. Counts requests whose body was dropped.
async fn server(status: StatusCode, parts: Vec<Vec<u8>>, then: Then) -> (OpenAi, Arc<AtomicUsize>) {
    let gone = Arc::new(AtomicUsize::new(0));
    let counter = gone.clone();
    let reply = move || {
        let (parts, gone) = (parts.clone(), OnDrop(counter.clone()));
        async move {
            let parts = stream::iter(parts).then(|part| async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                Ok::<_, std::io::Error>(Bytes::from(part))
            });
            let end = match then {
                Then::Ends => stream::empty().boxed(),
                Then::Hangs => stream::pending().boxed(),
                // After a while: what breaks at once takes along what is not sent yet.
                Then::Breaks => stream::once(async {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Err(std::io::Error::other("broken"))
                })
                .boxed(),
            };
            let body = parts.chain(end).inspect(move |_| {
                let _ = &gone;
            });
            Response::builder()
                .status(status)
                .header(header::CONTENT_TYPE, "text/event-stream")
                .body(Body::from_stream(body))
                .unwrap()
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/v1/chat/completions", post(reply));
    #[expect(clippy::disallowed_methods, reason = "a server of a test ends with the test")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    (OpenAi::new(&config(&format!("http://{address}/v1"))).unwrap(), gone)
}

struct OnDrop(Arc<AtomicUsize>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn config(address: &str) -> Config {
    Config {
        engine: Engine::Openai,
        base_url: address.into(),
        model: "any".into(),
        first_token_timeout_ms: 500,
        next_token_timeout_ms: 300,
        ..Config::default()
    }
}

fn prompt() -> Prompt {
    Prompt { question: "Hello?".into(), ..Prompt::default() }
}

async fn pieces(model: &OpenAi) -> Result<Vec<Piece>, EngineError> {
    model.generate(prompt()).try_collect().await
}

async fn failure(model: &OpenAi) -> String {
    pieces(model).await.unwrap_err().to_string()
}

async fn answers(parts: Vec<Vec<u8>>) -> (String, voce_core::Usage) {
    let (model, _) = server(StatusCode::OK, parts, Then::Ends).await;
    language_model::answer(&model, prompt()).await
}

#[tokio::test]
async fn an_answer_comes_in_pieces_and_then_the_bill() {
    let body = events(&[FIRST, &said("Two"), &said(" years."), STOP, USAGE, DONE]);
    let (text, usage) = answers(vec![body.clone().into()]).await;
    assert_eq!(text, "Two years.");
    assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens), (9, 2, 4));
    let (model, _) = server(StatusCode::OK, vec![body.into()], Then::Ends).await;
    language_model::language_model(Arc::new(model), [prompt(), prompt()]).await;
}

#[tokio::test]
async fn chunks_may_be_cut_anywhere_even_within_a_character() {
    let body = events(&[FIRST, &said("Grüße, 東京"), &said("!"), STOP, USAGE, DONE]);
    let parts = body.as_bytes().chunks(7).map(<[u8]>::to_vec).collect();
    assert_eq!(answers(parts).await.0, "Grüße, 東京!");
}

#[tokio::test]
async fn a_server_that_gives_no_bill_gets_one_of_nothing() {
    let (text, usage) = answers(vec![events(&[&said("Yes."), STOP, DONE]).into()]).await;
    assert_eq!((text.as_str(), usage), ("Yes.", voce_core::Usage::default()));
}

#[tokio::test]
async fn a_line_of_rubbish_is_skipped() {
    let body = events(&[&said("Yes"), "data: {rubbish", ": a comment", &said("."), STOP, DONE]);
    assert_eq!(answers(vec![body.into()]).await.0, "Yes.");
}

#[tokio::test]
async fn a_refusal_says_what_the_server_said_where_and_what_to_check() {
    let body = br#"{"error":{"message":"no such model","type":"invalid","code":null}}"#.to_vec();
    let (model, _) = server(StatusCode::NOT_FOUND, vec![body], Then::Ends).await;
    let error = failure(&model).await;
    assert!(
        error.contains("no such model") && error.contains("http://127.0.0.1") && error.contains("llm.model"),
        "{error}"
    );
    // llama.cpp gives a number where OpenAI gives a text.
    let body = br#"{"error":{"message":"too long","code":400}}"#.to_vec();
    let (model, _) = server(StatusCode::BAD_REQUEST, vec![body], Then::Ends).await;
    assert!(failure(&model).await.contains("too long"));
}

#[tokio::test]
async fn an_error_within_the_answer_is_an_error() {
    let body = events(&[&said("Yes"), r#"data: {"error":{"message":"out of memory"}}"#]);
    let (model, _) = server(StatusCode::OK, vec![body.into()], Then::Hangs).await;
    assert!(failure(&model).await.contains("out of memory"));
}

fn calls(delta: serde_json::Value) -> String {
    let delta = serde_json::json!({"tool_calls": [delta]});
    format!("data: {}", serde_json::json!({"choices": [{"index": 0, "delta": delta}]}))
}

#[tokio::test]
async fn calls_come_whole_and_before_the_bill() {
    let begin = serde_json::json!({"index": 0, "id": "a", "function": {"name": "weather", "arguments": "{\"city\":"}});
    let rest = serde_json::json!({"index": 0, "function": {"arguments": "\"Köln\"}"}});
    let other = serde_json::json!({"index": 1, "id": "b", "function": {"name": "time", "arguments": "{}"}});
    let stop = r#"data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#;
    let body =
        events(&[FIRST, &said("One moment."), &calls(begin), &calls(rest), &calls(other), stop, USAGE, DONE]);
    for size in [5, 64, body.len()] {
        let parts = body.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        let (model, _) = server(StatusCode::OK, parts, Then::Ends).await;
        let all = pieces(&model).await.unwrap();
        let [Piece::Text(text), Piece::Call(first), Piece::Call(second), Piece::Usage(usage)] =
            all.as_slice()
        else {
            panic!("{all:?}")
        };
        assert_eq!((text.as_str(), usage.prompt_tokens), ("One moment.", 9));
        assert_eq!((first.name.as_str(), first.arguments.as_str()), ("weather", r#"{"city":"Köln"}"#));
        assert_eq!((second.id.as_str(), second.name.as_str()), ("b", "time"));
    }
}

#[tokio::test]
async fn an_answer_that_comes_whole_has_its_calls() {
    let body = r#"data: {"choices":[{"index":0,"message":{"content":null,"tool_calls":[{"id":"a","function":{"name":"weather","arguments":"{}"}}]},"finish_reason":"tool_calls"}]}"#;
    let (model, _) = server(StatusCode::OK, vec![events(&[body, DONE]).into()], Then::Ends).await;
    let all = pieces(&model).await.unwrap();
    assert!(
        matches!(all.as_slice(), [Piece::Call(call), Piece::Usage(_)] if call.name == "weather"),
        "{all:?}"
    );
}

#[tokio::test]
async fn a_server_that_takes_no_tools_says_what_to_do() {
    let body = br#"{"error":{"message":"x does not support tools","type":"api_error"}}"#.to_vec();
    let (model, _) = server(StatusCode::BAD_REQUEST, vec![body], Then::Ends).await;
    let policy = ToolPolicy {
        timeout: Duration::from_secs(1),
        filler: String::new(),
        filler_after: Duration::from_secs(1),
        on_interruption: voce_core::OnInterruption::Cancel,
        has_effects: false,
        confirm: None,
    };
    let tool = ToolDefinition {
        name: "weather".into(),
        description: "Weather.".into(),
        parameters: serde_json::json!({"type": "object", "properties": {}}),
        policy,
    };
    let prompt = Prompt { tools: [tool].into(), ..prompt() };
    let error = model.generate(prompt).try_collect::<Vec<_>>().await.unwrap_err().to_string();
    assert!(
        error.contains("does not support tools") && error.contains("take them out of [tools]"),
        "{error}"
    );
    // Without tools it is about something else.
    let error = failure(&model).await;
    assert!(error.contains("check llm.model"), "{error}");
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let (model, _) = server(StatusCode::OK, vec![], Then::Hangs).await;
    let error = failure(&model).await;
    assert!(error.contains("no first token within 500 ms (llm.first_token_timeout_ms)"), "{error}");
    let (model, _) = server(StatusCode::OK, vec![events(&[&said("Yes")]).into()], Then::Hangs).await;
    let error = failure(&model).await;
    assert!(error.contains("no next token within 300 ms"), "{error}");
}

#[tokio::test]
async fn a_server_that_breaks_off_is_an_error_after_what_it_said() {
    for then in [Then::Ends, Then::Breaks] {
        let (model, _) = server(StatusCode::OK, vec![events(&[&said("Yes")]).into()], then).await;
        let all: Vec<_> = model.generate(prompt()).collect().await;
        assert!(matches!(&all[0], Ok(Piece::Text(text)) if text == "Yes"), "{all:?}");
        assert!(all[1].as_ref().unwrap_err().to_string().contains("broke off"), "{all:?}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_said() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let model = OpenAi::new(&config(&format!("http://{address}/v1"))).unwrap();
    let error = failure(&model).await;
    assert!(error.contains("refused") && error.contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn dropping_the_answer_closes_the_request() {
    let (model, gone) = server(StatusCode::OK, vec![events(&[&said("Yes")]).into()], Then::Hangs).await;
    let mut answer = model.generate(prompt());
    assert!(answer.next().await.unwrap().is_ok());
    assert_eq!(gone.load(Ordering::SeqCst), 0);
    drop(answer);
    for _ in 0..100 {
        if gone.load(Ordering::SeqCst) == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the server still sends");
}

#[test]
fn an_address_without_a_scheme_is_refused() {
    let error = OpenAi::new(&config("localhost:11434")).err().unwrap().to_string();
    assert!(error.contains("expected http://HOST:PORT/v1"), "{error}");
}

#[tokio::test]
async fn a_server_that_refuses_the_schema_is_asked_without_it_once_and_for_all() {
    let asked = Arc::new(std::sync::Mutex::new(Vec::<bool>::new()));
    let seen = asked.clone();
    let reply = move |body: String| {
        let has_schema = body.contains("json_schema");
        assert!(body.contains("spoke_response"), "the instruction stays");
        seen.lock().unwrap().push(has_schema);
        let (status, answer) = match has_schema {
            true => (
                StatusCode::BAD_REQUEST,
                r#"{"error":{"message":"response_format is not supported","type":"invalid"}}"#.to_owned(),
            ),
            false => (StatusCode::OK, events(&[&said("Yes."), STOP, DONE])),
        };
        let kind = if has_schema { "application/json" } else { "text/event-stream" };
        async move {
            Response::builder()
                .status(status)
                .header(header::CONTENT_TYPE, kind)
                .body(Body::from(answer))
                .unwrap()
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/v1/chat/completions", post(reply));
    #[expect(clippy::disallowed_methods, reason = "a server of a test ends with the test")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = Config { answer_format: AnswerFormat::Json, ..config(&format!("http://{address}/v1")) };
    let model = OpenAi::new(&config).unwrap();
    for _ in 0..2 {
        let (text, _) = language_model::answer(&model, prompt()).await;
        assert_eq!(text, "Yes.");
    }
    assert_eq!(*asked.lock().unwrap(), [true, false, false]);
}
