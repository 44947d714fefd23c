//! Finding and reading traces, and marking them.
use std::collections::HashSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    Client, MlflowError, Trace, TraceInfo,
    wire::{list, text},
};

/// The most traces of one answer that MLflow allows for a search.
const MOST_FOUND: usize = 500;
/// The most traces with spans that are asked for at once: their ids stand in the address.
const MOST_READ: usize = 50;

/// Which traces to look for.
#[derive(Clone, Debug)]
pub struct Search<'a> {
    /// The experiment's number, see [`Client::experiment`].
    pub experiment_id: &'a str,
    /// MLflow's filter, e.g. `trace.name = 'voice-turn' AND trace.timestamp_ms > 1795500000000`; empty for all.
    pub filter: &'a str,
    /// Which come first.
    pub order: Order,
    /// How many at most.
    pub limit: usize,
}

/// Which traces come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Those that began last.
    Newest,
    /// Those that began first.
    Oldest,
    /// Those that took longest.
    Slowest,
}

/// A part of what a search finds.
#[derive(Clone, Debug)]
pub struct Page {
    /// Traces without their spans.
    pub traces: Vec<TraceInfo>,
    /// What to ask for the next page with; `None` at the end.
    pub next: Option<String>,
}

impl Client {
    /// Traces that match, page by page up to the limit. A page is counted from the start, so traces that arrive
    /// meanwhile shift it: a trace that comes twice is given once, and a filter with an upper time keeps it still.
    ///
    /// # Errors
    /// A filter that MLflow does not understand, an experiment that is not there, and whatever a request can meet.
    pub async fn search(&self, search: &Search<'_>) -> Result<Vec<TraceInfo>, MlflowError> {
        let mut found = vec![];
        let mut seen = HashSet::new();
        let mut token = None;
        while found.len() < search.limit {
            let page = self.search_page(search, token.as_deref()).await?;
            found.extend(page.traces.into_iter().filter(|trace| seen.insert(trace.id.clone())));
            token = page.next;
            if token.is_none() {
                break;
            }
        }
        found.truncate(search.limit);
        Ok(found)
    }

    /// One page of a search: 500 traces at most, or its limit if that is less.
    ///
    /// # Errors
    /// The same as [`Client::search`].
    pub async fn search_page(&self, search: &Search<'_>, token: Option<&str>) -> Result<Page, MlflowError> {
        let order = match search.order {
            Order::Newest => "timestamp_ms DESC",
            Order::Oldest => "timestamp_ms ASC",
            Order::Slowest => "execution_time_ms DESC",
        };
        let experiment = json!({"experiment_id": search.experiment_id});
        let mut body = json!({
            "locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": experiment}],
            "max_results": search.limit.clamp(1, MOST_FOUND),
            "order_by": [order],
        });
        if !search.filter.is_empty() {
            body["filter"] = search.filter.into();
        }
        if let Some(token) = token {
            body["page_token"] = token.into();
        }
        let what = format!("traces of experiment {} where {:?}", search.experiment_id, search.filter);
        let answer = self.send(&what, Method::POST, "/api/3.0/mlflow/traces/search", Some(&body)).await?;
        let next = text(&answer, "next_page_token");
        Ok(Page {
            traces: list(&answer, "traces").iter().map(TraceInfo::of).collect(),
            next: (!next.is_empty()).then(|| next.to_owned()),
        })
    }

    /// A trace with its spans; `None` if it is not there (yet).
    ///
    /// # Errors
    /// Whatever a request can meet.
    pub async fn trace(&self, trace_id: &str) -> Result<Option<Trace>, MlflowError> {
        let id = with_prefix(trace_id);
        let what = format!("trace {id}");
        match self.get(&what, "/api/3.0/mlflow/traces/get", &[("trace_id", &id)]).await {
            Ok(answer) => Ok(Some(Trace::of(&answer["trace"]))),
            Err(MlflowError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Traces with their spans, in the order asked for, in requests of 50 at most. Those that are not there are left out.
    ///
    /// # Errors
    /// Whatever a request can meet.
    pub async fn traces(&self, trace_ids: &[&str]) -> Result<Vec<Trace>, MlflowError> {
        let mut traces = Vec::with_capacity(trace_ids.len());
        for part in trace_ids.chunks(MOST_READ) {
            let ids: Vec<String> = part.iter().map(|id| with_prefix(id)).collect();
            let query: Vec<(&str, &str)> = ids.iter().map(|id| ("trace_ids", id.as_str())).collect();
            let what = format!("{} traces with their spans", part.len());
            let answer = self.get(&what, "/api/3.0/mlflow/traces/batchGet", &query).await?;
            let mut read: Vec<Trace> = list(&answer, "traces").iter().map(Trace::of).collect();
            read.sort_by_key(|trace| ids.iter().position(|id| *id == trace.info.id));
            traces.extend(read);
        }
        Ok(traces)
    }

    /// What is known of traces without their spans, assessments included. Those that are not there are left out.
    ///
    /// # Errors
    /// Whatever a request can meet.
    pub async fn infos(&self, trace_ids: &[&str]) -> Result<Vec<TraceInfo>, MlflowError> {
        let mut infos = Vec::with_capacity(trace_ids.len());
        for part in trace_ids.chunks(MOST_FOUND) {
            let ids: Vec<String> = part.iter().map(|id| with_prefix(id)).collect();
            let what = format!("{} traces", part.len());
            let body = json!({ "trace_ids": ids });
            let path = "/api/3.0/mlflow/traces/batchGetInfos";
            let answer = self.send(&what, Method::POST, path, Some(&body)).await?;
            let mut read: Vec<TraceInfo> = list(&answer, "trace_infos").iter().map(TraceInfo::of).collect();
            read.sort_by_key(|info| ids.iter().position(|id| *id == info.id));
            infos.extend(read);
        }
        Ok(infos)
    }

    /// Sets a tag of a trace, whatever it was before.
    ///
    /// # Errors
    /// A trace that is not there, and whatever a request can meet.
    pub async fn set_tag(&self, trace_id: &str, key: &str, value: &str) -> Result<(), MlflowError> {
        let id = with_prefix(trace_id);
        let body: Value = json!({"key": key, "value": value});
        let path = format!("/api/3.0/mlflow/traces/{id}/tags");
        self.send(&format!("tag {key:?} of trace {id}"), Method::PATCH, &path, Some(&body)).await.map(drop)
    }

    /// Takes a tag off a trace; one that is not there is none the less gone.
    ///
    /// # Errors
    /// Whatever a request can meet.
    pub async fn delete_tag(&self, trace_id: &str, key: &str) -> Result<(), MlflowError> {
        let id = with_prefix(trace_id);
        let path = format!("/api/3.0/mlflow/traces/{id}/tags");
        let what = format!("deletion of tag {key:?} of trace {id}");
        match self.send(&what, Method::DELETE, &path, Some(&json!({ "key": key }))).await {
            Ok(_) | Err(MlflowError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// MLflow's form of a trace id: also the bare 32 hex digits are taken.
pub(crate) fn with_prefix(trace_id: &str) -> String {
    if trace_id.starts_with("tr-") { trace_id.to_owned() } else { format!("tr-{trace_id}") }
}
