//! A span as MLflow has it.
use std::collections::BTreeMap;

use serde_json::Value;

use crate::wire::{attributes, hex, list, number, text};

/// How a span says that it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Well.
    Ok,
    /// Badly.
    Error,
    /// It does not say.
    Unset,
}

/// One span of a trace.
#[derive(Clone, Debug)]
pub struct Span {
    /// Its name.
    pub name: String,
    /// 16 hex digits.
    pub id: String,
    /// The parent's id; `None` for the root.
    pub parent: Option<String>,
    /// Whether it went well.
    pub status: Status,
    /// Why it did not; may be empty.
    pub message: String,
    /// Start, nanoseconds since 1970.
    pub start_ns: u64,
    /// End, nanoseconds since 1970.
    pub end_ns: u64,
    /// Its attributes. Text that is JSON comes as what it says.
    pub attributes: BTreeMap<String, Value>,
    /// What happened within it, in order.
    pub events: Vec<Event>,
}

/// A moment within a span.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// When, nanoseconds since 1970.
    pub time_ns: u64,
    /// Its attributes.
    pub attributes: BTreeMap<String, Value>,
}

impl Span {
    pub(crate) fn of(span: &Value) -> Self {
        let parent = hex(text(span, "parent_span_id"));
        let events = list(span, "events").iter().map(|event| Event {
            name: text(event, "name").to_owned(),
            time_ns: number(event, "time_unix_nano"),
            attributes: attributes(list(event, "attributes")).collect(),
        });
        Self {
            name: text(span, "name").to_owned(),
            id: hex(text(span, "span_id")),
            parent: (!parent.is_empty()).then_some(parent),
            status: match text(&span["status"], "code") {
                "STATUS_CODE_OK" => Status::Ok,
                "STATUS_CODE_ERROR" => Status::Error,
                _ => Status::Unset,
            },
            message: text(&span["status"], "message").to_owned(),
            start_ns: number(span, "start_time_unix_nano"),
            end_ns: number(span, "end_time_unix_nano"),
            attributes: attributes(list(span, "attributes")).collect(),
            events: events.collect(),
        }
    }

    /// How long it took, seconds; 0 if it ends before it begins.
    pub fn seconds(&self) -> f64 {
        self.end_ns.saturating_sub(self.start_ns) as f64 / 1e9
    }

    /// An attribute that is a number.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.attributes.get(name)?.as_f64()
    }

    /// An attribute that is a text.
    pub fn word(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.as_str()
    }

    /// An attribute that is a flag.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.attributes.get(name)?.as_bool()
    }
}
