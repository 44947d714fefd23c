//! A real Prometheus fetches from a real server whose language model becomes slow.
use std::time::Duration;

use tokio::time::{Instant, sleep};
use voce_mlflow::{Client, Credentials, Feedback, NewAssessment, Source};
use voce_testkit::{caller::Caller, mlflow::Mlflow};

use super::{
    dashboard::{Query, queries},
    prometheus::Prometheus,
    slow_model::SlowModel,
};
use crate::{
    harness::{EMBEDDED, Place, microphone, repository},
    serving::Server,
};

const PATIENCE: Duration = Duration::from_secs(60);
const SLOW: &str = "VoceVoiceToVoiceSlow";
/// Scores come from MLflow, so a test without one has none.
const SCORES: &str = "voce_judge_score";

/// Asks once and returns the trace of the turn when the answer was heard.
async fn ask(caller: &Caller, question: &[f32]) -> String {
    let asked = caller.say(question).await.unwrap();
    let is_report = |message: &voce_testkit::caller::Received| {
        message.at > asked.began && message.kind() == "server-message" && message.data()["type"] == "turn"
    };
    let message = caller.wait_for_match("the turn's report", PATIENCE, is_report).await.unwrap();
    message.data()["report"]["trace_id"].as_str().expect("a traced turn").to_owned()
}

/// Asks, and speaks into the answer.
async fn interrupt(caller: &Caller, question: &[f32], interruption: &[f32]) {
    let asked = caller.say(question).await.unwrap();
    caller.wait_for_after("bot-started-speaking", asked.began, PATIENCE).await.unwrap();
    sleep(Duration::from_millis(500)).await;
    ask(caller, interruption).await;
}

/// As a judge or a person does it in MLflow. A trace that is not there yet is asked for again.
async fn judge(mlflow: &Mlflow, trace: &str, score: f64) {
    mlflow.wait_for_trace(trace, Duration::from_secs(30)).await;
    let client = Client::new(mlflow.url(), Credentials::none()).unwrap();
    let new = NewAssessment {
        trace_id: trace,
        name: "faithfulness",
        source: Source::Judge("test".into()),
        feedback: Feedback::Value(score.into()),
        rationale: "",
        version: "",
        metadata: serde_json::Map::new(),
        span_id: None,
    };
    client.assess(&new).await.unwrap();
}

async fn firing(prometheus: &Prometheus, within: Duration) -> bool {
    let until = Instant::now() + within;
    while Instant::now() < until {
        if prometheus.alert(SLOW).await.as_deref() == Some("firing") {
            return true;
        }
        sleep(Duration::from_secs(1)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_model_fires_the_alert_and_every_panel_has_data() {
    if voce_testkit::models(EMBEDDED).is_none() || super::prometheus::program("prometheus").is_none() {
        return;
    }
    let place = Place::with_demo_knowledge();
    let model = SlowModel::start().await;
    let mlflow = Mlflow::from_environment();
    let url = mlflow.as_ref().map_or("http://127.0.0.1:9", Mlflow::url);
    let experiment = format!("voce-observability-{}", std::process::id());
    let sink = format!("telemetry.sinks=[{{url=\"{url}\", experiment=\"{experiment}\"}}]");
    let address = format!("llm.base_url={}", model.url);
    let mut settings = vec![];
    for setting in [
        "telemetry.enabled=true",
        &sink,
        "llm.engine=openai",
        "llm.model=test-model",
        &address,
        "telemetry.prices=[{model=\"test-model\", input=1.0, output=4.0}]",
    ] {
        settings.extend(["--set", setting]);
    }
    let state = place.dir.path().join("state");
    let server = Server::start_in(&place, &[("XDG_STATE_HOME", state.to_str().unwrap())], &settings);
    let rules = repository().join("deploy/observability");
    let Some(prometheus) = Prometheus::start(place.dir.path(), &rules, &server.url).await else { return };
    let (question, interruption) = (microphone("warranty_af_heart.wav"), microphone("filter_bf_emma.wav"));
    let caller = Caller::connect(&server.url).await.unwrap();
    interrupt(&caller, &question, &interruption).await;
    let first = ask(&caller, &question).await;
    if let Some(mlflow) = &mlflow {
        judge(mlflow, &first, 4.0).await;
    }
    interrupt(&caller, &question, &interruption).await;
    assert_eq!(prometheus.alert(SLOW).await, None, "the model is quick so far");
    model.wait(Duration::from_secs(5));
    let began = Instant::now();
    let mut last = String::new();
    // Of all turns that Prometheus looks back to, more than one in twenty has to be slow.
    for _ in 0..3 {
        last = ask(&caller, &question).await;
    }
    if let Some(mlflow) = &mlflow {
        judge(mlflow, &last, 3.0).await;
    }
    assert!(firing(&prometheus, Duration::from_secs(30)).await, "{:?}", prometheus.alert(SLOW).await);
    println!("{SLOW} fires {:.0} s after the model became slow", began.elapsed().as_secs_f64());
    caller.hang_up().await;
    every_panel_has_data(&prometheus, mlflow.is_some()).await;
}

async fn every_panel_has_data(prometheus: &Prometheus, has_scores: bool) {
    let mut missing = vec![];
    let queries: Vec<Query> =
        queries().into_iter().filter(|query| has_scores || !query.expression.contains(SCORES)).collect();
    for query in &queries {
        let mut has_numbers = false;
        // A score comes by the way of MLflow.
        for _ in 0..15 {
            has_numbers = prometheus.has_numbers(&query.expression, 240).await;
            if has_numbers {
                break;
            }
            sleep(Duration::from_secs(1)).await;
        }
        if !has_numbers {
            missing.push(format!("{}: {}", query.panel, query.expression));
        }
    }
    println!("{} of {} queries have data", queries.len() - missing.len(), queries.len());
    assert!(missing.is_empty(), "without data:\n{}", missing.join("\n"));
}
