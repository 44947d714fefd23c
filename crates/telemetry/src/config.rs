//! What an operator can set about logs and traces.
use serde::{Deserialize, Serialize};

use crate::metrics::{MetricsConfig, PriceConfig};
use crate::redact::RedactConfig;
use crate::{attach::AudioConfig, spool::SpoolConfig};

/// `[telemetry]`: what is exported, and where to. The standard `OTEL_*` variables win over it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether traces are exported at all; the log is written either way.
    pub enabled: bool,
    /// Whether traces hold what people said (`full`), or only sizes and hashes of it (`none`).
    pub content: Content,
    /// The name of this program in every trace, unless `OTEL_SERVICE_NAME` is set.
    pub service_name: String,
    /// Finished spans waiting to be put into a batch, at most; more are dropped and counted.
    pub queue_spans: usize,
    /// Spans of one request, at most.
    pub batch_spans: usize,
    /// A batch leaves at the latest this long after its first span, milliseconds. First to the disk, see
    /// `telemetry.spool`: a program that is killed loses at most the spans of this time.
    pub batch_delay_ms: u64,
    /// Memory for batches that are not on disk yet, or cannot be, for each sink, bytes; the oldest are dropped and
    /// counted.
    pub waiting_bytes: usize,
    /// A request that takes longer has failed and is tried again, milliseconds.
    pub timeout_ms: u64,
    /// At the end of the program, what is still waiting gets this long to leave, milliseconds. What is on disk then
    /// is sent at the next start.
    pub flush_ms: u64,
    /// Where traces go; each sink gets all of them.
    pub sinks: Vec<SinkConfig>,
    /// The currency of `prices`, for people.
    pub currency: String,
    /// What language models cost; a model without a price costs nothing.
    pub prices: Vec<PriceConfig>,
    /// Figures over all turns.
    pub metrics: MetricsConfig,
    /// What is replaced before anything leaves the process.
    pub redact: RedactConfig,
    /// What no sink has taken yet, on disk.
    pub spool: SpoolConfig,
    /// Recordings of turns, attached to their traces.
    pub audio: AudioConfig,
    /// What the program writes about itself, on standard error.
    pub log: LogConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            content: Content::Full,
            service_name: "voce".into(),
            queue_spans: 4_096,
            batch_spans: 512,
            batch_delay_ms: 1_000,
            waiting_bytes: 32 * 1024 * 1024,
            timeout_ms: 10_000,
            flush_ms: 5_000,
            sinks: vec![SinkConfig::default()],
            currency: "USD".into(),
            prices: vec![],
            metrics: MetricsConfig::default(),
            redact: RedactConfig::default(),
            spool: SpoolConfig::default(),
            audio: AudioConfig::default(),
            log: LogConfig::default(),
        }
    }
}

/// What of people's words a trace may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// All of it.
    Full,
    /// Sizes and hashes. The hash is keyed anew in every process, so that short answers cannot be guessed.
    None,
}

/// `[[telemetry.sinks]]`: one place that traces go to. Credentials come from the environment
/// (`OTEL_EXPORTER_OTLP_HEADERS`, `MLFLOW_TRACKING_TOKEN`, `MLFLOW_TRACKING_USERNAME` and `_PASSWORD`), never from here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SinkConfig {
    /// `mlflow`, or for any other receiver of OTLP `otlp` (over HTTP) or `otlp-grpc`.
    pub kind: SinkKind,
    /// Address of the server; over HTTP `/v1/traces` is added unless it ends so.
    pub url: String,
    /// MLflow only: the experiment's name; it is made if it is missing.
    pub experiment: String,
    /// MLflow only: the experiment of the judge's own work, a trace for each turn that it scored. Empty: none is kept.
    /// Other receivers get it beside the turns.
    pub judge_experiment: String,
    /// MLflow only: its address as a browser reaches it, for links to traces. Empty: the same as `url`.
    pub page_url: String,
    /// Whether metrics are sent there too. OTLP receivers only: MLflow takes none.
    pub metrics: bool,
}

impl Default for SinkConfig {
    fn default() -> Self {
        Self {
            kind: SinkKind::Mlflow,
            url: "http://127.0.0.1:5000".into(),
            experiment: "voice-bot".into(),
            judge_experiment: "voice-bot-judge".into(),
            page_url: String::new(),
            metrics: false,
        }
    }
}

/// What a sink understands beyond OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkKind {
    /// MLflow: traces belong to an experiment.
    Mlflow,
    /// Plain OTLP over HTTP, protobuf.
    Otlp,
    /// Plain OTLP over gRPC.
    #[serde(rename = "otlp-grpc")]
    OtlpGrpc,
}

/// `[telemetry.log]`: what is written on standard error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// A level (`info`) or directives (`info,voce_pipeline=debug`). `RUST_LOG` wins. What people said is never
    /// written above `debug`.
    pub level: String,
    /// `plain` for people, `json` for machines.
    pub format: LogFormat,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::Plain }
    }
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One line of text.
    Plain,
    /// One JSON object a line.
    Json,
}
