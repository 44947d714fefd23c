//! Finished spans for those who look on from within the process: the page's inspector.
use std::{sync::Arc, time::SystemTime};

use opentelemetry::{KeyValue, Value, trace::Status};
use opentelemetry_sdk::trace::SpanData;
use parking_lot::Mutex;
use serde_json::{Map, Value as Json};
use tokio::sync::mpsc::{Sender, error::TrySendError};

use crate::{vocabulary::is_of_judge, worker::Observer};

/// A finished span as the sinks get it.
#[derive(Clone, Debug)]
pub struct SeenSpan {
    /// 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    pub span_id: String,
    /// 16 hex digits; `None` for the root, whose coming means that the turn is over.
    pub parent_id: Option<String>,
    /// The span's name.
    pub name: String,
    /// When the work began.
    pub start: SystemTime,
    /// When it ended.
    pub end: SystemTime,
    /// Why it failed, if it did.
    pub failed: Option<String>,
    /// By exported name.
    pub attributes: Map<String, Json>,
    /// In the order of time.
    pub events: Vec<SeenEvent>,
}

/// Something that happened within a span.
#[derive(Clone, Debug)]
pub struct SeenEvent {
    /// The event's name.
    pub name: String,
    /// When it happened.
    pub at: SystemTime,
    /// Its attributes.
    pub attributes: Map<String, Json>,
}

/// Those who look on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watchers(Arc<Mutex<Vec<Sender<SeenSpan>>>>);

impl Watchers {
    pub(crate) fn add(&self, watcher: Sender<SeenSpan>) {
        self.0.lock().push(watcher);
    }
}

impl Observer for Watchers {
    fn span(&mut self, span: &SpanData) {
        if is_of_judge(&span.name) {
            return;
        }
        let mut watchers = self.0.lock();
        if watchers.is_empty() {
            return;
        }
        let seen = seen(span);
        watchers.retain(|watcher| !matches!(watcher.try_send(seen.clone()), Err(TrySendError::Closed(_))));
    }
}

fn seen(span: &SpanData) -> SeenSpan {
    let context = &span.span_context;
    let parent = span.parent_span_id;
    let failed = match &span.status {
        Status::Error { description } => Some(description.to_string()),
        Status::Ok | Status::Unset => None,
    };
    let events = span.events.iter().map(|event| SeenEvent {
        name: event.name.to_string(),
        at: event.timestamp,
        attributes: json(&event.attributes),
    });
    SeenSpan {
        trace_id: context.trace_id().to_string(),
        span_id: context.span_id().to_string(),
        parent_id: (parent != opentelemetry::trace::SpanId::INVALID).then(|| parent.to_string()),
        name: span.name.to_string(),
        start: span.start_time,
        end: span.end_time,
        failed,
        attributes: json(&span.attributes),
        events: events.collect(),
    }
}

fn json(attributes: &[KeyValue]) -> Map<String, Json> {
    attributes
        .iter()
        .map(|attribute| {
            let value = match &attribute.value {
                Value::Bool(flag) => Json::from(*flag),
                Value::I64(number) => Json::from(*number),
                Value::F64(number) => Json::from(*number),
                text => Json::from(text.as_str().into_owned()),
            };
            (attribute.key.to_string(), value)
        })
        .collect()
}
