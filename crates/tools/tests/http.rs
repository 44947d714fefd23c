//! Tools over HTTP against servers of this machine.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, Query},
    http::{HeaderMap, StatusCode},
    response::Redirect,
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Handle, task::JoinSet};
use voce_core::{ToolCall, Tools};
use voce_tools::{Config, Toolbox};

/// A server at a free port; it ends with the set of tasks.
async fn server(router: Router) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, serving)
}

fn toolbox(config: &str) -> Arc<Toolbox> {
    let config: Config = toml::from_str(config).unwrap();
    Toolbox::start(&config, &Handle::current()).unwrap()
}

async fn call(tools: &Toolbox, name: &str, arguments: Value) -> Result<String, String> {
    let call = ToolCall { id: "1".into(), name: name.into(), arguments: arguments.to_string() };
    tools.call(call).await.map_err(|error| error.to_string())
}

#[tokio::test]
async fn the_shipped_example_works_with_a_server_like_open_meteo() {
    let search = |Query(query): Query<HashMap<String, String>>| async move {
        assert_eq!(query["count"], "2");
        match query["name"].as_str() {
            "Lisbon & Co" => {
                Json(json!({"results": [{"name": "Lisbon", "latitude": 38.7, "longitude": -9.1}]}))
            }
            _ => Json(json!({"generationtime_ms": 0.1})),
        }
    };
    let forecast = |Query(query): Query<HashMap<String, String>>| async move {
        assert_eq!((query["latitude"].as_str(), query["longitude"].as_str()), ("38.7", "-9.1"));
        Json(json!({"current": {"temperature_2m": 19.5}}))
    };
    let router = Router::new().route("/v1/search", get(search)).route("/v1/forecast", get(forecast));
    let (address, _serving) = server(router).await;
    let shipped = include_str!("../../../config/examples/weather.toml")
        .replace("https://geocoding-api.open-meteo.com", &address)
        .replace("https://api.open-meteo.com", &address);
    let whole: toml::Table = toml::from_str(&shipped).unwrap();
    let tools = toolbox(&whole["tools"].to_string_as_document());
    let names: Vec<String> = tools.definitions().iter().map(|one| one.name.clone()).collect();
    assert_eq!(names, ["find_place", "weather"]);
    assert!(tools.definitions().iter().all(|one| !one.policy.has_effects && !one.policy.filler.is_empty()));
    let place = call(&tools, "find_place", json!({"place": "Lisbon & Co"})).await.unwrap();
    assert!(place.contains("38.7"), "{place}");
    let weather = call(&tools, "weather", json!({"latitude": 38.7, "longitude": -9.1})).await.unwrap();
    assert!(weather.contains("19.5"), "{weather}");
    let nowhere = call(&tools, "find_place", json!({"place": "Xyz"})).await.unwrap_err();
    assert!(nowhere.contains("nothing at /results"), "{nowhere}");
    let wrong = call(&tools, "weather", json!({"latitude": "north"})).await.unwrap_err();
    assert!(wrong.contains("longitude is missing"), "{wrong}");
    let unknown = call(&tools, "forecast", json!({})).await.unwrap_err();
    assert!(unknown.contains("find_place, weather"), "{unknown}");
}

/// A table as a document of its own.
trait AsDocument {
    fn to_string_as_document(&self) -> String;
}

impl AsDocument for toml::Value {
    fn to_string_as_document(&self) -> String {
        toml::to_string(self).unwrap()
    }
}

#[tokio::test]
async fn bodies_headers_and_paths_are_filled_in() {
    let order = |Path(number): Path<String>, headers: HeaderMap, Json(body): Json<Value>| async move {
        Json(json!({"path": number, "path_variable": headers["x-path"].to_str().unwrap(), "body": body}))
    };
    let (address, _serving) = server(Router::new().route("/orders/{number}", post(order))).await;
    let tools = toolbox(&format!(
        r#"
        [[http]]
        name = "order"
        description = "Orders."
        method = "POST"
        url = "{address}/orders/{{number}}"
        headers = {{ x-path = "is $PATH" }}
        body = {{ count = "{{count}}", note = "for {{number}}", gift = "{{gift}}" }}
        parameters = {{ type = "object", properties = {{ number = {{ type = "string" }}, count = {{}}, gift = {{}} }} }}
        "#
    ));
    assert!(tools.definitions()[0].policy.has_effects, "a POST has effects");
    let said = call(&tools, "order", json!({"number": "a/../b?c", "count": 2})).await.unwrap();
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["path"], "a/../b?c");
    assert_eq!(said["body"], json!({"count": 2, "note": "for a/../b?c"}));
    assert_eq!(said["path_variable"], format!("is {}", std::env::var("PATH").unwrap()));
}

#[tokio::test]
async fn it_goes_nowhere_else_and_reads_only_so_much() {
    let (elsewhere, _other) = server(Router::new().route("/", get(|| async { "secret" }))).await;
    let away = move || async move { Redirect::temporary(&elsewhere) };
    let router = Router::new()
        .route("/away", get(away))
        .route("/near", get(|| async { Redirect::temporary("/here") }))
        .route("/here", get(|| async { "here" }))
        .route("/long", get(|| async { "x".repeat(20_000) }))
        .route("/endless", get(|| async { "x".repeat(2_000_000) }))
        .route("/broken", get(|| async { (StatusCode::INTERNAL_SERVER_ERROR, "out of order") }))
        .route("/slow", get(|| async { tokio::time::sleep(Duration::from_secs(60)).await }));
    let (address, _serving) = server(router).await;
    let tools = ["away", "near", "long", "endless", "broken", "slow"].map(|name| {
        format!(
            "[[http]]\nname = \"{name}\"\ndescription = \"x\"\nurl = \"{address}/{name}\"\n[http.policy]\ntimeout_ms = 200\n"
        )
    });
    let tools = toolbox(&format!("result_bytes = 1000\n{}", tools.concat()));
    let said = |name: &'static str| call(&tools, name, json!({}));
    assert!(said("away").await.unwrap_err().contains("another server"));
    assert_eq!(said("near").await.as_deref(), Ok("here"));
    let long = said("long").await.unwrap();
    assert!(long.len() < 1_100 && long.ends_with("[cut here: 1000 of 20000 bytes]"), "{long}");
    assert!(said("endless").await.unwrap_err().contains("longer than"));
    let broken = said("broken").await.unwrap_err();
    assert!(broken.contains("500") && broken.contains("out of order"), "{broken}");
    assert!(said("slow").await.unwrap_err().contains("too long"));
}

#[tokio::test]
async fn what_is_wrong_in_the_configuration_is_named_by_its_place() {
    for (config, expected) in [
        ("[[http]]\nname = \"a\"\nurl = \"http://x\"", ["tools.http[0] (a)", "description"]),
        (
            "[[mcp]]\nname = \"shop\"\ncommand = \"x\"\nenv = [\"VOCE_NOT_THERE\"]",
            ["tools.mcp[0] (shop)", "VOCE_NOT_THERE"],
        ),
        ("[[mcp]]\nname = \"shop\"\nurl = \"ftp://x\"", ["tools.mcp[0]", "http://"]),
    ] {
        let config: Config = toml::from_str(config).unwrap();
        let error = Toolbox::start(&config, &Handle::current()).err().unwrap().to_string();
        assert!(expected.iter().all(|part| error.contains(part)), "{error}");
    }
    let error = toml::from_str::<Config>("[[http]]\nurll = \"x\"").unwrap_err().to_string();
    assert!(error.contains("urll"), "{error}");
}
