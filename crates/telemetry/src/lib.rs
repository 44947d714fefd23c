//! Spans to OTLP: the one place that knows every exported name.
//!
//! The rest of voce speaks plain `tracing`. [`install`] sets up the log and the export; from then on every
//! span of a turn goes, under the names of `vocabulary.rs`, to each configured sink. A call never waits for
//! any of it: ending a span is one `try_send`, everything else happens on a thread of its own.
mod answer;
mod attach;
mod batch;
mod config;
mod counters;
mod defects;
mod delivery;
mod encoder;
mod environment;
mod error;
mod grpc;
mod install;
mod log;
mod metrics;
mod mlflow;
mod outbox;
mod processor;
mod redact;
mod ring;
mod said;
mod sampler;
mod sending;
mod shapes;
mod speculation;
mod spool;
mod trace;
mod translate;
mod vocabulary;
mod watch;
mod worker;

pub use attach::{AUDIO_KEPT, AUDIO_TAG, AudioConfig, Side, artifact_path, attachment_id};
pub use config::{Config, Content, LogConfig, LogFormat, SinkConfig, SinkKind};
pub use counters::{Figures, SinkFigures};
pub use error::TelemetryError;
pub use install::{Guard, Telemetry, install, layer};
pub use metrics::{CustomConfig, CustomKind, MetricsConfig, PriceConfig, Prices};
pub use redact::{CustomPattern, Pattern, RedactConfig, Redactor};
pub use said::is_withheld;
pub use spool::{HeldSpool, HoldError, SpoolConfig, SpoolFile, hold_spool, spool_files};
pub use trace::trace_id;
pub use watch::{SeenEvent, SeenSpan};

pub(crate) use counters::Counters;
