//! The client with a real MLflow server (`VOCE_TEST_MLFLOW_URL`).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, json};
use uuid::Uuid;
use voce_mlflow::{
    Client, Credentials, Feedback, MlflowError, NewAssessment, Order, PercentilesQuery, Search, Source,
    Status, Written,
};
use voce_testkit::mlflow::Mlflow;

/// A server with an experiment of the test's own.
struct Place {
    client: Client,
    url: String,
    experiment: String,
    http: reqwest::Client,
}

impl Place {
    async fn new(name: &str) -> Option<Self> {
        let mlflow = Mlflow::from_environment()?;
        mlflow.wait_ready(Duration::from_secs(60)).await;
        let url = mlflow.url().to_owned();
        let (client, http) = (Client::new(&url, Credentials::none()).unwrap(), reqwest::Client::new());
        let name = format!("{name}-{}", Uuid::new_v4());
        let body = json!({ "name": name });
        let made = http.post(format!("{url}/api/2.0/mlflow/experiments/create")).json(&body).send().await;
        assert!(made.unwrap().status().is_success());
        let experiment = client.experiment(&name).await.unwrap();
        Some(Self { client, url, experiment, http })
    }

    /// Sends a trace of two spans, `root` and a failed `part`, and returns its id (32 hex digits).
    async fn trace(&self, seconds: f64) -> String {
        let id = Uuid::new_v4().simple().to_string();
        let end = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap();
        let start = end - (seconds * 1e9) as u64;
        let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
        let root_span = json!({
            "traceId": id, "spanId": "0123456789abcdef", "name": "root", "kind": 1,
            "startTimeUnixNano": start.to_string(), "endTimeUnixNano": end.to_string(), "status": {"code": 1},
            "attributes": [
                text("session.id", "call-1"), text("mlflow.traceTag.mlflow.traceName", "voice-turn"),
                text("mlflow.spanInputs", "{\"messages\": [1, 2.5]}"), text("word", "42"),
                {"key": "whole", "value": {"intValue": "7"}}, {"key": "half", "value": {"doubleValue": 0.5}},
                {"key": "yes", "value": {"boolValue": true}},
            ],
        });
        let part = json!({
            "traceId": id, "spanId": "fedcba9876543210", "parentSpanId": "0123456789abcdef", "name": "part",
            "kind": 1, "startTimeUnixNano": (start + 1_000).to_string(), "endTimeUnixNano": end.to_string(),
            "status": {"code": 2, "message": "broke"},
            "events": [{"name": "exception", "timeUnixNano": end.to_string(), "attributes": [text("exception.message", "broke")]}],
            "attributes": [
                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "30"}},
                {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "12"}},
            ],
        });
        let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [root_span, part]}]}]});
        let request = self.http.post(format!("{}/v1/traces", self.url)).json(&body);
        let answer = request.header("x-mlflow-experiment-id", &self.experiment).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        id
    }
}

#[tokio::test]
async fn traces_are_found_and_read_as_they_were_sent() {
    let Some(place) = Place::new("read").await else { return };
    let first = place.trace(2.0).await;
    let second = place.trace(1.0).await;
    let filter = "trace.name = 'voice-turn'";
    let search = |order, limit| Search { experiment_id: &place.experiment, filter, order, limit };
    let found = place.client.search(&search(Order::Slowest, 10)).await.unwrap();
    let ids: Vec<&str> = found.iter().map(|trace| trace.id.as_str()).collect();
    assert_eq!(ids, [format!("tr-{first}"), format!("tr-{second}")]);
    assert_eq!(found[0].session(), Some("call-1"));
    assert_eq!(found[0].tokens(), Some((30, 12)));
    assert_eq!(found[0].seconds, Some(2.0));
    assert_eq!(place.client.search(&search(Order::Newest, 1)).await.unwrap().len(), 1);
    let page = place.client.search_page(&search(Order::Newest, 1), None).await.unwrap();
    let next = place.client.search_page(&search(Order::Newest, 1), page.next.as_deref()).await.unwrap();
    assert_ne!(page.traces[0].id, next.traces[0].id);

    let unknown = "0".repeat(32);
    let read = place.client.traces(&[&second, &unknown, &first]).await.unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].info.id, format!("tr-{second}"));
    let root = read[1].root().unwrap();
    assert_eq!((root.id.as_str(), root.status), ("0123456789abcdef", Status::Ok));
    assert_eq!(root.seconds(), 2.0);
    assert_eq!(root.start_ns / 1_000_000, read[1].info.started_ms);
    assert_eq!(
        (root.figure("whole"), root.figure("half"), root.flag("yes")),
        (Some(7.0), Some(0.5), Some(true))
    );
    assert_eq!(root.attributes["mlflow.spanInputs"], json!({"messages": [1, 2.5]}));
    assert_eq!(root.word("word"), Some("42"));
    let part = read[1].named("part").next().unwrap();
    assert_eq!((part.parent.as_deref(), part.status), (Some(root.id.as_str()), Status::Error));
    assert_eq!((part.message.as_str(), part.events[0].name.as_str()), ("broke", "exception"));
    assert_eq!(part.events[0].attributes["exception.message"], "broke");
    assert!(place.client.trace(&unknown).await.unwrap().is_none());
    assert_eq!(place.client.trace(&first).await.unwrap().unwrap().spans.len(), 2);
    let infos = place.client.infos(&[&second, &unknown, &first]).await.unwrap();
    assert_eq!(infos.iter().map(|info| info.id.as_str()).collect::<Vec<_>>(), [ids[1], ids[0]]);
}

#[tokio::test]
async fn a_score_is_written_once_and_read_back() {
    let Some(place) = Place::new("scores").await else { return };
    let id = place.trace(1.0).await;
    let score = NewAssessment {
        trace_id: &id,
        span_id: None,
        name: "faithfulness",
        source: Source::Judge("qwen".into()),
        feedback: Feedback::Value(json!(4)),
        rationale: "It says what the manual says.",
        version: "1",
        metadata: Map::from_iter([("judge.prompt_version".to_owned(), json!(1))]),
    };
    let Written::New(first) = place.client.assess(&score).await.unwrap() else { panic!("it is new") };
    assert_eq!(place.client.assess(&score).await.unwrap(), Written::Before(first.clone()));
    let error = Feedback::Error { code: "JUDGE_TIMEOUT".into(), message: "too slow".into() };
    let failed = NewAssessment { name: "relevance", feedback: error.clone(), ..score.clone() };
    assert!(matches!(place.client.assess(&failed).await, Ok(Written::New(_))));
    let read = place.client.assessments(&id).await.unwrap().unwrap();
    assert_eq!(read.len(), 2);
    let written = read.iter().find(|one| one.name == "faithfulness").unwrap();
    assert_eq!((written.id.as_str(), written.score(), written.valid), (first.as_str(), Some(4.0), true));
    assert_eq!(written.source, score.source);
    assert_eq!(written.rationale, score.rationale);
    assert_eq!(written.metadata["judge.prompt_version"], "1");
    assert!(written.created_ms > 1_700_000_000_000);
    let other = read.iter().find(|one| one.name == "relevance").unwrap();
    assert_eq!((other.score(), &other.feedback), (None, &error));
    let info = &place.client.infos(&[&id]).await.unwrap()[0];
    assert_eq!(info.assessments.len(), 2);
    let better = NewAssessment { version: "2", feedback: Feedback::Value(json!(5)), ..score.clone() };
    let Written::New(second) = place.client.assess_over(&better, Some(&first)).await.unwrap() else {
        panic!()
    };
    let notes = Map::from_iter([("tries".to_owned(), json!(2))]);
    place.client.annotate(&id, &second, &notes).await.unwrap();
    let expected =
        NewAssessment { name: "words", feedback: Feedback::Expectation(json!("yes")), ..score.clone() };
    assert!(matches!(place.client.assess(&expected).await, Ok(Written::New(_))));
    place.client.delete_assessment(&id, &failed.id()).await.unwrap();
    place.client.delete_assessment(&id, &failed.id()).await.unwrap();
    let read = place.client.assessments(&id).await.unwrap().unwrap();
    let of = |id: &str| read.iter().find(|one| one.id == id).unwrap();
    assert_eq!((of(&first).valid, of(&second).valid, of(&second).score()), (false, true, Some(5.0)));
    let notes = &of(&second).metadata;
    assert_eq!((&notes["tries"], &notes["judge.prompt_version"]), (&json!("2"), &json!("1")));
    assert_eq!((&of(&expected.id()).feedback, of(&expected.id()).score()), (&expected.feedback, None));
    assert_eq!(read.len(), 3);
    let unknown = "0".repeat(32);
    assert!(place.client.assessments(&unknown).await.unwrap().is_none());
    let early = NewAssessment { trace_id: &unknown, ..score };
    assert!(matches!(place.client.assess(&early).await, Err(MlflowError::NotFound { .. })));
}

#[tokio::test]
async fn who_changes_their_mind_replaces_what_they_said() {
    let Some(place) = Place::new("opinions").await else { return };
    let id = place.trace(1.0).await;
    let good = NewAssessment {
        trace_id: &id,
        span_id: None,
        name: "user_feedback",
        source: Source::Human("ann".into()),
        feedback: Feedback::Value(json!(true)),
        rationale: "It was short.",
        version: "1",
        metadata: Map::new(),
    };
    let first = place.client.assess_again(&good).await.unwrap();
    for (feedback, rationale) in [(false, "It was wrong."), (true, "")] {
        let feedback = Feedback::Value(json!(feedback));
        let changed = NewAssessment { feedback: feedback.clone(), rationale, ..good.clone() };
        assert_eq!(place.client.assess_again(&changed).await.unwrap(), first);
        let read = place.client.assessments(&id).await.unwrap().unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!((&read[0].feedback, read[0].rationale.as_str()), (&feedback, rationale));
        assert_eq!((&read[0].source, read[0].valid), (&good.source, true));
    }
}

#[tokio::test]
async fn marks_percentiles_and_attachments_do_what_they_say() {
    let Some(place) = Place::new("marks").await else { return };
    let mut ids = vec![];
    for seconds in [1.0, 2.0, 3.0, 4.0] {
        ids.push(place.trace(seconds).await);
    }
    place.client.set_tag(&ids[0], "judged", "v1").await.unwrap();
    let search = Search {
        experiment_id: &place.experiment,
        filter: "tag.judged = 'v1'",
        order: Order::Oldest,
        limit: 5,
    };
    assert_eq!(place.client.search(&search).await.unwrap().len(), 1);
    for _ in 0..2 {
        place.client.delete_tag(&ids[0], "judged").await.unwrap();
    }
    assert_eq!(place.client.search(&search).await.unwrap().len(), 0);
    let query = PercentilesQuery {
        experiment_id: &place.experiment,
        percentiles: &[50.0, 95.0, 99.9],
        span_name: Some("root"),
        from_ms: None,
        until_ms: None,
    };
    let percentiles = place.client.percentiles(&query).await.unwrap();
    let row: Vec<f64> = percentiles["root"].iter().map(|value| value.unwrap()).collect();
    for (value, expected) in row.iter().zip([2_500.0, 3_850.0, 3_997.0]) {
        assert!((value - expected).abs() < 1.5, "{row:?}");
    }
    let bad = Search { filter: "nonsense ~ 3", ..search };
    let error = place.client.search(&bad).await.unwrap_err().to_string();
    assert!(error.contains("nonsense") && error.contains("400"), "{error}");

    let path = format!("{}/traces/tr-{}/artifacts/attachments/sound", place.experiment, ids[0]);
    let address = format!("{}/api/2.0/mlflow-artifacts/artifacts/{path}", place.url);
    assert!(place.http.put(&address).body("RIFF").send().await.unwrap().status().is_success());
    assert!(place.http.get(&address).send().await.unwrap().status().is_success());
    for _ in 0..2 {
        place.client.delete_attachment(&place.experiment, &ids[0], "sound").await.unwrap();
        assert!(!place.http.get(&address).send().await.unwrap().status().is_success());
    }
}
