//! What the rest of voce may ask of metrics, and add to them.
use std::sync::Arc;

use opentelemetry::KeyValue;

use super::gauges::Words;
use crate::{Telemetry, said::cut};

/// The longest value of a label, bytes: names, never texts.
pub(super) const LONGEST_LABEL: usize = 128;

impl Telemetry {
    /// All metrics in Prometheus's text format, version 0.0.4. One line of comment where telemetry is switched off.
    /// Reads all gauges, so it may take a millisecond: not for the audio path.
    pub fn prometheus(&self) -> String {
        match &self.meters {
            Some(meters) => meters.text(),
            None => {
                "# telemetry is switched off (telemetry.enabled = false, or OTEL_SDK_DISABLED): no metrics\n"
                    .to_owned()
            }
        }
    }

    /// A value that goes up and down and is read when metrics are asked for. `unit` in UCUM's spelling, empty for
    /// none. The same name may be given again with other labels.
    pub fn gauge(
        &self,
        name: &'static str,
        unit: &'static str,
        description: &'static str,
        labels: &[(&'static str, &str)],
        value: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.observe(Words { name, unit, description, is_counter: false }, labels, value);
    }

    /// The same for a value that only grows.
    pub fn counter(
        &self,
        name: &'static str,
        unit: &'static str,
        description: &'static str,
        labels: &[(&'static str, &str)],
        value: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        self.observe(Words { name, unit, description, is_counter: true }, labels, value);
    }

    /// Somebody judged an answer: `metric` says which quality (`faithfulness`), `value` how good from 1 to 5,
    /// `source` who (a model's name, `human`), `variant` which configuration answered.
    pub fn score(&self, metric: &str, value: f64, source: &str, variant: &str) {
        let Some(meters) = &self.meters else { return };
        if !value.is_finite() {
            return;
        }
        let label =
            |name: &'static str, value: &str| KeyValue::new(name, cut(value, LONGEST_LABEL).to_owned());
        let labels = [label("metric", metric), label("source", source), label("variant", variant)];
        meters.scores.record(value, &labels);
    }

    fn observe(
        &self,
        words: Words,
        labels: &[(&'static str, &str)],
        value: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        let Some(meters) = &self.meters else { return };
        let labels: Arc<[KeyValue]> =
            labels.iter().map(|(name, value)| KeyValue::new(*name, (*value).to_owned())).collect();
        meters.gauges.add(words, Box::new(move |observe| observe(value(), &labels)));
    }
}
