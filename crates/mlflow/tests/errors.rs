//! What the client says when a server misbehaves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::time::Duration;

use axum::{
    Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::any,
};
use serde_json::Map;
use voce_mlflow::{
    Client, Credentials, Feedback, MlflowError, NewAssessment, Order, Search, Source, Written,
};

fn client(url: &str) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new(url, Credentials::none()).unwrap().with_timeout(Duration::from_millis(500))
}

/// A server that answers everything the same; it ends with the runtime.
async fn answering(status: u16, body: impl Into<Vec<u8>>) -> Client {
    let (status, body) = (StatusCode::from_u16(status).unwrap(), body.into());
    serving(move |_| (status, body.clone()).into_response()).await
}

async fn serving(answer: impl Fn(String) -> Response + Clone + Send + Sync + 'static) -> Client {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let route = any(move |request: axum::extract::Request| {
        let answer = answer(format!("{} {}", request.method(), request.uri()));
        async move { answer }
    });
    let mut server = tokio::task::JoinSet::new();
    server.spawn(async move { axum::serve(listener, Router::new().fallback(route)).await });
    server.detach_all();
    client(&url)
}

#[tokio::test]
async fn a_server_that_is_away_is_named_with_what_to_do() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&url).experiment("voice-bot").await.unwrap_err();
    assert!(error.is_passing());
    let text = error.to_string();
    assert!(text.contains(&url) && text.contains("scripts/mlflow start"), "{text}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client(&format!("http://{}", listener.local_addr().unwrap()));
    let error = client.experiment("voice-bot").await.unwrap_err();
    assert!(error.to_string().contains("no answer within 0.5 s"), "{error}");
}

#[tokio::test]
async fn each_refusal_says_what_to_do() {
    let host = answering(403, "Invalid Host header - possible DNS rebinding attack detected").await;
    let text = host.experiment("voice-bot").await.unwrap_err().to_string();
    assert!(text.contains("--allowed-hosts 127.0.0.1:"), "{text}");
    let login = answering(401, "You are not authenticated").await;
    let text = login.experiment("voice-bot").await.unwrap_err().to_string();
    assert!(text.contains("MLFLOW_TRACKING_USERNAME"), "{text}");
    let missing = answering(404, r#"{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "none"}"#).await;
    let text = missing.experiment("voice-bot").await.unwrap_err().to_string();
    assert!(text.contains("no experiment \"voice-bot\"") && text.contains("telemetry.sinks"), "{text}");
    let database = answering(503, r#"{"message": "database is down"}"#).await;
    let error = database.experiment("voice-bot").await.unwrap_err();
    assert!(error.is_passing() && error.to_string().contains("database is down"), "{error}");
    let other = answering(404, "<html>nginx</html>").await;
    let text = other.experiment("voice-bot").await.unwrap_err().to_string();
    assert!(text.contains("another program"), "{text}");
    let other = answering(200, "<html>hello</html>").await;
    let text = other.experiment("voice-bot").await.unwrap_err().to_string();
    assert!(text.contains("another program"), "{text}");
    let deleted =
        answering(200, r#"{"experiment": {"experiment_id": "1", "lifecycle_stage": "deleted"}}"#).await;
    assert!(matches!(deleted.experiment("x").await, Err(MlflowError::NoExperiment { .. })));
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let client = answering(200, vec![b' '; 65 * 1024 * 1024]).await.with_timeout(Duration::from_secs(30));
    let error = client.experiment("voice-bot").await.unwrap_err();
    assert!(matches!(error, MlflowError::TooLong { .. }), "{error}");
}

#[test]
fn an_address_that_is_none_is_refused() {
    for url in ["127.0.0.1:5000", "ftp://host", ""] {
        let error = Client::new(url, Credentials::none()).unwrap_err().to_string();
        assert!(error.contains("http://127.0.0.1:5000"), "{error}");
    }
}

#[tokio::test]
async fn pages_are_put_together_without_doubles_up_to_the_limit() {
    let client = serving(|_| {
        let traces: Vec<String> = (0..3).map(|index| format!(r#"{{"trace_id": "tr-{index}"}}"#)).collect();
        format!(r#"{{"traces": [{}], "next_page_token": "again"}}"#, traces.join(",")).into_response()
    })
    .await;
    let search = Search { experiment_id: "1", filter: "", order: Order::Newest, limit: 2 };
    let found = client.search(&search).await.unwrap();
    assert_eq!(found.iter().map(|trace| trace.id.as_str()).collect::<Vec<_>>(), ["tr-0", "tr-1"]);
}

fn score(name: &str) -> NewAssessment<'_> {
    NewAssessment {
        trace_id: "00000000000000000000000000000001",
        span_id: None,
        name,
        source: Source::Judge("qwen".into()),
        feedback: Feedback::Value(4.into()),
        rationale: "",
        version: "1",
        metadata: Map::new(),
    }
}

#[tokio::test]
async fn a_failure_to_write_twice_is_told_from_a_failure() {
    let twice = serving(|request| match request.starts_with("POST") {
        true => (StatusCode::INTERNAL_SERVER_ERROR, r#"{"message": "constraint violation"}"#).into_response(),
        false => "{}".into_response(),
    })
    .await;
    assert!(matches!(twice.assess(&score("faithfulness")).await, Ok(Written::Before(_))));
    let broken = answering(500, r#"{"message": "disk full"}"#).await;
    let error = broken.assess(&score("faithfulness")).await.unwrap_err().to_string();
    assert!(error.contains("disk full"), "{error}");
}

#[tokio::test]
async fn what_mlflow_would_take_and_never_show_is_refused_here() {
    let client = answering(200, "{}").await;
    assert!(matches!(client.assess(&score("")).await, Err(MlflowError::Invalid(_))));
    let mut of_call = score("mood");
    of_call.metadata.insert("mlflow.trace.session".into(), "call".into());
    assert!(matches!(client.assess(&of_call).await, Err(MlflowError::Invalid(_))));
    for path in ["", "../secret", "1//traces", "1/traces/%2e%2e", "a b"] {
        assert!(matches!(client.delete_artifact(path).await, Err(MlflowError::Invalid(_))), "{path}");
    }
}
