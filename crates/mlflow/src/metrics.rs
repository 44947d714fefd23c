//! Percentiles that MLflow itself computes. It has them for the durations of spans and of nothing else.
use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    Client, MlflowError,
    wire::{list, text},
};

/// Percentiles of durations by span name, in the order asked for, milliseconds; `None` where MLflow gave none.
pub type Percentiles = BTreeMap<String, Vec<Option<f64>>>;

/// Which spans, and which percentiles of their durations.
#[derive(Clone, Debug)]
pub struct PercentilesQuery<'a> {
    /// The experiment's number.
    pub experiment_id: &'a str,
    /// Percentiles, each 0 to 100.
    pub percentiles: &'a [f64],
    /// Only spans of this name.
    pub span_name: Option<&'a str>,
    /// Only traces that began at this time or later, milliseconds since 1970.
    pub from_ms: Option<u64>,
    /// Only traces that began before this time, milliseconds since 1970.
    pub until_ms: Option<u64>,
}

impl Client {
    /// Percentiles of the durations of spans, by span name. MLflow interpolates between the two nearest values.
    ///
    /// # Errors
    /// A percentile that is none, a span name with a quote in it, and whatever a request can meet.
    pub async fn percentiles(&self, query: &PercentilesQuery<'_>) -> Result<Percentiles, MlflowError> {
        let body = body(query)?;
        let what = format!("percentiles of experiment {}", query.experiment_id);
        let answer = self.send(&what, Method::POST, "/api/3.0/mlflow/traces/metrics", Some(&body)).await?;
        let mut percentiles = Percentiles::new();
        for point in list(&answer, "data_points") {
            let values = &point["values"];
            let named = |percentile: &f64| values[format!("P{percentile:?}")].as_f64();
            let row = query.percentiles.iter().map(named).collect();
            percentiles.insert(text(&point["dimensions"], "span_name").to_owned(), row);
        }
        Ok(percentiles)
    }
}

fn body(query: &PercentilesQuery<'_>) -> Result<Value, MlflowError> {
    if let Some(bad) = query.percentiles.iter().find(|percentile| !(0.0..=100.0).contains(*percentile)) {
        return Err(MlflowError::Invalid(format!("percentile {bad}: expected 0 to 100")));
    }
    let aggregations: Vec<Value> = query
        .percentiles
        .iter()
        .map(|percentile| json!({"aggregation_type": "PERCENTILE", "percentile_value": percentile}))
        .collect();
    let mut body = json!({
        "experiment_ids": [query.experiment_id],
        "view_type": "SPANS",
        "metric_name": "latency",
        "aggregations": aggregations,
        "dimensions": ["span_name"],
    });
    if let Some(name) = query.span_name {
        if name.contains('\'') {
            return Err(MlflowError::Invalid(format!("span name {name:?}: a filter cannot hold a quote")));
        }
        body["filters"] = json!([format!("span.name = '{name}'")]);
    }
    if let Some(from) = query.from_ms {
        body["start_time_ms"] = from.into();
    }
    if let Some(until) = query.until_ms {
        body["end_time_ms"] = until.into();
    }
    Ok(body)
}
