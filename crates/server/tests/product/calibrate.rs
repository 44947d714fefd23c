//! `voce judge calibrate` with the supplied set and a judge over real HTTP.
use std::{collections::BTreeMap, fs, path::PathBuf, process::Output};

use serde_json::{Value, json};
use voce_testkit::judge_server::{Answer, Asked, JudgeServer};

use crate::{
    harness::{Place, repository, said},
    report::Simulated,
};

fn supplied() -> Vec<Value> {
    let text = fs::read_to_string(repository().join("config/judges/calibration.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A judge that agrees with people for the most part: it knows their score of the turn that it reads in the prompt, and
/// misses it by one in every fourth case.
async fn judge() -> JudgeServer {
    let scores: BTreeMap<(String, String), Value> = supplied()
        .into_iter()
        .map(|line| {
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            ((text("question"), text("answer")), line["scores"].clone())
        })
        .collect();
    JudgeServer::start(move |asked: &Asked| {
        let turn = asked.turn();
        let text = |name: &str| turn[name].as_str().unwrap().to_owned();
        let people = &scores[&(text("question"), text("answer"))];
        let chance: usize = text("answer").bytes().map(usize::from).sum();
        Answer::scores(asked, |metric| {
            let score = people[metric].as_i64().expect("only what people scored is asked for");
            let misses = (chance + metric.len()).is_multiple_of(4);
            let score = if !misses {
                score
            } else if score == 5 {
                4
            } else {
                score + 1
            };
            (score, format!("By the rule of the test, {metric} is {score}."))
        })
    })
    .await
}

fn calibrate(place: &Place, server: &str, lines: &[Value], more: &[&str]) -> Output {
    let file: PathBuf = place.dir.path().join("rated.jsonl");
    fs::write(&file, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let server = format!("judge.base_url={server}");
    let mut all = vec!["judge", "calibrate", file.to_str().unwrap(), "--set", &server];
    all.extend(["--set", "judge.model=test-model", "--set", "judge.at_once=8"]);
    all.extend(more);
    place.voce(&all)
}

/// The same scores of each metric, given to other turns.
fn shuffled(lines: &[Value]) -> Vec<Value> {
    let mut lines = lines.to_vec();
    let mut state = 11_u64;
    for metric in ["answer_relevancy", "retrieval_relevancy", "faithfulness", "tone", "coherence"] {
        let scored: Vec<usize> =
            (0..lines.len()).filter(|at| lines[*at]["scores"][metric].is_number()).collect();
        for last in (1..scored.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let other = (state >> 33) as usize % (last + 1);
            let (one, two) = (
                lines[scored[last]]["scores"][metric].clone(),
                lines[scored[other]]["scores"][metric].clone(),
            );
            lines[scored[last]]["scores"][metric] = two;
            lines[scored[other]]["scores"][metric] = one;
        }
    }
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn a_judge_that_agrees_passes_and_shuffled_scores_do_not() {
    let (server, place, lines) = (judge().await, Place::new(), supplied());
    let output = calibrate(&place, &server.url(), &lines, &["--threshold", "0.6"]);
    let text = said(&output);
    assert!(output.status.success(), "{text}");
    for word in ["test-model against people", "kappa", "weighted", "people down, judge across", "reach 0.6"] {
        assert!(text.contains(word), "{word:?} in {text}");
    }
    assert_eq!(server.asked().len(), lines.len(), "one request a turn");

    let shuffled = shuffled(&lines);
    let output = calibrate(&place, &server.url(), &shuffled, &["--threshold", "0.6", "--json"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report in JSON");
    let failed: Vec<&str> =
        report["failed"].as_array().unwrap().iter().map(|one| one["metric"].as_str().unwrap()).collect();
    let all = ["answer_relevancy", "coherence", "faithfulness", "retrieval_relevancy", "tone"];
    assert_eq!(failed, all, "{report}");
    assert_eq!(report["metrics"][0]["count"], lines.len());
    assert!(!report["metrics"][0]["worst"][0]["reason"].as_str().unwrap().is_empty());
    let output = calibrate(&place, &server.url(), &shuffled, &[]);
    assert!(output.status.success(), "without a threshold it only tells: {}", said(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_compared_is_refused_with_the_reason() {
    let (server, place, mut lines) = (judge().await, Place::new(), supplied());
    lines.truncate(3);
    lines[1]["scores"]["tone"] = json!(9);
    let output = calibrate(&place, &server.url(), &lines, &[]);
    let text = said(&output);
    assert!(!output.status.success() && text.contains("line 2: the score of tone is 9"), "{text}");
    lines[1]["scores"]["tone"] = json!(4);
    let output = calibrate(&place, "", &lines, &[]);
    let text = said(&output);
    assert!(!output.status.success() && text.contains("judge.base_url is empty"), "{text}");
    // Port 9 is for discarding what comes, and nobody listens.
    let output = calibrate(&place, "http://127.0.0.1:9/v1", &lines, &["--set", "judge.attempts=1"]);
    let text = said(&output);
    assert!(!output.status.success() && text.contains("never answered: the judge's server"), "{text}");
    assert!(server.asked().is_empty());
    // A server that fails on the first lines is not asked about all of them.
    let failing = JudgeServer::start(|_| Answer::Status(500, "out of memory".into(), None)).await;
    let output = calibrate(&place, &failing.url(), &supplied(), &["--set", "judge.attempts=1"]);
    let text = said(&output);
    assert!(!output.status.success() && text.contains("never answered"), "{text}");
    assert!(failing.asked().len() < supplied().len() / 2, "{} requests", failing.asked().len());
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_gave_one_score_only_fail_the_threshold_with_that_reason() {
    let (server, place) = (judge().await, Place::new());
    let lines: Vec<Value> = supplied()
        .into_iter()
        .filter(|line| line["scores"]["coherence"] == 5)
        .map(|mut line| {
            line["scores"] = json!({"coherence": 5});
            line
        })
        .collect();
    let output = calibrate(&place, &server.url(), &lines, &["--threshold", "0.4"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("coherence: weighted kappa 0.00 is below the threshold 0.4"), "{text}");
    assert!(text.contains("people gave one score only"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn scores_that_stand_in_mlflow_are_compared_without_asking_a_model() {
    let Some(mut turns) = Simulated::new("calibrate").await else { return };
    turns.make(&["--count", "6", "--seed", "3"]);
    turns.traces().await;
    let pairs: [(i64, i64); 6] = [(1, 1), (2, 3), (4, 4), (5, 5), (5, 1), (3, 3)];
    let ids: Vec<Value> = turns.made.iter().map(|turn| turn["trace_id"].clone()).collect();
    for (trace, (human, judge)) in ids.iter().zip(pairs) {
        turns.score(trace, "faithfulness", "HUMAN", json!(human)).await;
        turns.score(trace, "faithfulness", "LLM_JUDGE", json!(judge)).await;
        turns.score(trace, "tone", "LLM_JUDGE", json!(judge)).await;
    }
    // Not a score of this metric.
    turns.score(&ids[0], "tone", "HUMAN", json!(true)).await;
    turns.score(&ids[1], "tone", "HUMAN", json!(17)).await;
    let sink =
        format!("telemetry.sinks=[{{url=\"{}\", experiment=\"{}\"}}]", turns.mlflow.url(), turns.experiment);
    let output = turns.place.voce(&["judge", "calibrate", "--from-mlflow", "--json", "--set", &sink]);
    assert!(output.status.success(), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report in JSON");
    let metrics = report["metrics"].as_array().unwrap();
    let faithfulness = metrics.iter().find(|one| one["metric"] == "faithfulness").unwrap();
    assert_eq!((&faithfulness["count"], &faithfulness["confusion"][4]), (&json!(6), &json!([1, 0, 0, 0, 1])));
    assert_eq!((&report["requests"], &report["turns"]), (&json!(0), &json!(6)));
    // The disagreement that there is, 1 + 16, by that of every person's score with every judge's.
    let kappa = faithfulness["weighted_kappa"]["is"].as_f64().unwrap();
    let all: i64 = pairs
        .iter()
        .flat_map(|(human, _)| pairs.iter().map(move |(_, judge)| i64::pow(human - judge, 2)))
        .sum();
    assert!((kappa - (1.0 - 17.0 * 6.0 / all as f64)).abs() < 1e-9, "{kappa}");
    assert!(metrics.iter().all(|one| one["metric"] != "tone"), "neither a thumb nor 17 is a score: {report}");
}
