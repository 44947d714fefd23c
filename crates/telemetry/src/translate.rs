//! One finished span from our words into the exported ones. Runs on the export thread, never in a call.
use std::{
    borrow::Cow,
    time::{Duration, SystemTime},
};

use opentelemetry::{
    KeyValue, Value,
    trace::{Event, Status},
};
use opentelemetry_sdk::trace::SpanData;

use crate::{
    said::{Said, cut},
    shapes::shaped,
    vocabulary::{
        self, END_REASON, ENDED_MS_AGO, ERROR, ERROR_TYPE, EVENT_WORDS, EVENTS, FAILED, LONGEST_NAME,
        Meaning, RAN_SECONDS, SESSION_ID, SPAN_INPUTS, SPAN_OUTPUTS, SPAN_TYPE, SPECULATION, STARTED_MS_AGO,
        SpanWords, TOOL, USER, USER_ID, VARIANT_NAME, longest,
    },
};

/// The fields of a span; a field that was recorded twice has its last value.
pub(crate) struct Fields(Vec<KeyValue>);

impl Fields {
    fn new(attributes: Vec<KeyValue>, words: &SpanWords) -> Self {
        let mut kept: Vec<KeyValue> = Vec::with_capacity(attributes.len());
        for mut attribute in attributes {
            let name = attribute.key.as_str();
            let is_figure = words.field(name).is_some_and(|field| field.meaning == Meaning::Figure);
            // The tracing layer knows no unsigned numbers: it writes them as text.
            if (is_figure || name == STARTED_MS_AGO || name == ENDED_MS_AGO)
                && let Some(number) = number_in(&attribute.value)
            {
                attribute.value = number;
            }
            // JSON has no NaN, and the sink keeps attributes as JSON.
            if matches!(attribute.value, Value::F64(number) if !number.is_finite()) {
                continue;
            }
            match kept.iter_mut().find(|earlier| earlier.key == attribute.key) {
                Some(earlier) => earlier.value = attribute.value,
                None => kept.push(attribute),
            }
        }
        Self(kept)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|field| field.key.as_str() == name).map(|field| &field.value)
    }

    pub(crate) fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.value(name).map(Value::as_str)
    }

    fn number(&self, name: &str) -> Option<f64> {
        match self.value(name)? {
            Value::F64(number) => Some(*number),
            Value::I64(number) => Some(*number as f64),
            _ => None,
        }
    }

    /// A length of time; negative, absurd or not a number counts as none.
    fn millis(&self, name: &str) -> Duration {
        let millis = self.number(name).unwrap_or_default();
        Duration::try_from_secs_f64(millis / 1_000.0).unwrap_or_default()
    }
}

fn number_in(value: &Value) -> Option<Value> {
    let Value::String(text) = value else { return None };
    let text = text.as_str();
    // Otherwise "nan" and "infinity" would be numbers too.
    if !text.starts_with(|first: char| first.is_ascii_digit() || first == '-') {
        return None;
    }
    text.parse().map(Value::I64).or_else(|_| text.parse().map(Value::F64)).ok()
}

/// Rewrites one span.
pub(crate) fn translate(mut span: SpanData, said: &Said) -> SpanData {
    let words = vocabulary::words_of(&span.name);
    let fields = Fields::new(std::mem::take(&mut span.attributes), words);
    span.start_time = earlier(span.start_time, fields.millis(STARTED_MS_AGO));
    span.end_time = earlier(span.end_time, fields.millis(ENDED_MS_AGO)).max(span.start_time);
    if span.name == SPECULATION
        && let Some(ran) = fields.number(RAN_SECONDS)
        && let Ok(ran) = Duration::try_from_secs_f64(ran)
        && let Some(end) = span.start_time.checked_add(ran)
    {
        span.end_time = span.end_time.min(end);
    }
    span.attributes = attributes(&span.name, words, &fields, said);
    let failed = set_status(&mut span, &fields, said);
    for event in &mut span.events.events {
        rewrite(event, said);
    }
    if !said.is_full() {
        span.events.events.retain(|event| EVENTS.contains(&event.name.as_ref()));
    }
    if let Some(reason) = failed {
        span.attributes.push(KeyValue::new(ERROR_TYPE, "_OTHER"));
        span.events.events.push(exception(span.end_time, reason));
    }
    if span.name == TOOL
        && let Some(tool) = fields.text(TOOL)
    {
        span.name = format!("{TOOL} {tool}").into();
    }
    if span.name.len() > LONGEST_NAME {
        span.name = cut(&span.name, LONGEST_NAME).to_owned().into();
    }
    span
}

fn earlier(time: SystemTime, by: Duration) -> SystemTime {
    time.checked_sub(by).unwrap_or(time)
}

fn attributes(name: &str, words: &'static SpanWords, fields: &Fields, said: &Said) -> Vec<KeyValue> {
    let mut attributes = Vec::with_capacity(fields.0.len() + words.constants.len() + 4);
    attributes.push(KeyValue::new(SPAN_TYPE, words.span_type));
    attributes.extend(words.constants.iter().map(|(key, value)| KeyValue::new(*key, *value)));
    for (key, shape) in [(SPAN_INPUTS, words.input), (SPAN_OUTPUTS, words.output)] {
        // Not cut: half a JSON document is none. The texts within it are.
        attributes.extend(shaped(shape, words, fields, said).map(|value| KeyValue::new(key, value)));
    }
    for field in &fields.0 {
        let key = field.key.as_str();
        if matches!(key, STARTED_MS_AGO | ENDED_MS_AGO) {
            continue;
        }
        match words.field(key) {
            Some(known) => {
                for exported in known.exported {
                    let value = match (known.meaning, &field.value) {
                        (Meaning::Said, Value::String(text)) => {
                            Value::from(said.text(text.as_str()).into_owned())
                        }
                        (Meaning::Word, Value::String(text)) if matches!(key, ERROR | USER) => {
                            Value::from(said.ours(text.as_str()).into_owned())
                        }
                        (_, value) => limited(exported, value.clone()),
                    };
                    attributes.push(KeyValue::new(*exported, value));
                }
            }
            None => attributes.push(unknown(name, key, &field.value, said)),
        }
    }
    attributes
}

/// A name with a dot is an exported one already; any other gets ours in front.
fn unknown(span: &str, key: &str, value: &Value, said: &Said) -> KeyValue {
    let exported = if key.contains('.') { key.to_owned() } else { format!("voce.{span}.{key}") };
    let value = match value {
        Value::String(text) if matches!(key, USER_ID | VARIANT_NAME) => {
            said.ours(text.as_str()).into_owned().into()
        }
        Value::String(text) if key != SESSION_ID => said.text(text.as_str()).into_owned().into(),
        Value::Array(_) => said.text(&value.as_str()).into_owned().into(),
        other => limited(&exported, other.clone()),
    };
    KeyValue::new(exported, value)
}

fn limited(key: &str, value: Value) -> Value {
    match &value {
        Value::String(text) => {
            let short = cut(text.as_str(), longest(key));
            if short.len() == text.as_str().len() { value } else { Value::from(short.to_owned()) }
        }
        _ => value,
    }
}

/// Every span says OK or ERROR: MLflow counts a span that says nothing as no success. Returns why it failed.
fn set_status(span: &mut SpanData, fields: &Fields, said: &Said) -> Option<String> {
    let reason = fields.text(ERROR).filter(|reason| !reason.is_empty());
    let ended_badly = fields.text(END_REASON).is_some_and(|reason| reason == FAILED);
    let description = match &span.status {
        Status::Error { description } if !description.is_empty() => description.to_string(),
        Status::Error { .. } => reason.map_or_else(|| "failed".to_owned(), Cow::into_owned),
        Status::Ok | Status::Unset => match reason {
            Some(reason) => reason.into_owned(),
            None if ended_badly => FAILED.to_owned(),
            None => {
                span.status = Status::Ok;
                return None;
            }
        },
    };
    let description = said.ours(&description).into_owned();
    span.status = Status::error(description.clone());
    Some(description)
}

/// The tracing layer adds level and target to every event; on ours they say nothing.
fn rewrite(event: &mut Event, said: &Said) {
    if EVENTS.contains(&event.name.as_ref()) {
        event.attributes.retain(|attribute| !matches!(attribute.key.as_str(), "level" | "target"));
    } else if let Cow::Owned(name) = said.ours(&event.name) {
        // What is logged within a span has its message for a name.
        event.name = name.into();
    }
    for attribute in &mut event.attributes {
        let Value::String(text) = &attribute.value else { continue };
        let key = attribute.key.as_str();
        if EVENT_WORDS.contains(&key) {
            continue;
        }
        attribute.value = match number_in(&attribute.value) {
            // A card number is no figure.
            Some(number) if key != "text" && said.ours(text.as_str()) == text.as_str() => number,
            _ => Value::from(said.text(text.as_str()).into_owned()),
        };
    }
}

fn exception(at: SystemTime, reason: String) -> Event {
    let attributes =
        vec![KeyValue::new("exception.type", "Error"), KeyValue::new("exception.message", reason)];
    Event::new("exception", at, attributes, 0)
}
