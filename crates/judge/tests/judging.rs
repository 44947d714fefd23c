//! One turn, scored over real HTTP by a server that behaves, and by servers that do not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::{path::Path, sync::Arc, time::Duration};

use serde_json::{Map, Value, json};
use voce_judge::{Config, Judge, Judged, Metric, Metrics, Passage, TroubleKind, Turn};
use voce_testkit::judge_server::{Answer, Asked, JudgeServer};

const SECRET: &str = "my grandmother's tulips are blue";

fn turn() -> Turn {
    Turn {
        question: format!("how long is the warranty because {SECRET}"),
        answer: "The warranty is two years.".into(),
        passages: Some(vec![Passage { text: "The warranty is two years.".into(), ..Passage::default() }]),
        end_reason: "completed".into(),
        figures: [("voice_to_voice_seconds".to_owned(), 1.0)].into(),
        ..Turn::default()
    }
}

fn config(server: &JudgeServer) -> Config {
    Config { base_url: server.url(), model: "test-model".into(), timeout_seconds: 0.5, ..Config::default() }
}

fn metrics(names: &[&str]) -> Metrics {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    Metrics::load(Path::new("no such folder")).unwrap().only(&names).unwrap()
}

/// What comes of the turn with these metrics.
async fn judged(server: &JudgeServer, names: &[&str]) -> Judged {
    judged_with(config(server), names).await
}

async fn judged_with(config: Config, names: &[&str]) -> Judged {
    let judge = Judge::new(&config, metrics(names)).unwrap();
    let turn = turn();
    let applicable = judge.applicable(&turn);
    judge.judge(&turn, &applicable).await
}

fn five(asked: &Asked) -> Answer {
    Answer::scores(asked, |metric| (5, format!("{metric} is fine")))
}

/// The one sort of trouble that all metrics have.
fn only_trouble(judged: &Judged, kind: TroubleKind, word: &str) {
    assert!(judged.scores.is_empty() && !judged.troubles.is_empty(), "{judged:?}");
    for (_, trouble) in &judged.troubles {
        assert_eq!(trouble.kind, kind, "{trouble:?}");
        assert!(trouble.message.contains(word), "{word:?} in {trouble:?}");
        assert!(!trouble.message.contains("tulips"), "{trouble:?}");
    }
}

#[tokio::test]
async fn all_metrics_that_apply_are_scored_by_one_request() {
    let server = JudgeServer::start(five).await;
    let judge = Judge::new(&config(&server), Metrics::load(Path::new("no such folder")).unwrap()).unwrap();
    let turn = turn();
    let applicable = judge.applicable(&turn);
    let judged = judge.judge(&turn, &applicable).await;
    assert!(judged.troubles.is_empty(), "{judged:?}");
    let mut scored: Vec<&str> = judged.scores.iter().map(|score| score.metric.as_str()).collect();
    scored.sort_unstable();
    let mut expected: Vec<&str> = applicable.iter().map(|metric| metric.name.as_str()).collect();
    expected.sort_unstable();
    assert_eq!(scored, expected);
    assert!(scored.contains(&"latency_budget") && !scored.contains(&"interruption_handled"), "{scored:?}");
    let faithful = judged.scores.iter().find(|score| score.metric == "faithfulness").unwrap();
    assert_eq!((faithful.value, faithful.model.as_deref()), (5.0, Some("test-model")));
    assert_eq!(
        (judged.spent.requests, judged.spent.prompt_tokens, judged.spent.completion_tokens),
        (1, 100, 20)
    );
    let body = &server.asked()[0].body;
    assert_eq!((&body["temperature"], &body["max_tokens"]), (&json!(0), &json!(1_000)));
    assert_eq!(body["response_format"]["json_schema"]["strict"], true);
    assert_eq!(body["response_format"]["json_schema"]["schema"]["properties"].as_object().unwrap().len(), 7);
}

#[tokio::test]
async fn a_turn_without_retrieval_gets_no_score_of_it() {
    let judge = Judge::new(
        &Config { base_url: "http://127.0.0.1:1/v1".into(), model: "x".into(), ..Config::default() },
        metrics(&["faithfulness", "retrieval_relevancy", "tone"]),
    )
    .unwrap();
    let names = |passages: Option<Vec<Passage>>| -> Vec<String> {
        let turn = Turn { passages, ..turn() };
        judge.applicable(&turn).into_iter().map(|metric: &Metric| metric.name.clone()).collect()
    };
    assert_eq!(names(None), ["tone"]);
    // Where nothing was found, the answer can still be an invention.
    assert_eq!(names(Some(vec![])), ["faithfulness", "tone"]);
    let nobody = Judge::new(&Config::default(), metrics(&["tone", "latency_budget"])).unwrap();
    assert_eq!(nobody.applicable(&turn()).len(), 1, "without a model only what is computed is left");
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_is_asked_for_once_more_with_what_was_wrong() {
    let server = JudgeServer::start(|asked| match asked.number {
        0 => Answer::scores(asked, |metric| (if metric == "tone" { 7 } else { 4 }, "because".into())),
        _ => five(asked),
    })
    .await;
    let judged = judged(&server, &["coherence", "tone"]).await;
    let scores: Vec<(&str, f64)> =
        judged.scores.iter().map(|score| (score.metric.as_str(), score.value)).collect();
    assert_eq!(scores, [("coherence", 4.0), ("tone", 5.0)]);
    assert_eq!(judged.spent.requests, 2);
    let again = &server.asked()[1];
    assert_eq!(again.metrics(), ["tone"]);
    assert!(again.prompt().contains("score 7 is not a whole number from 1 to 5"), "{}", again.prompt());
}

#[tokio::test]
async fn what_stays_wrong_is_trouble_and_what_is_right_is_kept() {
    let server = JudgeServer::start(|asked| {
        Answer::scores(asked, |metric| (if metric == "tone" { 7 } else { 4 }, SECRET.into()))
    })
    .await;
    let outcome = judged(&server, &["coherence", "tone"]).await;
    assert_eq!((outcome.scores.len(), outcome.scores[0].metric.as_str()), (1, "coherence"));
    assert_eq!((outcome.troubles.len(), outcome.troubles[0].0.as_str()), (1, "tone"));
    assert_eq!(outcome.troubles[0].1.kind, TroubleKind::Invalid);
    assert_eq!(server.asked().len(), 2);
    let garbage = JudgeServer::start(|_| Answer::Text(format!("I cannot say, {SECRET}"))).await;
    only_trouble(&judged(&garbage, &["tone"]).await, TroubleKind::Invalid, "no JSON");
}

#[tokio::test]
async fn every_refusal_says_what_to_check_and_nothing_that_was_said() {
    let echo = json!({"error": {"message": format!("bad prompt: {SECRET}"), "type": "x"}}).to_string();
    for (status, kind, word) in [
        (401, TroubleKind::Refused, "VOCE_JUDGE_API_KEY"),
        (404, TroubleKind::Refused, "judge.model"),
        (400, TroubleKind::Refused, "judge.extra_body"),
        (429, TroubleKind::Limited, "requests_per_minute"),
        (500, TroubleKind::Away, "server's log"),
        (503, TroubleKind::Away, "server's log"),
    ] {
        let body = echo.clone();
        let server = JudgeServer::start(move |_| Answer::Status(status, body.clone(), Some(7))).await;
        let judged = judged(&server, &["coherence", "tone"]).await;
        only_trouble(&judged, kind, word);
        assert_eq!((judged.troubles.len(), server.asked().len()), (2, 1), "it does not try again by itself");
        assert_eq!(judged.troubles[0].1.wait, Some(Duration::from_secs(7)));
    }
}

#[tokio::test]
async fn silence_and_absence_are_told_apart() {
    let server = JudgeServer::start(|_| Answer::Hang).await;
    only_trouble(&judged(&server, &["tone"]).await, TroubleKind::Timeout, "timeout_seconds");
    let gone = config(&server);
    drop(server);
    only_trouble(&judged_with(gone, &["tone"]).await, TroubleKind::Away, "cannot be reached");
}

#[tokio::test]
async fn a_server_that_knows_no_schema_is_asked_without_from_then_on() {
    let server = JudgeServer::start(|asked| match asked.body["response_format"].is_object() {
        true => Answer::Status(400, r#"{"error": "unknown field response_format"}"#.into(), None),
        false => five(asked),
    })
    .await;
    let judge = Judge::new(&config(&server), metrics(&["tone"])).unwrap();
    let turn = turn();
    for requests in [2, 1] {
        let judged = judge.judge(&turn, &judge.applicable(&turn)).await;
        assert_eq!((judged.scores.len(), judged.spent.requests), (1, requests), "{judged:?}");
    }
}

#[tokio::test]
async fn the_body_can_be_changed_and_a_metric_can_have_a_model_of_its_own() {
    let server = JudgeServer::start(five).await;
    let folder = tempfile::tempdir().unwrap();
    for (name, model) in [("one", ""), ("two", "model = \"large\"\n")] {
        let text = format!(
            "kind = \"model\"\nname = \"{name}\"\nversion = 1\nsees = [\"answer\"]\nrubric = \"Is it?\"\n{model}"
        );
        std::fs::write(folder.path().join(format!("{name}.toml")), text).unwrap();
    }
    let extra = json!({"max_tokens": null, "top_k": 1});
    let extra_body: Map<String, Value> = extra.as_object().unwrap().clone();
    let config = Config { extra_body, ..config(&server) };
    let judge = Judge::new(&config, Metrics::load(folder.path()).unwrap()).unwrap();
    let turn = turn();
    let judged = judge.judge(&turn, &judge.applicable(&turn)).await;
    assert_eq!(judged.scores.len(), 2, "{judged:?}");
    assert_eq!(judged.spent_by_model.keys().collect::<Vec<_>>(), ["large", "test-model"]);
    for asked in server.asked() {
        assert!(asked.body.get("max_tokens").is_none() && asked.body["top_k"] == 1, "{}", asked.body);
        assert!(!asked.prompt().contains(SECRET), "it sees the answer alone");
    }
}

#[test]
fn an_address_that_is_none_is_refused() {
    let bad = Config { base_url: "localhost:11434".into(), model: "x".into(), ..Config::default() };
    let error = Judge::new(&bad, metrics(&["tone"])).err().unwrap().to_string();
    assert!(error.contains("judge.base_url") && error.contains("http://HOST:PORT/v1"), "{error}");
    let nameless = Config { base_url: "http://127.0.0.1:1/v1".into(), ..Config::default() };
    let error = Judge::new(&nameless, metrics(&["tone"])).err().unwrap().to_string();
    assert!(error.contains("judge.model is empty"), "{error}");
}

#[test]
fn a_judge_can_be_shared_between_tasks() {
    fn shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    shared(&Judge::new(&Config::default(), metrics(&["tone"])).unwrap());
    shared(&Arc::new(turn()));
}
