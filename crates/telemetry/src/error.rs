//! Why telemetry could not be set up. Once it runs, nothing about it is an error any more.
use thiserror::Error;

/// A mistake in the configuration, or a program that sets telemetry up twice.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// A sink's address cannot be used.
    #[error(
        "telemetry: sink address {url:?} is not usable ({reason}); expected something like http://127.0.0.1:5000"
    )]
    Address {
        /// As configured.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A header for the sinks cannot be used. Its value is not shown: it may be a credential.
    #[error(
        "telemetry: header {name:?} from the environment is not a valid HTTP header; expected name=value,name=value"
    )]
    Header {
        /// Its name.
        name: String,
    },
    /// A sink that takes no metrics was asked to.
    #[error(
        "telemetry: sink {url:?} has metrics = true, but MLflow takes no metrics; set it on a sink of kind otlp, or let Prometheus fetch /metrics"
    )]
    NoMetrics {
        /// The sink's address.
        url: String,
    },
    /// A metric of the configuration cannot be used.
    #[error("telemetry.metrics.custom, entry {entry} ({name:?}): {reason}")]
    Metric {
        /// Counted from 1.
        entry: usize,
        /// As configured.
        name: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A price of the configuration cannot be used.
    #[error("telemetry.prices, entry {entry}: {reason}")]
    Price {
        /// Counted from 1.
        entry: usize,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// The environment wants a protocol that is not spoken here.
    #[error(
        "telemetry: OTEL_EXPORTER_OTLP_PROTOCOL {protocol:?} is not supported; expected grpc or http/protobuf"
    )]
    Protocol {
        /// As in the environment.
        protocol: String,
    },
    /// The log filter cannot be read.
    #[error(
        "telemetry: log level {directives:?} is not understood ({reason}); expected a level such as info, or directives such as info,voce_pipeline=debug"
    )]
    LogLevel {
        /// As configured.
        directives: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A custom pattern of the redaction cannot be used.
    #[error(
        "telemetry.redact.custom: pattern {name:?} is not usable ({reason}); expected e.g. name = \"order\", regex = '\\bORD-\\d{{8}}\\b'"
    )]
    Redact {
        /// Its name as configured.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Telemetry was set up before in this process.
    #[error("telemetry: a log is already installed in this process; install it once, at the start")]
    AlreadyInstalled,
    /// The export thread could not be started.
    #[error("telemetry: the export thread could not start: {0}")]
    Thread(#[from] std::io::Error),
    /// The OTLP exporter does not accept its environment.
    #[error("telemetry: the exporter could not be built: {0}; check the OTEL_EXPORTER_OTLP_* variables")]
    Exporter(String),
    /// The HTTP client could not be built.
    #[error("telemetry: the HTTP client could not be built: {0}")]
    Client(#[from] reqwest::Error),
}
