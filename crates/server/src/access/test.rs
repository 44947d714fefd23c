//! The whole door, by requests to routes behind it.
use std::net::SocketAddr;

use axum::{
    Extension, Json,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Method, Request, StatusCode},
    routing::{get, post},
};
use serde_json::{Value, json};
use tower::ServiceExt;
use voce_transport::Visitor;

use super::*;

const SHOP: &str = "voce_00000000000000000000000000000001";
const SECRET: &str = "0123456789abcdef0123456789abcdef";
const EVERYWHERE: [u8; 4] = [0, 0, 0, 0];

/// A door that asks for keys, with these settings.
pub fn access(set: impl FnOnce(&mut AccessConfig)) -> Access {
    let mut config = Config::default();
    set(&mut config.access);
    Access::with(&config, EVERYWHERE.into(), Some(&format!("shop={SHOP}")), Some(SECRET)).unwrap()
}

fn routes(access: &Access) -> Router {
    let visitor = |Extension(visitor): Extension<Visitor>| async move {
        Json(json!({ "account": visitor.account, "user": visitor.user }))
    };
    let routes = Router::new()
        .route("/", get(|| async { "the page" }))
        .route("/api/status", get(|Extension(guest): Extension<Guest>| async move { Json(guest.is_in()) }))
        .route("/api/calls", get(|| async { Json(json!([])) }))
        .route("/api/offer", post(visitor));
    access.guard(routes.merge(access.routes(Arc::new(|_| vec![]))))
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

async fn ask(access: &Access, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("host", "voce.example.org");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from(body.to_owned())).unwrap();
    request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([203, 0, 113, 7], 4711))));
    let response = routes(access).oneshot(request).await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    Answer { status, headers, body: serde_json::from_slice(&body).unwrap_or_default() }
}

async fn call(access: &Access, credential: &str) -> Answer {
    let said = format!("Bearer {credential}");
    ask(access, Method::POST, "/api/offer", &[("authorization", &said)], "").await
}

async fn session(access: &Access, credential: &str, body: &str) -> Answer {
    let said = format!("Bearer {credential}");
    ask(access, Method::POST, "/api/session", &[("authorization", &said)], body).await
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.body["code"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_key_becomes_a_token_and_a_token_a_call_of_its_user() {
    let access = access(|_| {});
    let made = session(&access, SHOP, r#"{"user": "ann"}"#).await;
    assert_eq!((made.status, &made.body["expires_in_seconds"]), (StatusCode::OK, &json!(600)));
    assert_eq!(made.headers["cache-control"], "no-store");
    let token = made.body["token"].as_str().unwrap();
    assert_eq!(call(&access, token).await.body, json!({ "account": "shop", "user": "ann" }));
    assert_eq!(call(&access, SHOP).await.body, json!({ "account": "shop", "user": null }));
    let renewed = session(&access, token, "").await;
    assert_eq!(renewed.body["user"], "ann");
    assert_eq!(code(&session(&access, token, r#"{"user": "bob"}"#).await), (403, "other_user"));
    assert_eq!(code(&session(&access, SHOP, "{").await), (400, "bad_request"));
}

#[tokio::test]
async fn strangers_see_the_page_and_are_told_how_to_come_in() {
    let access = access(|_| {});
    assert_eq!(ask(&access, Method::GET, "/", &[], "").await.status, StatusCode::OK);
    assert_eq!(ask(&access, Method::GET, "/api/status", &[], "").await.body, json!(false));
    let refused = ask(&access, Method::POST, "/api/offer", &[], "").await;
    assert_eq!(code(&refused), (401, "sign_in"));
    assert_eq!(refused.headers["www-authenticate"], "Bearer realm=\"voce\"");
    assert_eq!(refused.body["info"], refused.body["error"]);
    let wrong = call(&access, &format!("{SHOP}x")).await;
    assert_eq!(code(&wrong), (401, "unknown_credential"));
    assert!(wrong.headers["www-authenticate"].to_str().unwrap().contains("invalid_token"));
    let basic = ask(&access, Method::POST, "/api/offer", &[("authorization", "Basic YTpi")], "").await;
    assert_eq!(code(&basic), (401, "unknown_credential"));
    let status = ask(&access, Method::GET, "/api/status", &[("authorization", "Bearer x")], "").await;
    assert_eq!(status.body, json!(false), "an old token is no reason to hide the door");
}

#[tokio::test]
async fn what_is_everybodys_needs_a_key() {
    let access = access(|_| {});
    let token = session(&access, SHOP, "").await.body["token"].as_str().unwrap().to_owned();
    let calls = async |credential: &str| {
        let said = format!("Bearer {credential}");
        ask(&access, Method::GET, "/api/calls", &[("authorization", &said)], "").await
    };
    assert_eq!(code(&calls(&token).await), (403, "key_needed"));
    assert_eq!(calls(SHOP).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_key_that_was_taken_away_takes_its_tokens_along() {
    let access = access(|_| {});
    let token = session(&access, SHOP, "").await.body["token"].as_str().unwrap().to_owned();
    let rules =
        Rules::new(&AccessConfig::default(), false, Some("desk=voce_00000000000000000000000000000002"));
    *access.0.rules.write() = Arc::new(rules.unwrap());
    assert_eq!(code(&call(&access, &token).await), (401, "key_gone"));
    assert_eq!(code(&call(&access, SHOP).await), (401, "unknown_credential"));
}

#[tokio::test]
async fn other_sites_may_where_they_are_listed_and_are_told_so() {
    let access = access(|config| config.origins = vec!["https://shop.example".into()]);
    let asked = [("origin", "https://shop.example"), ("access-control-request-method", "POST")];
    let preflight = ask(&access, Method::OPTIONS, "/api/offer", &asked, "").await;
    assert_eq!(preflight.status, StatusCode::NO_CONTENT);
    assert_eq!(preflight.headers["access-control-allow-origin"], "https://shop.example");
    assert!(preflight.headers["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
    // Also what is refused can be read there.
    let refused = ask(&access, Method::POST, "/api/offer", &asked[..1], "").await;
    assert_eq!(code(&refused), (401, "sign_in"));
    assert_eq!(refused.headers["access-control-allow-origin"], "https://shop.example");
    let bearer = format!("Bearer {SHOP}");
    let foreign = [("origin", "https://evil.example"), ("authorization", bearer.as_str())];
    let refused = ask(&access, Method::POST, "/api/offer", &foreign, "").await;
    assert_eq!(code(&refused), (403, "foreign_origin"));
    assert!(!refused.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn requests_are_counted_also_those_that_are_refused() {
    let access = access(|config| config.requests_per_minute = 3);
    let mut last = call(&access, "wrong").await;
    for _ in 0..5 {
        last = call(&access, "wrong").await;
    }
    assert_eq!(code(&last), (429, "too_many_requests"));
    let wait: u64 = last.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait) && last.body["retry_after_seconds"] == wait);
    assert_eq!(call(&access, SHOP).await.status, StatusCode::OK, "the key has its own number");
}

#[tokio::test]
async fn an_open_server_asks_nobody() {
    let config = Config::default();
    let access = Access::with(&config, [127, 0, 0, 1].into(), None, None).unwrap();
    let local = [("host", "localhost:8080")];
    let mut request = Request::builder().method(Method::POST).uri("/api/offer");
    for (name, value) in local {
        request = request.header(name, value);
    }
    // Without the peer's address, too.
    let response = routes(&access).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(access.summary(), "anybody on this machine, without a key");
}

#[test]
fn a_server_that_nobody_could_use_does_not_start() {
    let mut config = Config::default();
    let error = Access::with(&config, EVERYWHERE.into(), None, None).err().unwrap().to_string();
    for words in
        ["0.0.0.0", "voce key NAME", "access.keys_file", "VOCE_API_KEYS", "access.required = \"never\""]
    {
        assert!(error.contains(words), "{error}");
    }
    config.access.required = Required::Always;
    let error = Access::with(&config, [127, 0, 0, 1].into(), None, None).err().unwrap().to_string();
    assert!(error.contains("access.required is \"always\""), "{error}");
    assert!(Access::with(&config, EVERYWHERE.into(), None, Some(SECRET)).is_ok(), "tokens from elsewhere");
    config.access.required = Required::Never;
    assert!(Access::with(&config, EVERYWHERE.into(), None, None).is_ok());
}
