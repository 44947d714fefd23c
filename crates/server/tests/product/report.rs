//! `voce report` on simulated turns in a real MLflow, against figures that are computed here from the raw traces.
use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use voce_testkit::mlflow::{Mlflow, Trace};

use crate::harness::{Place, said};

/// An experiment of the test's own with turns in it.
pub struct Simulated {
    pub mlflow: Mlflow,
    pub place: Place,
    pub experiment: String,
    /// What `voce bench turns` says that it made.
    pub made: Vec<Value>,
}

impl Simulated {
    pub async fn new(name: &str) -> Option<Self> {
        let mlflow = Mlflow::from_environment()?;
        mlflow.wait_ready(Duration::from_secs(60)).await;
        let experiment = format!("{name}-{}", uuid::Uuid::new_v4());
        Some(Self { mlflow, place: Place::new(), experiment, made: vec![] })
    }

    fn voce(&self, arguments: &[&str]) -> std::process::Output {
        let sink = format!(
            "telemetry.sinks=[{{url=\"{}\", experiment=\"{}\"}}]",
            self.mlflow.url(),
            self.experiment
        );
        let mut all = vec!["--set", "telemetry.enabled=true", "--set", &sink];
        all.splice(0..0, arguments.iter().copied());
        self.place.voce(&all)
    }

    /// More turns.
    pub fn make(&mut self, arguments: &[&str]) {
        let mut all = vec!["bench", "turns"];
        all.extend(arguments);
        let output = self.voce(&all);
        assert!(output.status.success(), "{}", said(&output));
        let made: Value = serde_json::from_slice(&output.stdout).expect("what was made, in JSON");
        assert_eq!(made["spans_dropped"], 0);
        self.made.extend(made["turns"].as_array().unwrap().iter().cloned());
    }

    /// What `voce report --json` says.
    fn report(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["report", "--json"];
        all.extend(arguments);
        let output = self.voce(&all);
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice(&output.stdout).expect("a report in JSON")
    }

    pub async fn traces(&self) -> Vec<Trace> {
        let mut traces = vec![];
        for turn in &self.made {
            let id = turn["trace_id"].as_str().expect("a traced turn");
            traces.push(self.mlflow.wait_for_trace(id, Duration::from_secs(60)).await);
        }
        traces
    }

    /// Writes a score as a judge or a person would.
    pub async fn score(&self, trace: &Value, name: &str, source: &str, value: Value) {
        let id = format!("tr-{}", trace.as_str().unwrap());
        let assessment = json!({"assessment": {
            "assessment_name": name, "trace_id": id, "feedback": {"value": value},
            "source": {"source_type": source, "source_id": "test"},
        }});
        let url = format!("{}/api/3.0/mlflow/traces/{id}/assessments", self.mlflow.url());
        let answer = reqwest::Client::new().post(url).json(&assessment).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }
}

/// Of values in any order: the weighted mean of the two that stand around the wanted place.
fn percentile(values: &[f64], percent: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let place = (values.len() - 1) as f64 * percent / 100.0;
    let weight = place.fract();
    values[place.floor() as usize] * (1.0 - weight) + values[place.ceil() as usize] * weight
}

fn same(reported: &Value, expected: f64, what: &str) {
    let reported = reported.as_f64().unwrap_or_else(|| panic!("{what}: {reported}"));
    assert!(
        (reported - expected).abs() <= 1e-6 * expected.abs().max(1.0),
        "{what}: {reported}, expected {expected}"
    );
}

fn same_spread(reported: &Value, seconds: &[f64], what: &str) {
    assert_eq!(reported["count"], seconds.len(), "{what}");
    for (name, percent) in [("p50", 50.0), ("p95", 95.0), ("p99", 99.0), ("max", 100.0)] {
        same(&reported[name], percentile(seconds, percent), &format!("{name} of {what}"));
    }
    same(&reported["mean"], seconds.iter().sum::<f64>() / seconds.len() as f64, &format!("mean of {what}"));
}

fn durations(traces: &[Trace]) -> BTreeMap<String, Vec<f64>> {
    let mut seconds: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for span in traces.iter().flat_map(|trace| &trace.spans) {
        seconds.entry(span.name.clone()).or_default().push((span.end_ns - span.start_ns) as f64 / 1e9);
    }
    seconds
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_says_what_the_raw_traces_say() {
    let Some(mut turns) = Simulated::new("report").await else { return };
    turns.make(&["--count", "200", "--seed", "13", "--variant", "plain"]);
    assert_eq!(turns.made.len(), 200);
    let traces = turns.traces().await;
    let scored: Vec<Value> = turns.made.iter().map(|turn| turn["trace_id"].clone()).collect();
    for (index, trace) in scored.iter().take(12).enumerate() {
        turns.score(trace, "faithfulness", "LLM_JUDGE", json!(3 + index % 3)).await;
    }
    for (trace, liked) in scored.iter().zip([true, false, true]) {
        turns.score(trace, "liked", "HUMAN", json!(liked)).await;
    }
    let page = turns.place.dir.path().join("report.html");
    let report = turns.report(&["--since", "3h", "--html", page.to_str().unwrap()]);
    let all = &report["all"];

    let mut seconds = durations(&traces);
    same_spread(&all["turn"], &seconds.remove("turn").unwrap(), "whole turns");
    same_spread(&all["voice_to_voice"], &seconds.remove("voice_to_voice").unwrap(), "voice to voice");
    let stages = all["stages"].as_array().unwrap();
    assert_eq!(stages.len(), seconds.len(), "{:?}", seconds.keys());
    for stage in stages {
        let name = stage["stage"].as_str().unwrap();
        same_spread(stage, &seconds[name], name);
    }
    counts(all, &traces);
    scores(all);
    slowest(&report, &traces);
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains("&lt;b&gt;half-inch") && !html.contains("<b>half-inch"), "a question is escaped");
    for fetched in ["<script", "src=", "url(", "@import"] {
        assert!(!html.contains(fetched), "the page fetches by {fetched}");
    }
}

fn counts(all: &Value, traces: &[Trace]) {
    let sum = |span: &str, attribute: &str| -> u64 {
        let spans = traces.iter().flat_map(|trace| &trace.spans).filter(|one| one.name == span);
        spans.filter_map(|one| one.attribute(attribute).as_u64()).sum()
    };
    assert_eq!(all["turns"], traces.len());
    assert_eq!(all["calls"], 5);
    assert_eq!(all["input_tokens"], sum("llm", "gen_ai.usage.input_tokens"));
    assert_eq!(all["output_tokens"], sum("llm", "gen_ai.usage.output_tokens"));
    assert_eq!(all["cached_tokens"], sum("llm", "gen_ai.usage.cache_read.input_tokens"));
    assert_eq!(all["late_frames"], sum("playout", "voce.playout.late_frames"));
    assert_eq!(all["interruptions"], sum("turn", "voce.interruptions"));
    assert_eq!(all["early_used"], sum("turn", "voce.speculation.used"));
    assert_eq!(all["early_dropped"], sum("turn", "voce.speculation.dropped"));
    let mut ended: BTreeMap<&str, u64> = BTreeMap::new();
    let mut errors: BTreeMap<&str, u64> = BTreeMap::new();
    for trace in traces {
        let reason = trace.span("turn").attribute("gen_ai.agent.invocation.end_reason");
        *ended.entry(reason.as_str().unwrap()).or_default() += 1;
        for span in
            trace.spans.iter().filter(|span| span.status == "STATUS_CODE_ERROR" && span.parent.is_some())
        {
            *errors.entry(&span.name).or_default() += 1;
        }
    }
    assert_eq!(all["ended"], json!(ended));
    assert_eq!(all["errors"], json!(errors));
    assert!(ended.len() == 3 && errors.len() >= 3, "{ended:?} {errors:?}");
    assert_eq!(all["failed_turns"], traces.iter().filter(|trace| trace.state == "ERROR").count());
    let cost = |trace: &Trace| -> Option<f64> {
        let cost: Value = serde_json::from_str(trace.metadata.get("mlflow.trace.cost")?.as_str()?).ok()?;
        cost["total_cost"].as_f64()
    };
    let costs: Vec<f64> = traces.iter().filter_map(cost).collect();
    match costs.is_empty() {
        true => assert!(all["cost"].is_null()),
        false => same(&all["cost"], costs.iter().sum(), "cost"),
    }
}

fn scores(all: &Value) {
    let scores = all["scores"].as_array().unwrap();
    assert_eq!(scores.len(), 2);
    let judged = &scores[0];
    assert_eq!(
        (&judged["metric"], &judged["source"], &judged["count"]),
        (&json!("faithfulness"), &json!("judge"), &json!(12))
    );
    // Four times 3, 4 and 5: the deviation is the root of 8/11; Student's t of 11 degrees of freedom is 2.201.
    let half = 2.201 * (8.0_f64 / 11.0 / 12.0).sqrt();
    same(&judged["mean"]["value"], 4.0, "mean score");
    same(&judged["mean"]["low"], 4.0 - half, "low end of the mean score");
    same(&judged["mean"]["high"], 4.0 + half, "high end of the mean score");
    assert_eq!(
        (&scores[1]["metric"], &scores[1]["source"], &scores[1]["count"]),
        (&json!("liked"), &json!("human"), &json!(3))
    );
    same(&scores[1]["mean"]["value"], 2.0 / 3.0, "share of likes");
}

fn slowest(report: &Value, traces: &[Trace]) {
    let mut waited: Vec<(f64, &str)> = traces
        .iter()
        .filter_map(|trace| {
            let span = trace.spans.iter().find(|span| span.name == "voice_to_voice")?;
            Some(((span.end_ns - span.start_ns) as f64 / 1e9, trace.id.as_str()))
        })
        .collect();
    waited.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap());
    let listed = report["slowest"].as_array().unwrap();
    assert_eq!(listed.len(), 10);
    for (slow, (seconds, id)) in listed.iter().zip(waited) {
        same(&slow["voice_to_voice"], seconds, id);
        assert!(slow["link"].as_str().unwrap().ends_with(&format!("/traces?selectedEvaluationId={id}")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planted_difference_over_a_hundred_calls_is_told_and_chance_is_not() {
    let Some(mut turns) = Simulated::new("groups").await else { return };
    let calls = ["--turns-of-call", "2", "--score", "clarity=4.0"];
    let base = ["--count", "102", "--seed", "1", "--variant", "base", "--score", "tone=3.2"];
    turns.make(&[&calls[..], &base].concat());
    let slow =
        ["--count", "100", "--seed", "3", "--variant", "slow", "--score", "tone=4.2", "--slower", "1.8"];
    turns.make(&[&calls[..], &slow].concat());
    let page = turns.place.dir.path().join("report.html");
    let arguments = ["--by", "variant", "--since", "3h", "--html", page.to_str().unwrap()];
    let report = turns.report(&arguments);
    let groups = report["groups"].as_array().unwrap();
    assert_eq!(
        (&groups[0]["name"], &groups[0]["turns"], &groups[0]["calls"]),
        (&json!("base"), &json!(102), &json!(51))
    );
    let compared = |figure: &str| -> &Value {
        let all = report["comparisons"].as_array().unwrap();
        all.iter().find(|one| one["figure"] == figure).unwrap_or_else(|| panic!("no {figure}"))
    };
    let words = |figure: &str| compared(figure)["verdict"].as_str().unwrap();
    for figure in ["voice_to_voice", "llm.first_token", "llm", "tts.first_audio", "tone (judge)"] {
        assert_eq!(compared(figure)["noise"], false, "{figure}: {:#}", compared(figure));
        assert!(compared(figure)["difference"]["low"].as_f64().unwrap() > 0.0, "{figure}");
        let word = if figure.ends_with("(judge)") { "higher: " } else { "slower: " };
        assert!(words(figure).starts_with(word), "{figure}: {}", words(figure));
    }
    for figure in ["stt", "rag", "rag.search", "end_of_turn", "clarity (judge)", "failed turns"] {
        assert_eq!(compared(figure)["noise"], true, "{figure}: {:#}", compared(figure));
        assert!(words(figure).starts_with("no difference that is more than noise"), "{}", words(figure));
    }
    let middle = |variant: &str, figure: fn(&Value) -> &Value| {
        let own = turns.made.iter().filter(|turn| turn["variant"] == variant);
        own.filter_map(|turn| figure(turn).as_f64()).collect::<Vec<_>>()
    };
    let medians = ["slow", "base"]
        .map(|variant| percentile(&middle(variant, |turn| &turn["voice_to_voice_seconds"]), 50.0));
    let difference = compared("voice_to_voice")["difference"]["value"].as_f64().unwrap();
    assert!((difference - (medians[0] - medians[1])).abs() < 2e-3, "{difference} {medians:?}");
    let means = ["slow", "base"].map(|variant| {
        let scores = middle(variant, |turn| &turn["scores"]["tone"]);
        scores.iter().sum::<f64>() / scores.len() as f64
    });
    same(&compared("tone (judge)")["difference"]["value"], means[0] - means[1], "difference of scores");
    assert_eq!(compared("tone (judge)")["callers"], 101);
    // By the seed, so the same again; and the same in each form.
    let output = turns.voce(&["report", "--by", "variant", "--since", "3h"]);
    let table = said(&output);
    let html = std::fs::read_to_string(page).unwrap();
    for figure in ["voice_to_voice", "tone (judge)", "clarity (judge)"] {
        let is_told = |line: &str| line.trim().starts_with(figure) && line.ends_with(words(figure));
        assert!(table.lines().any(is_told), "{figure}: {table}");
        assert!(html.contains(words(figure)), "{figure} is missing in the page");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reported_is_said_plainly() {
    let away = "telemetry.sinks=[{url=\"http://127.0.0.1:9\"}]";
    let place = Place::new();
    let output = place.voce(&["report", "--set", away]);
    assert!(!output.status.success());
    assert!(said(&output).contains("http://127.0.0.1:9 does not answer"), "{}", said(&output));
    let output = place.voce(&["report", "--since", "yesterday"]);
    assert!(said(&output).contains("e.g. 24h"), "{}", said(&output));
    let output =
        place.voce(&["report", "--set", "telemetry.sinks=[{kind=\"otlp\", url=\"http://127.0.0.1:9\"}]"]);
    assert!(said(&output).contains("no MLflow to read from"), "{}", said(&output));
    let Some(mut turns) = Simulated::new("empty").await else { return };
    let output = turns.voce(&["report"]);
    assert!(said(&output).contains("has no experiment"), "{}", said(&output));
    turns.make(&["--count", "1", "--minutes", "30"]);
    turns.traces().await;
    let output = turns.voce(&["report", "--since", "1m"]);
    assert!(said(&output).contains("no turns in experiment"), "{}", said(&output));
}
