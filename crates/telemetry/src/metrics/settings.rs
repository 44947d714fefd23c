//! What an operator can set about metrics.
use serde::{Deserialize, Serialize};

use super::CustomConfig;

/// `[telemetry.metrics]`: figures over all turns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsConfig {
    /// How often metrics go to sinks with `metrics = true`, milliseconds. `OTEL_METRIC_EXPORT_INTERVAL` wins.
    /// Prometheus fetches `/metrics` when it likes.
    pub interval_ms: u64,
    /// Metrics of one's own, as `[[telemetry.metrics.custom]]`.
    pub custom: Vec<CustomConfig>,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self { interval_ms: 60_000, custom: vec![] }
    }
}
