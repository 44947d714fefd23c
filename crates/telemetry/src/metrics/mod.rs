//! Figures of all turns, for Prometheus and OTLP: counters, histograms, and values read when somebody asks.
//!
//! `table.rs` says which span gives which figure. [`TurnMetrics`] reads finished spans on the export thread,
//! so a call pays nothing for it; the SDK adds up; `prometheus()` and `otlp.rs` hand out the sums.
mod address;
mod ask;
mod cost;
mod custom;
mod expression;
mod gauges;
mod meters;
mod otlp;
mod process;
mod settings;
mod sinks;
mod table;
mod turns;

pub use cost::{PriceConfig, Prices};
pub use custom::{CustomConfig, CustomKind};
pub use settings::MetricsConfig;

pub(crate) use address::{MetricsAddress, addresses};
pub(crate) use custom::Custom;
pub(crate) use meters::Meters;
pub(crate) use otlp::Push;
pub(crate) use sinks::register as register_sinks;
pub(crate) use turns::TurnMetrics;
