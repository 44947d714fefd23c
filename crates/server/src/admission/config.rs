//! `[admission]`: when the server is full although places are free.
use serde::{Deserialize, Serialize};

/// Settings of the measured budget. The number of places is `transport.max_calls`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdmissionConfig {
    /// Whether new calls are refused while those that go on would notice one more.
    pub enabled: bool,
    /// Time that work for calls has waited for a model, milliseconds, 90th percentile of the window. Above it no call
    /// is let in.
    pub max_wait_ms: u64,
    /// Time that a task which is due has waited for a thread, milliseconds, 90th percentile of the window. Above it no call
    /// is let in: sound would begin to break.
    pub max_lag_ms: u64,
    /// How far back the measurements reach, seconds.
    pub window_seconds: u64,
}

impl Default for AdmissionConfig {
    fn default() -> Self {
        Self { enabled: true, max_wait_ms: 1_000, max_lag_ms: 50, window_seconds: 20 }
    }
}
