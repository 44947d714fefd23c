//! What MLflow's own pages stand on, asked over REST: readable lists, sessions, documents, tokens, percentiles, errors.
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::report::Simulated;

#[tokio::test(flavor = "multi_thread")]
async fn mlflow_can_show_all_that_an_operator_asks_for() {
    let Some(mut turns) = Simulated::new("pages").await else { return };
    turns.make(&["--count", "60", "--seed", "5", "--variant", "plain"]);
    let traces = turns.traces().await;
    let calls: BTreeSet<&str> = turns.made.iter().map(|turn| turn["session"].as_str().unwrap()).collect();
    let sessions: BTreeSet<&str> =
        traces.iter().map(|trace| trace.metadata["mlflow.trace.session"].as_str().unwrap()).collect();
    assert_eq!((calls.len(), &sessions), (2, &calls));

    for (trace, made) in traces.iter().zip(&turns.made) {
        assert_eq!(trace.tags["mlflow.traceName"], "voice-turn");
        // The list takes the last message of a chat, and shows anything else as raw JSON.
        let chat: Value = serde_json::from_str(&trace.previews.0).unwrap_or_else(|_| json!(trace.previews.0));
        let question = chat["messages"][0]["content"].as_str().or(chat.as_str()).unwrap();
        assert!(question.ends_with('?'), "{}", trace.previews.0);
        let failed = made["end_reason"] == "failed";
        assert_eq!(trace.state, if failed { "ERROR" } else { "OK" });
        assert_eq!(trace.previews.1.is_empty(), failed, "{:?}", trace.previews);
        if failed {
            let stage =
                trace.spans.iter().filter(|span| span.status == "STATUS_CODE_ERROR" && span.parent.is_some());
            let stages: Vec<_> = stage.collect();
            assert_eq!(stages.len(), 1);
            assert!(stages[0].events.iter().any(|event| event == "exception"), "{}", stages[0].name);
            continue;
        }
        let tokens: Value =
            serde_json::from_str(trace.metadata["mlflow.trace.tokenUsage"].as_str().unwrap()).unwrap();
        assert_eq!(tokens["input_tokens"], made["prompt_tokens"]);
        assert_eq!(tokens["output_tokens"], made["completion_tokens"]);
        if let Some(cost) = trace.metadata.get("mlflow.trace.cost") {
            let cost: Value = serde_json::from_str(cost.as_str().unwrap()).unwrap();
            assert!(cost["total_cost"].as_f64().unwrap() >= 0.0);
        }
        // Some questions are answered without a search.
        if trace.spans.iter().all(|span| span.name != "rag") {
            continue;
        }
        let documents = trace.span("rag").attribute("mlflow.spanOutputs");
        assert_eq!(documents.as_array().unwrap().len(), 2);
        assert_eq!(documents[0]["metadata"]["doc_uri"], "manual.md");
    }
    percentiles_by_stage(&turns, &traces).await;
    failures_can_be_found(&turns).await;
}

/// MLflow's own percentiles are those of the raw spans.
async fn percentiles_by_stage(turns: &Simulated, traces: &[voce_testkit::mlflow::Trace]) {
    let experiment = turns.mlflow.experiment_id(&turns.experiment).await.unwrap();
    let body = json!({
        "experiment_ids": [experiment], "view_type": "SPANS", "metric_name": "latency",
        "aggregations": [{"aggregation_type": "PERCENTILE", "percentile_value": 50.0},
            {"aggregation_type": "PERCENTILE", "percentile_value": 95.0}],
        "dimensions": ["span_name"],
    });
    let url = format!("{}/api/3.0/mlflow/traces/metrics", turns.mlflow.url());
    let answer = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
    let answer: Value = answer.json().await.unwrap();
    let mut raw: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for span in traces.iter().flat_map(|trace| &trace.spans) {
        raw.entry(&span.name).or_default().push((span.end_ns - span.start_ns) as f64 / 1e6);
    }
    let points = answer["data_points"].as_array().unwrap();
    assert_eq!(points.len(), raw.len(), "{answer:#}");
    for point in points {
        let name = point["dimensions"]["span_name"].as_str().unwrap();
        let mut values = raw[name].clone();
        values.sort_by(f64::total_cmp);
        for (key, share) in [("P50.0", 0.5), ("P95.0", 0.95)] {
            let place = (values.len() - 1) as f64 * share;
            let (below, above) = (values[place.floor() as usize], values[place.ceil() as usize]);
            let expected = below + (above - below) * place.fract();
            let told = point["values"][key].as_f64().unwrap();
            // MLflow keeps durations in whole milliseconds.
            assert!((told - expected).abs() <= 1.0, "{key} of {name}: {told}, raw {expected}");
        }
    }
}

/// An operator filters for what failed.
async fn failures_can_be_found(turns: &Simulated) {
    let experiment = turns.mlflow.experiment_id(&turns.experiment).await.unwrap();
    let failed = turns.made.iter().filter(|turn| turn["end_reason"] == "failed").count();
    let found = turns.mlflow.search(&experiment, "trace.status = 'ERROR'").await;
    assert_eq!(found.len(), failed);
    assert!(failed > 0);
    let of_the_model = "span.status = 'ERROR' AND span.name = 'llm'";
    assert!(!turns.mlflow.search(&experiment, of_the_model).await.is_empty());
}
