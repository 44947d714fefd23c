//! One line of the log, for people or for machines.
use std::fmt::Write;

use serde_json::{Map, Value as Json};
use tracing::{
    Event, Level, Metadata,
    field::{Field, Visit},
};
use tracing_subscriber::fmt::{
    format::Writer,
    time::{FormatTime, SystemTime},
};

use crate::Redactor;

/// Names of a JSON line that no field may take.
const RESERVED: &[&str] = &["time", "level", "target", "message", "call", "trace_id"];

/// An event, taken apart and redacted.
pub(super) struct Line {
    time: String,
    level: Level,
    target: String,
    message: String,
    fields: Map<String, Json>,
    /// How people see each field, in the same order.
    shown: String,
    call: Option<String>,
    trace_id: Option<String>,
}

impl Line {
    pub(super) fn of(
        event: &Event<'_>,
        redactor: &Redactor,
        call: Option<String>,
        trace_id: Option<String>,
    ) -> Self {
        let metadata: &Metadata = event.metadata();
        let mut line = Self {
            time: now(),
            level: *metadata.level(),
            target: metadata.target().to_owned(),
            message: String::new(),
            fields: Map::new(),
            shown: String::new(),
            call,
            trace_id,
        };
        event.record(&mut Fields { line: &mut line, redactor });
        line
    }

    /// `2026-01-31T12:00:00.000000Z  INFO target: message name=value call=… trace_id=…`
    pub(super) fn plain(&self, colours: bool) -> String {
        let (dim, colour, plain) = match (colours, self.level) {
            (false, _) => ("", "", ""),
            (true, Level::ERROR) => ("\x1b[2m", "\x1b[31m", "\x1b[0m"),
            (true, Level::WARN) => ("\x1b[2m", "\x1b[33m", "\x1b[0m"),
            (true, Level::INFO) => ("\x1b[2m", "\x1b[32m", "\x1b[0m"),
            (true, _) => ("\x1b[2m", "\x1b[34m", "\x1b[0m"),
        };
        let Self { time, level, target, shown, .. } = self;
        let mut text = format!("{dim}{time}{plain} {colour}{level:>5}{plain} {dim}{target}:{plain} ");
        push_one_line(&mut text, &self.message);
        text += shown;
        for (name, value) in [("call", &self.call), ("trace_id", &self.trace_id)] {
            if let Some(value) = value
                && !self.fields.contains_key(name)
            {
                let _ = write!(text, " {dim}{name}={value}{plain}");
            }
        }
        text.push('\n');
        text
    }

    /// A flat object.
    pub(super) fn json(self) -> String {
        let mut object = Map::new();
        object.insert("time".into(), self.time.into());
        object.insert("level".into(), self.level.as_str().into());
        object.insert("target".into(), self.target.into());
        object.insert("message".into(), self.message.into());
        for (name, value) in [("call", self.call), ("trace_id", self.trace_id)] {
            if let Some(value) = value {
                object.insert(name.into(), value.into());
            }
        }
        for (name, value) in self.fields {
            // The call that an event itself names is as good.
            let is_identity = matches!(name.as_str(), "call" | "trace_id");
            let name = match RESERVED.contains(&name.as_str()) && !is_identity {
                true => format!("field_{name}"),
                false => name,
            };
            object.insert(name, value);
        }
        let mut text = Json::Object(object).to_string();
        text.push('\n');
        text
    }
}

fn now() -> String {
    let mut text = String::new();
    let _ = SystemTime.format_time(&mut Writer::new(&mut text));
    text
}

/// A line break, or a sign that moves the cursor, would make one line look like two.
fn push_one_line(text: &mut String, value: &str) {
    for sign in value.chars() {
        match sign {
            sign if sign.is_control() => text.extend(sign.escape_default()),
            sign => text.push(sign),
        }
    }
}

struct Fields<'a> {
    line: &'a mut Line,
    redactor: &'a Redactor,
}

impl Fields<'_> {
    fn add(&mut self, field: &Field, value: Json, is_quoted: bool) {
        let shown = match &value {
            Json::String(text) if is_quoted => format!("{text:?}"),
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        let _ = write!(self.line.shown, " {}=", field.name());
        push_one_line(&mut self.line.shown, &shown);
        self.line.fields.insert(field.name().to_owned(), value);
    }

    fn text(&mut self, field: &Field, text: &str, is_quoted: bool) {
        let name = field.name();
        // An id may have digits like a card's.
        let text = match name {
            "call" | "trace_id" | "span_id" => text.into(),
            _ => self.redactor.text(text),
        };
        match name {
            "message" => self.line.message = text.into_owned(),
            // What crates log without `tracing` says its origin in fields.
            "log.target" => self.line.target = text.into_owned(),
            "log.module_path" | "log.file" | "log.line" => {}
            _ => self.add(field, text.into_owned().into(), is_quoted),
        }
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into(), false);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into(), false);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() != "log.line" {
            self.add(field, value.into(), false);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into(), false);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value, true);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.text(field, &format!("{value:?}"), false);
    }
}
