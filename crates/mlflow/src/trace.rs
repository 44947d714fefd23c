//! A trace as MLflow has it: what its list shows, and with its spans.
use serde_json::{Map, Value};

use crate::{
    Assessment, Span,
    time::{millis, seconds},
    wire::{list, object, text},
};

/// What is known of a trace without its spans.
#[derive(Clone, Debug)]
pub struct TraceInfo {
    /// `tr-` and the 32 hex digits of the OTLP trace id.
    pub id: String,
    /// The number of the experiment that it stands in; empty if MLflow does not say.
    pub experiment_id: String,
    /// `OK`, `ERROR`, or `IN_PROGRESS` while its root has not arrived.
    pub state: String,
    /// When it began, milliseconds since 1970.
    pub started_ms: u64,
    /// How long it took, seconds; `None` while its root has not arrived.
    pub seconds: Option<f64>,
    /// First 1000 characters of the root's input.
    pub request_preview: String,
    /// First 1000 characters of the root's output.
    pub response_preview: String,
    /// Its tags.
    pub tags: Map<String, Value>,
    /// Session, user and tokens among others. Those that are JSON are still text.
    pub metadata: Map<String, Value>,
    /// Scores and remarks that stand at it, also those that were replaced (see [`Assessment::valid`]).
    pub assessments: Vec<Assessment>,
}

/// A trace with its spans.
#[derive(Clone, Debug)]
pub struct Trace {
    /// What its list shows.
    pub info: TraceInfo,
    /// Its spans, in the order of their start.
    pub spans: Vec<Span>,
}

impl TraceInfo {
    pub(crate) fn of(info: &Value) -> Self {
        Self {
            id: text(info, "trace_id").to_owned(),
            experiment_id: text(&info["trace_location"]["mlflow_experiment"], "experiment_id").to_owned(),
            state: text(info, "state").to_owned(),
            started_ms: millis(text(info, "request_time")).unwrap_or_default(),
            seconds: seconds(text(info, "execution_duration")),
            request_preview: text(info, "request_preview").to_owned(),
            response_preview: text(info, "response_preview").to_owned(),
            tags: object(info, "tags"),
            metadata: object(info, "trace_metadata"),
            assessments: list(info, "assessments").iter().map(Assessment::of).collect(),
        }
    }

    /// The session it belongs to: the call.
    pub fn session(&self) -> Option<&str> {
        self.metadata.get("mlflow.trace.session")?.as_str()
    }

    /// Tokens of the whole trace: read and written.
    pub fn tokens(&self) -> Option<(u64, u64)> {
        let usage: Value =
            serde_json::from_str(self.metadata.get("mlflow.trace.tokenUsage")?.as_str()?).ok()?;
        Some((usage["input_tokens"].as_u64()?, usage["output_tokens"].as_u64()?))
    }

    /// What the whole trace cost, in the currency of the prices.
    pub fn cost(&self) -> Option<f64> {
        let cost: Value = serde_json::from_str(self.metadata.get("mlflow.trace.cost")?.as_str()?).ok()?;
        cost["total_cost"].as_f64()
    }
}

impl Trace {
    pub(crate) fn of(trace: &Value) -> Self {
        let mut spans: Vec<Span> = list(trace, "spans").iter().map(Span::of).collect();
        spans.sort_by_key(|span| span.start_ns);
        Self { info: TraceInfo::of(&trace["trace_info"]), spans }
    }

    /// The span without a parent.
    pub fn root(&self) -> Option<&Span> {
        self.spans.iter().find(|span| span.parent.is_none())
    }

    /// Its spans of that name, in the order of their start.
    pub fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Span> {
        self.spans.iter().filter(move |span| span.name == name)
    }
}
