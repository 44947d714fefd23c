//! Metrics that operators add by configuration alone: an expression over a span's attributes.
use opentelemetry::KeyValue;
use opentelemetry_sdk::trace::SpanData;
use serde::{Deserialize, Serialize};

use super::{
    Meters,
    expression::{Expression, Failure},
    meters::Instrument,
    table::{METRICS, OTHERS},
    turns::{attribute, text},
};
use crate::{
    TelemetryError,
    vocabulary::{Meaning, SESSION_ID, SPAN_INPUTS, SPAN_OUTPUTS, SPANS, SpanWords, USER_ID},
};

/// Custom metrics, at most: each costs every span of its name an evaluation.
const MOST: usize = 50;
const MOST_LABELS: usize = 8;
const MOST_BUCKETS: usize = 100;
/// OpenTelemetry's limits.
const LONGEST_NAME: usize = 255;
const LONGEST_UNIT: usize = 63;

/// `[[telemetry.metrics.custom]]`: one metric of one's own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CustomConfig {
    /// Its name, e.g. `shop.tts.speed`; Prometheus sees dots as underscores and the unit as a suffix.
    pub name: String,
    /// Its unit in UCUM's spelling: `s`, `By`, `{word}`. Empty: none.
    pub unit: String,
    /// What it says, for people.
    pub description: String,
    /// `histogram`, or `counter` for values that are added up.
    pub kind: CustomKind,
    /// The name of the spans that it looks at, e.g. `tts`.
    pub span: String,
    /// The value, in CEL, over `attributes`, `duration_seconds`, `name` and `failed`. Numbers are floating-point.
    pub value: String,
    /// Which spans count, in CEL. Empty: all.
    pub when: String,
    /// Attributes that become labels.
    pub labels: Vec<String>,
    /// Upper bounds of a histogram's buckets, growing.
    pub buckets: Vec<f64>,
}

/// What becomes of a custom metric's values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomKind {
    /// Their distribution.
    #[default]
    Histogram,
    /// Their sum.
    Counter,
}

/// One custom metric at work.
pub(crate) struct Custom {
    name: String,
    span: String,
    value: Expression,
    when: Option<Expression>,
    labels: Vec<String>,
    instrument: Instrument,
    errors: Instrument,
    warned: bool,
}

impl Custom {
    /// All of the configuration, checked. Errors name the entry and what is wrong in it.
    pub(crate) fn all(configs: &[CustomConfig], meters: &Meters) -> Result<Vec<Self>, TelemetryError> {
        if configs.len() > MOST {
            let reason = format!("there are {} custom metrics; at most {MOST} are allowed", configs.len());
            return Err(TelemetryError::Metric { entry: MOST + 1, name: configs[MOST].name.clone(), reason });
        }
        let errors = meters.counter(
            "voce.telemetry.custom_errors".to_owned(),
            String::new(),
            "Spans for which a custom metric could not be computed.".to_owned(),
        );
        let mut all = Vec::with_capacity(configs.len());
        for (index, config) in configs.iter().enumerate() {
            let bad = |reason| TelemetryError::Metric { entry: index + 1, name: config.name.clone(), reason };
            check(config, &configs[..index]).map_err(bad)?;
            let value = Expression::new(&config.value).map_err(|reason| bad(format!("value: {reason}")))?;
            let when = match config.when.as_str() {
                "" => None,
                when => Some(Expression::new(when).map_err(|reason| bad(format!("when: {reason}")))?),
            };
            let (name, unit, description) =
                (config.name.clone(), config.unit.clone(), config.description.clone());
            let instrument = match config.kind {
                CustomKind::Counter => meters.counter(name, unit, description),
                CustomKind::Histogram => meters.histogram(name, unit, description, config.buckets.clone()),
            };
            all.push(Self {
                name: config.name.clone(),
                span: config.span.clone(),
                value,
                when,
                labels: config.labels.clone(),
                instrument,
                errors: errors.clone(),
                warned: false,
            });
        }
        Ok(all)
    }

    /// A span has finished.
    pub(super) fn span(&mut self, span: &SpanData) {
        if span.name != self.span.as_str() {
            return;
        }
        match self.sample(span) {
            Ok(Some(value)) => self.instrument.record(value, &self.labels(span)),
            Ok(None) => {}
            Err(Failure::Missing(what)) => {
                tracing::debug!(
                    metric = self.name,
                    missing = what,
                    "a custom metric has no value for this span"
                );
            }
            Err(Failure::Wrong(reason)) => {
                self.errors.record(1.0, &[KeyValue::new("metric", self.name.clone())]);
                if !std::mem::replace(&mut self.warned, true) {
                    tracing::warn!(
                        metric = self.name,
                        reason,
                        "a custom metric could not be computed; further errors are counted in voce.telemetry.custom_errors"
                    );
                }
            }
        }
    }

    fn sample(&self, span: &SpanData) -> Result<Option<f64>, Failure> {
        if let Some(when) = &self.when
            && !when.condition(span)?
        {
            return Ok(None);
        }
        let value = self.value.number(span)?;
        if matches!(self.instrument, Instrument::Counter(_)) && value < 0.0 {
            return Err(Failure::Wrong(format!("{value} is negative; a counter only grows")));
        }
        Ok(Some(value))
    }

    fn labels(&self, span: &SpanData) -> Vec<KeyValue> {
        let label = |key: &String| Some(KeyValue::new(key.clone(), text(attribute(span, key)?)));
        self.labels.iter().filter_map(label).collect()
    }
}

/// Everything but the expressions.
fn check(config: &CustomConfig, earlier: &[CustomConfig]) -> Result<(), String> {
    let name = &config.name;
    let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/'));
    if !is_name || name.len() > LONGEST_NAME {
        return Err(format!(
            "name {name:?} is none; expected a letter, then letters, digits, _ . - or /, {LONGEST_NAME} at most"
        ));
    }
    let mut taken = METRICS.iter().map(|metric| metric.name).chain(OTHERS.iter().copied());
    if let Some(other) = taken.find(|taken| collide(taken, name)) {
        return Err(format!("name {name:?} is taken by voce's own metric {other}; choose another"));
    }
    if let Some(place) = earlier.iter().position(|earlier| collide(&earlier.name, name)) {
        return Err(format!("name {name:?} is taken by entry {}; choose another", place + 1));
    }
    if !config.unit.is_ascii() || config.unit.len() > LONGEST_UNIT {
        return Err(format!(
            "unit {:?} is none; expected up to {LONGEST_UNIT} ASCII characters",
            config.unit
        ));
    }
    let Some(words) = SPANS.iter().find(|words| words.name == config.span) else {
        let known: Vec<&str> = SPANS.iter().map(|words| words.name).collect();
        return Err(format!("span {:?} is unknown; expected one of {}", config.span, known.join(", ")));
    };
    check_labels(&config.labels, words)?;
    match config.kind {
        CustomKind::Histogram => check_buckets(&config.buckets),
        CustomKind::Counter if !config.buckets.is_empty() => {
            Err("buckets: a counter has none; leave them out or set kind = \"histogram\"".to_owned())
        }
        CustomKind::Counter => Ok(()),
    }
}

fn check_labels(labels: &[String], words: &SpanWords) -> Result<(), String> {
    if labels.len() > MOST_LABELS {
        return Err(format!("labels: there are {}; at most {MOST_LABELS} are allowed", labels.len()));
    }
    for (index, label) in labels.iter().enumerate() {
        if label.is_empty() || label == "le" {
            return Err(format!(
                "labels: {label:?} cannot be one; expected an attribute such as gen_ai.request.model"
            ));
        }
        if matches!(
            label.as_str(),
            SESSION_ID | USER_ID | "conversation.id" | "gen_ai.conversation.id" | "turn.number"
        ) {
            return Err(format!(
                "labels: {label} differs from call to call, and every value is kept for ever"
            ));
        }
        let is_said = matches!(label.as_str(), SPAN_INPUTS | SPAN_OUTPUTS)
            || words
                .fields
                .iter()
                .any(|field| field.meaning == Meaning::Said && field.exported.contains(&label.as_str()));
        if is_said {
            return Err(format!("labels: {label} holds what people said, and every value is kept for ever"));
        }
        if labels[..index].iter().any(|earlier| plain(earlier) == plain(label)) {
            return Err(format!("labels: {label} stands there twice"));
        }
    }
    Ok(())
}

fn check_buckets(buckets: &[f64]) -> Result<(), String> {
    if buckets.is_empty() || buckets.len() > MOST_BUCKETS {
        return Err(format!(
            "buckets: expected 1 to {MOST_BUCKETS} growing upper bounds, e.g. [0.1, 0.5, 1.0], found {}",
            buckets.len()
        ));
    }
    if let Some(bound) = buckets.iter().find(|bound| !bound.is_finite()) {
        return Err(format!("buckets: {bound} is no bound"));
    }
    match buckets.windows(2).find(|pair| pair[0] >= pair[1]) {
        Some(pair) => Err(format!("buckets: {} stands before {}; expected growing bounds", pair[0], pair[1])),
        None => Ok(()),
    }
}

/// Whether two names are the same for Prometheus, or for OpenTelemetry, which knows no capitals.
fn collide(one: &str, other: &str) -> bool {
    plain(one) == plain(other)
}

fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}
