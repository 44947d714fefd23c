//! The instruments of the process and the two ways to read them.
use std::{fmt, sync::Arc, time::Duration};

use opentelemetry::{
    InstrumentationScope, KeyValue,
    metrics::{Counter, Histogram, Meter, MeterProvider},
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    metrics::{
        InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Stream, Temporality, data::ResourceMetrics,
        reader::MetricReader,
    },
};
use prometheus::TextEncoder;

use super::{gauges::Gauges, process, table};
use crate::{TelemetryError, vocabulary::SCOPE};

/// Different sets of labels that one metric has, at most; what comes beyond is added up under
/// `otel_metric_overflow="true"`. Models and variants are few; labels of custom metrics are whatever somebody chose.
const MOST_SERIES: usize = 400;

/// Every instrument, and the sums.
pub(crate) struct Meters {
    // The readers look at it weakly.
    _provider: SdkMeterProvider,
    meter: Meter,
    registry: prometheus::Registry,
    pushed: Option<Reader>,
    pub(super) gauges: Gauges,
    pub(super) scores: Histogram<f64>,
}

/// A sum or a distribution.
#[derive(Clone)]
pub(super) enum Instrument {
    Counter(Counter<f64>),
    Histogram(Histogram<f64>),
}

impl Meters {
    /// All but the custom instruments. `pushed` says whether somebody will call [`Self::collect`].
    pub(crate) fn new(resource: Resource, pushed: bool) -> Result<Self, TelemetryError> {
        let registry = prometheus::Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            // One scope: a label that is everywhere the same.
            .scope_info_enabled(false)
            .build()
            .map_err(|error| TelemetryError::Exporter(error.to_string()))?;
        let pushed = pushed.then(Reader::default);
        let mut builder = SdkMeterProvider::builder()
            .with_resource(resource)
            .with_reader(exporter)
            .with_view(|_: &opentelemetry_sdk::metrics::Instrument| {
                Stream::builder().with_cardinality_limit(MOST_SERIES).build().ok()
            });
        if let Some(reader) = &pushed {
            builder = builder.with_reader(reader.clone());
        }
        let provider = builder.build();
        let meter = provider.meter_with_scope(InstrumentationScope::builder(SCOPE).build());
        let gauges = Gauges::new(meter.clone());
        process::register(&gauges);
        let scores = meter
            .f64_histogram("voce.judge.score")
            .with_description("Scores of answers, 1 to 5, by what was judged and by whom.")
            .with_boundaries(table::SCORE.to_vec())
            .build();
        Ok(Self { _provider: provider, meter, registry, pushed, gauges, scores })
    }

    pub(super) fn counter(&self, name: String, unit: String, description: String) -> Instrument {
        let counter = self.meter.f64_counter(name).with_unit(unit).with_description(description);
        Instrument::Counter(counter.build())
    }

    pub(super) fn histogram(
        &self,
        name: String,
        unit: String,
        description: String,
        buckets: Vec<f64>,
    ) -> Instrument {
        let histogram = self.meter.f64_histogram(name).with_unit(unit).with_description(description);
        Instrument::Histogram(histogram.with_boundaries(buckets).build())
    }

    /// Everything in Prometheus's text format.
    pub(crate) fn text(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_else(|error| {
            tracing::warn!(%error, "metrics could not be written for Prometheus");
            format!("# metrics could not be written: {error}\n")
        })
    }

    /// Everything for OTLP; `None` if it was said that nobody would ask.
    pub(super) fn collect(&self) -> Option<ResourceMetrics> {
        let mut metrics = ResourceMetrics::default();
        self.pushed.as_ref()?.collect(&mut metrics).ok()?;
        Some(metrics)
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Meters")
    }
}

impl Instrument {
    /// Counters only grow, and no sum survives a NaN: such samples are left out.
    pub(super) fn record(&self, value: f64, labels: &[KeyValue]) {
        match self {
            Self::Counter(counter) if value.is_finite() && value >= 0.0 => counter.add(value, labels),
            Self::Histogram(histogram) if value.is_finite() => histogram.record(value, labels),
            Self::Counter(_) | Self::Histogram(_) => {}
        }
    }
}

/// The SDK takes a reader away from whoever made it; this one stays in both hands.
#[derive(Clone, Debug)]
struct Reader(Arc<ManualReader>);

impl Default for Reader {
    fn default() -> Self {
        Self(Arc::new(ManualReader::builder().with_temporality(Temporality::Cumulative).build()))
    }
}

impl MetricReader for Reader {
    fn register_pipeline(&self, pipeline: std::sync::Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}
