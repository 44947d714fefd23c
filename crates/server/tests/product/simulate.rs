//! Simulated callers against the embedded default: the shipped scenarios pass, and a wrong document is found out.
use std::{fs, time::Duration};

use serde_json::Value;
use voce_testkit::{
    judge_server::{Answer, Asked, JudgeServer},
    mlflow::Mlflow,
};

use crate::harness::{EMBEDDED, Place, repository, said};

fn scenario(name: &str) -> String {
    repository().join("config/scenarios").join(name).display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_scenarios_pass() {
    if voce_testkit::models(EMBEDDED).is_none() {
        return;
    }
    let place = Place::with_demo_knowledge();
    let files = ["happy-path.yaml", "interrupter.yaml", "out-of-scope.yaml"].map(scenario);
    let mut arguments = vec!["simulate", "--json", "--calls", "1", "--junit", "results.xml"];
    arguments.extend(files.iter().map(String::as_str));
    let mlflow = Mlflow::from_environment();
    let experiment = format!("voce-simulations-{}", std::process::id());
    let sink = mlflow.as_ref().map(|mlflow| format!("telemetry.sinks=[{{url=\"{}\"}}]", mlflow.url()));
    if let (Some(sink), Some(mlflow)) = (&sink, &mlflow) {
        mlflow.wait_ready(Duration::from_secs(60)).await;
        arguments.extend(["--experiment", &experiment, "--set", "telemetry.enabled=true", "--set", sink]);
    }
    let output = place.voce(&arguments);
    assert!(output.status.success(), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report in JSON");
    assert_eq!(report["passed"], true);
    let calls: Vec<&Value> =
        report["scenarios"].as_array().unwrap().iter().map(|scenario| &scenario["calls"][0]).collect();
    let exchanges: Vec<usize> =
        calls.iter().map(|call| call["exchanges"].as_array().unwrap().len()).collect();
    assert_eq!(exchanges, [2, 3, 2]);
    assert_eq!(calls[1]["exchanges"][0]["backchannel"], "uh-huh");
    let xml = fs::read_to_string(place.dir.path().join("results.xml")).unwrap();
    // A case for each call, and one for all calls of a scenario.
    assert!(xml.contains("tests=\"6\" skipped=\"0\" failures=\"0\""), "{xml}");
    let Some(mlflow) = mlflow else { return };
    let trace = calls[0]["turns"][0]["trace_id"].as_str().expect("a traced turn");
    let trace = mlflow.wait_for_trace(trace, Duration::from_secs(30)).await;
    let session = trace.metadata["mlflow.trace.session"].as_str().unwrap();
    assert!(session.starts_with("happy-path-1-"), "{session}");
    assert!(mlflow.experiment_id(&experiment).await.is_some(), "the traces have an experiment of their own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_document_fails_the_scenario_and_the_expectation_is_named() {
    if voce_testkit::models(EMBEDDED).is_none() {
        return;
    }
    // The judge finds the answer in the passages, and no answer to the question in it.
    let judge = JudgeServer::start(|asked: &Asked| {
        Answer::scores(asked, |metric| (if metric == "faithfulness" { 5 } else { 2 }, "It is so.".into()))
    })
    .await;
    let place = Place::new();
    let wrong = place.dir.path().join("wrong");
    fs::create_dir(&wrong).unwrap();
    let text = fs::read_to_string(repository().join("config/knowledge/warranty.md")).unwrap();
    assert!(text.contains("two years from"));
    fs::write(wrong.join("warranty.md"), text.replace("two years from", "five years from")).unwrap();
    let question = "What is the warranty period for the water pump?";
    let regression = format!(
        "name: regression\nknowledge: wrong\nturns:\n  - say: {question}\n    expect:\n      contains_any: [two year, 24 month]\n      scores: {{ faithfulness: 4, tone: 3 }}\n"
    );
    fs::write(place.dir.path().join("regression.yaml"), regression).unwrap();
    let address = format!("judge.base_url={}", judge.url());
    let arguments = ["simulate", "regression.yaml", "--junit", "results.xml", "--set", &address];
    let mut command = place.command(&[&arguments[..], &["--set", "judge.model=referee"]].concat());
    // The judge's server runs on this runtime.
    let output = tokio::task::spawn_blocking(move || command.output().expect("voce runs")).await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let table = String::from_utf8_lossy(&output.stdout);
    let message = format!(
        "turn 1 {question:?}: contains_any: expected \"two year\" or \"24 month\"; the assistant said "
    );
    assert!(table.contains(&message) && table.contains("five years"), "{}", said(&output));
    assert!(table.contains("1 of 1 calls not as expected"), "{table}");
    assert!(table.contains("the score is 2.00") && !table.contains("the score is 5.00"), "{table}");
    assert_eq!(judge.asked().len(), 1, "one request for both scores");
    assert!(judge.asked()[0].turn()["question"].as_str().unwrap().contains("warranty"));
    let xml = fs::read_to_string(place.dir.path().join("results.xml")).unwrap();
    assert!(xml.contains("contains_any: expected") && xml.contains("failures=\"1\""), "{xml}");
}
