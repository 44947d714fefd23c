//! Scores of simulated turns, written into MLflow as a judge would.
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};
use voce_mlflow::{Client, Credentials, Feedback, MlflowError, NewAssessment, Source};
use voce_telemetry::{Config, SinkKind};

/// Requests at a time.
const AT_ONCE: usize = 8;
/// How long a trace may take to arrive.
const PATIENCE: Duration = Duration::from_secs(60);

/// `NAME=MEAN`, as on the command line.
pub fn means(arguments: &[String]) -> Result<Vec<(String, f64)>> {
    let mean = |argument: &String| {
        let expected =
            || format!("--score {argument}: expected NAME=MEAN with a mean from 1 to 5, e.g. tone=4.2");
        let (name, mean) = argument.split_once('=').with_context(expected)?;
        let mean: f64 = mean.parse().ok().with_context(expected)?;
        ensure!(!name.is_empty() && (1.0..=5.0).contains(&mean), expected());
        Ok((name.to_owned(), mean))
    };
    arguments.iter().map(mean).collect()
}

/// Writes the scores that stand in `made`.
pub async fn write(config: &Config, made: &[Value]) -> Result<()> {
    let scores =
        made.iter().filter_map(|turn| Some((turn["trace_id"].as_str()?, turn["scores"].as_object()?)));
    let scores = scores.flat_map(|(trace_id, scores)| {
        scores.iter().map(move |(name, value)| (trace_id.to_owned(), name.clone(), value.clone()))
    });
    let scores: Vec<_> = scores.collect();
    if scores.is_empty() {
        return Ok(());
    }
    let sink = config.sinks.iter().find(|sink| sink.kind == SinkKind::Mlflow);
    let sink = sink.context("--score: telemetry.sinks holds no MLflow to write scores to")?;
    let client = Client::new(&sink.url, Credentials::from_environment()?)?;
    let write = |(trace_id, name, value)| one(&client, trace_id, name, value);
    stream::iter(scores).map(write).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    Ok(())
}

async fn one(client: &Client, trace_id: String, name: String, value: Value) -> Result<(), MlflowError> {
    let score = NewAssessment {
        trace_id: &trace_id,
        span_id: None,
        name: &name,
        source: Source::Judge("simulated".into()),
        feedback: Feedback::Value(value),
        rationale: "",
        version: "1",
        metadata: Map::new(),
    };
    let began = Instant::now();
    loop {
        match client.assess(&score).await {
            Err(MlflowError::NotFound { .. }) if began.elapsed() < PATIENCE => {
                sleep(Duration::from_millis(200)).await;
            }
            written => return written.map(|_| ()),
        }
    }
}
