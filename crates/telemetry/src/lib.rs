//! Spans to OTLP: the one place that knows every exported name.
//!
//! The rest of voce speaks plain `tracing`. [`install`] sets up the log and the export; from then on every
//! span of a turn goes, under the names of `vocabulary.rs`, to each configured sink. A call never waits for
//! any of it: ending a span is one `try_send`, everything else happens on a thread of its own.
mod batch;
mod config;
mod counters;
mod defects;
mod delivery;
mod encoder;
mod environment;
mod error;
mod install;
mod log;
mod metrics;
mod mlflow;
mod processor;
mod redact;
mod ring;
mod said;
mod sampler;
mod shapes;
mod speculation;
mod trace;
mod translate;
mod vocabulary;
mod watch;
mod worker;

pub use config::{Config, Content, LogConfig, LogFormat, SinkConfig, SinkKind};
pub use counters::Figures;
pub use error::TelemetryError;
pub use install::{Guard, Telemetry, install, layer};
pub use metrics::{CustomConfig, CustomKind, MetricsConfig, PriceConfig};
pub use redact::{CustomPattern, Pattern, RedactConfig, Redactor};
pub use trace::trace_id;
pub use watch::{SeenEvent, SeenSpan};

pub(crate) use counters::Counters;
