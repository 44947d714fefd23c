//! Finished spans into samples, by the table. Runs on the export thread.
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use opentelemetry::{
    KeyValue, Value as AttributeValue,
    trace::{SpanId, Status, TraceId},
};
use opentelemetry_sdk::trace::SpanData;

use super::{
    Custom, Meters,
    ask::LONGEST_LABEL,
    meters::Instrument,
    table::{Kind, Label, METRICS, Rule, Value, When},
};
use crate::{
    said::cut,
    vocabulary::{VARIANT_NAME, own_name},
    worker::Observer,
};

/// Turns whose language model is remembered until their end, at most: more than calls can be going on.
const MOST_OPEN: usize = 1_024;
const LANGUAGE_MODEL: &str = "llm";
const MODEL: &str = "gen_ai.request.model";

/// Turns finished spans into samples.
pub(crate) struct TurnMetrics {
    by_span: HashMap<&'static str, Vec<(Instrument, &'static Rule)>>,
    custom: Vec<Custom>,
    open: OpenTurns,
}

/// The language models of turns that are not over. The root comes last, and knows none.
#[derive(Default)]
struct OpenTurns {
    models: HashMap<TraceId, String>,
    /// In the order of their coming: a turn whose root was lost is forgotten when it is the oldest.
    order: VecDeque<TraceId>,
}

impl TurnMetrics {
    pub(crate) fn new(meters: &Arc<Meters>, custom: Vec<Custom>) -> Self {
        let mut by_span: HashMap<_, Vec<_>> = HashMap::new();
        for metric in METRICS {
            let (name, unit, description) =
                (metric.name.to_owned(), metric.unit.to_owned(), metric.description.to_owned());
            let instrument = match metric.kind {
                Kind::Counter => meters.counter(name, unit, description),
                Kind::Histogram(buckets) => meters.histogram(name, unit, description, buckets.to_vec()),
            };
            for rule in metric.rules {
                for span in rule.spans {
                    by_span.entry(*span).or_default().push((instrument.clone(), rule));
                }
            }
        }
        Self { by_span, custom, open: OpenTurns::default() }
    }
}

impl Observer for TurnMetrics {
    fn span(&mut self, span: &SpanData) {
        let trace = span.span_context.trace_id();
        let is_root = span.parent_span_id == SpanId::INVALID;
        if span.name == LANGUAGE_MODEL
            && let Some(model) = attribute(span, MODEL)
        {
            self.open.remember(trace, text(model));
        }
        let turn_model = if is_root { self.open.take(trace) } else { None };
        let turn_model = turn_model.as_deref().unwrap_or("none");
        for (instrument, rule) in self.by_span.get(own_name(&span.name)).into_iter().flatten() {
            if counts(&rule.when, span)
                && let Some(value) = value(&rule.value, span)
            {
                instrument.record(value, &labels(rule.labels, span, turn_model));
            }
        }
        for custom in &mut self.custom {
            custom.span(span);
        }
    }
}

impl OpenTurns {
    fn remember(&mut self, trace: TraceId, model: String) {
        if self.models.insert(trace, model).is_some() {
            return;
        }
        self.order.push_back(trace);
        while self.order.len() > MOST_OPEN {
            if let Some(oldest) = self.order.pop_front() {
                self.models.remove(&oldest);
            }
        }
    }

    fn take(&mut self, trace: TraceId) -> Option<String> {
        let model = self.models.remove(&trace)?;
        // Turns end about in the order of their answers, so it stands near the front.
        if let Some(place) = self.order.iter().position(|other| *other == trace) {
            self.order.remove(place);
        }
        Some(model)
    }
}

fn counts(when: &When, span: &SpanData) -> bool {
    match when {
        When::Always => true,
        When::Failed => matches!(span.status, Status::Error { .. }),
        When::Is(key, expected) => attribute(span, key).is_some_and(|value| value.as_str() == *expected),
    }
}

fn value(value: &Value, span: &SpanData) -> Option<f64> {
    match value {
        Value::One => Some(1.0),
        Value::Seconds => Some(seconds(span)),
        Value::Attribute(key) => number(attribute(span, key)?),
        Value::Millis(key) => Some(number(attribute(span, key)?)? / 1_000.0),
    }
}

fn labels(labels: &[Label], span: &SpanData, turn_model: &str) -> Vec<KeyValue> {
    let named = |name: &'static str, key| Some(KeyValue::new(name, text(attribute(span, key)?)));
    let label = |label: &Label| match label {
        Label::Model => named("model", MODEL),
        Label::TurnModel => Some(KeyValue::new("model", turn_model.to_owned())),
        Label::Variant => named("variant", VARIANT_NAME),
        Label::Stage => Some(KeyValue::new("stage", span.name.to_string())),
        Label::Fixed(name, value) => Some(KeyValue::new(*name, *value)),
        Label::Attribute(name, key) => named(name, key),
        Label::Flag(name, key) => {
            let is_true = match attribute(span, key)? {
                AttributeValue::Bool(flag) => *flag,
                other => number(other)? != 0.0,
            };
            Some(KeyValue::new(*name, if is_true { "true" } else { "false" }))
        }
    };
    labels.iter().filter_map(label).collect()
}

pub(super) fn attribute<'a>(span: &'a SpanData, key: &str) -> Option<&'a AttributeValue> {
    span.attributes.iter().find(|attribute| attribute.key.as_str() == key).map(|attribute| &attribute.value)
}

pub(super) fn seconds(span: &SpanData) -> f64 {
    span.end_time.duration_since(span.start_time).unwrap_or_default().as_secs_f64()
}

pub(super) fn text(value: &AttributeValue) -> String {
    cut(&value.as_str(), LONGEST_LABEL).to_owned()
}

pub(super) fn number(value: &AttributeValue) -> Option<f64> {
    match value {
        AttributeValue::F64(number) => Some(*number),
        AttributeValue::I64(number) => Some(*number as f64),
        AttributeValue::Bool(flag) => Some(f64::from(u8::from(*flag))),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_types, reason = "the measure is the wall clock")]
mod tests {
    use std::time::{Duration, Instant as WallClock, SystemTime};

    use opentelemetry::trace::{SpanContext, SpanKind, TraceFlags, TraceState};
    use opentelemetry_sdk::{
        Resource,
        trace::{SpanEvents, SpanLinks},
    };

    use super::*;

    fn span(name: &'static str, trace: u128, is_root: bool, attributes: Vec<KeyValue>) -> SpanData {
        let id = SpanId::from(7);
        let end = SystemTime::now();
        SpanData {
            span_context: SpanContext::new(
                TraceId::from(trace),
                id,
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
            parent_span_id: if is_root { SpanId::INVALID } else { id },
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: name.into(),
            start_time: end - Duration::from_millis(80),
            end_time: end,
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Ok,
            instrumentation_scope: Default::default(),
        }
    }

    fn llm(trace: u128) -> SpanData {
        let attributes = vec![
            KeyValue::new("gen_ai.operation.name", "chat"),
            KeyValue::new(MODEL, "m"),
            KeyValue::new("gen_ai.provider.name", "p"),
            KeyValue::new("gen_ai.usage.input_tokens", 87),
            KeyValue::new("gen_ai.usage.output_tokens", 12),
            KeyValue::new("voce.llm.first_token_seconds", 0.2),
            KeyValue::new("metrics.ttfb", 0.2),
            KeyValue::new("voce.llm.tokens_per_second", 68.9),
            KeyValue::new(VARIANT_NAME, "default"),
        ];
        span("llm", trace, false, attributes)
    }

    fn metrics() -> TurnMetrics {
        let meters = Arc::new(Meters::new(Resource::builder_empty().build(), false).unwrap());
        TurnMetrics::new(&meters, vec![])
    }

    #[test]
    fn turns_whose_root_never_comes_are_forgotten() {
        let mut metrics = metrics();
        for trace in 1..=5_000 {
            metrics.span(&llm(trace));
        }
        assert_eq!((metrics.open.models.len(), metrics.open.order.len()), (MOST_OPEN, MOST_OPEN));
        metrics.span(&span("turn", 5_000, true, vec![]));
        assert_eq!((metrics.open.models.len(), metrics.open.order.len()), (MOST_OPEN - 1, MOST_OPEN - 1));
    }

    #[test]
    fn what_the_dearest_span_costs() {
        const SPANS: u32 = 100_000;
        let mut metrics = metrics();
        let (llm, playout) = (llm(1), span("playout", 1, false, vec![]));
        for (name, span) in [("llm, seven samples", &llm), ("playout, one sample", &playout)] {
            let began = WallClock::now();
            (0..SPANS).for_each(|_| metrics.span(span));
            println!("{name}: {:?} a span", began.elapsed() / SPANS);
        }
    }
}
