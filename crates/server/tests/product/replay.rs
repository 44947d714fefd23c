//! A call that stands in MLflow is held again: with its own sound, with its words alone, here and by a server.
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};
use voce_telemetry::{Side, artifact_path};
use voce_testkit::{
    caller::{Caller, Received},
    mlflow::Mlflow,
};

use crate::{
    harness::{EMBEDDED, Place, microphone, said},
    serving::Server,
};

const PATIENCE: Duration = Duration::from_secs(30);
/// After the first sound of an answer, when the caller speaks into it.
const INTO_ANSWER: Duration = Duration::from_millis(800);

/// Asks about the warranty and, into the answer, about the filter. Returns the trace of each turn.
async fn call(url: &str) -> [String; 2] {
    let caller = Caller::connect(url).await.unwrap();
    let asked = caller.say(&microphone("warranty_af_heart.wav")).await.unwrap();
    let answers = caller.wait_for_after("bot-started-speaking", asked.began, PATIENCE).await.unwrap();
    sleep(INTO_ANSWER).await;
    caller.say(&microphone("filter_bf_emma.wav")).await.unwrap();
    let report = async |turn: u64, since: Instant| {
        let is_report = |message: &Received| {
            message.at > since && message.data()["type"] == "turn" && message.data()["report"]["turn"] == turn
        };
        let message = caller.wait_for_match("a report", PATIENCE, is_report).await.unwrap();
        message.data()["report"].clone()
    };
    let first = report(1, answers.at).await;
    assert_eq!(first["end_reason"], "interrupted", "{first:#}");
    let second = report(2, answers.at).await;
    caller.hang_up().await;
    [first, second].map(|report| report["trace_id"].as_str().unwrap().to_owned())
}

/// Waits until trace and recording of a turn are there.
async fn arrived(mlflow: &Mlflow, experiment: &str, trace_id: &str) {
    mlflow.wait_for_trace(trace_id, PATIENCE).await;
    let path = artifact_path(trace_id, Side::Caller);
    let experiment = mlflow.experiment_id(experiment).await.expect("the first trace made it");
    let url = format!("{}/api/2.0/mlflow-artifacts/artifacts/{experiment}/{path}", mlflow.url());
    let began = Instant::now();
    while !reqwest::get(&url).await.unwrap().status().is_success() {
        assert!(began.elapsed() < PATIENCE, "no recording of {trace_id}");
        sleep(Duration::from_millis(200)).await;
    }
}

fn replayed(place: &Place, arguments: &[&str]) -> Value {
    let mut all = vec!["replay", "--json"];
    all.extend(arguments);
    let output = place.voce(&all);
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("a comparison in JSON: {}", said(&output)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_held_again_and_compared() {
    let Some(mlflow) = Mlflow::from_environment() else { return };
    if voce_testkit::models(EMBEDDED).is_none() {
        return;
    }
    let (serves, replays) = (Place::with_demo_knowledge(), Place::new());
    let copy = [serves.dir.path(), replays.dir.path()].map(|dir| dir.join("knowledge"));
    let copied = std::process::Command::new("cp").arg("-r").args(copy).status().unwrap();
    assert!(copied.success());
    let number = std::process::id();
    let recorded = format!("voce-test-replay-{number}");
    let sink = format!("telemetry.sinks=[{{url=\"{}\", experiment=\"{recorded}\"}}]", mlflow.url());
    let traced = ["--set", "telemetry.enabled=true", "--set", &sink];
    let server = Server::start(&serves, &[&traced[..], &["--set", "telemetry.audio.enabled=true"]].concat());
    let [original, second] = call(&server.url).await;
    arrived(&mlflow, &recorded, &original).await;
    arrived(&mlflow, &recorded, &second).await;

    // Another voice, and a knowledge base that finds nothing.
    let experiment = format!("voce-test-replays-{number}");
    let set = ["--set", "tts.voice=bf_emma", "--set", "knowledge.min_score=0.99"];
    let arguments = [&traced[..], &set, &["--experiment", &experiment, &original]].concat();
    let report = replayed(&replays, &arguments);
    let turns = report["turns"].as_array().unwrap();
    assert_eq!(turns.len(), 2, "{report:#}");
    assert_eq!(turns[0]["then"]["trace_id"], *original);
    for (turn, word) in turns.iter().zip(["warranty", "filter"]) {
        assert_eq!((&turn["sound"], &turn["turns"]), (&"recorded".into(), &1.into()), "{turn:#}");
        let question = turn["now"]["question"].as_str().unwrap().to_lowercase();
        assert!(question.contains(word), "{turn:#}");
        assert_eq!(turn["compared"]["question"]["count"], 0, "{turn:#}");
        assert_eq!(turn["compared"]["answer"], "changed", "{turn:#}");
        let passages = &turn["compared"]["passages"];
        assert!(!passages["lost"].as_array().unwrap().is_empty(), "{turn:#}");
        assert!(turn["then"]["seconds"]["voice_to_voice"].as_f64().unwrap() > 0.0, "{turn:#}");
        assert!(turn["now"]["seconds"]["voice_to_voice"].as_f64().unwrap() > 0.0, "{turn:#}");
    }
    assert_eq!((&turns[0]["interrupts"], &turns[1]["interrupts"]), (&false.into(), &true.into()));
    assert_eq!(turns[0]["now"]["end_reason"], "interrupted", "it is spoken into again: {report:#}");
    assert_eq!(report["summary"]["answered"], 2);

    // The new traces stand in an experiment of their own, under the other voice, and say what they repeat.
    let again = turns[1]["now"]["trace_id"].as_str().unwrap();
    let trace = mlflow.wait_for_trace(again, PATIENCE).await;
    let voice = trace.span("tts").attribute("gen_ai.request.model").to_string();
    assert!(voice.contains("bf_emma"), "{voice}");
    assert_eq!(
        trace.tags["voce_replay_of"],
        format!("tr-{}", turns[1]["then"]["trace_id"].as_str().unwrap())
    );
    let in_experiment = mlflow.experiment_id(&experiment).await.expect("it was made");
    assert!(mlflow.search(&in_experiment, "").await.contains(&trace.id));

    // They have no recording: the words are spoken, this time to a server, which knows its documents.
    let arguments = [&traced[..], &["--url", &server.url, "--turn", &trace.id]].concat();
    let report = replayed(&replays, &arguments);
    let turn = &report["turns"][0];
    assert_eq!((&turn["sound"], report["turns"].as_array().unwrap().len()), (&"am_michael".into(), 1));
    assert!(turn["now"]["question"].as_str().unwrap().to_lowercase().contains("filter"), "{turn:#}");
    assert!(!turn["compared"]["passages"]["new"].as_array().unwrap().is_empty(), "{turn:#}");
    assert_eq!(turn["compared"]["answer"], "changed");

    let unknown = "0".repeat(32);
    let output = replays.voce(&["--set", &sink, "replay", &unknown]);
    let text = said(&output);
    assert!(!output.status.success() && text.contains(&unknown) && text.contains("not in MLflow"), "{text}");
}
