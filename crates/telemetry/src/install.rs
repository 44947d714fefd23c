//! Sets up log and export, and hands out what can be asked of them later.
use std::{
    sync::{Arc, mpsc::SyncSender},
    time::Duration,
};

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanLimits};
use tokio::sync::{mpsc, watch};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::{
    Layer, filter::filter_fn, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

use crate::{
    Config, Counters, Figures, Redactor, SinkKind, TelemetryError, defects,
    delivery::{Delivery, Reach, SinkState},
    encoder::Encoder,
    environment::{self, Address, Settings},
    log,
    metrics::{self, Custom, Meters, Prices, Push, TurnMetrics},
    processor::TurnProcessor,
    ring::Ring,
    said::Said,
    sampler::OnlyTurns,
    vocabulary::{LOG_ONLY, SCOPE},
    watch::{SeenSpan, Watchers},
    worker::{Flush, Worker},
};

/// How long the end of the program waits for the last metrics to leave, beside the spans.
const LAST_METRICS: Duration = Duration::from_secs(1);

/// Any layer, whatever it is made of.
pub(crate) type AnyLayer<S> = Box<dyn Layer<S> + Send + Sync>;

/// Keeps the export alive; dropping it sends what is left, for `telemetry.flush_ms` at most.
#[must_use = "dropping the guard ends the export of traces"]
#[derive(Debug)]
pub struct Guard {
    flushes: Option<mpsc::Sender<Flush>>,
    metrics_flushes: Option<mpsc::Sender<SyncSender<()>>>,
    flush_within: Duration,
    telemetry: Telemetry,
}

/// What can be asked of the running export. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Telemetry {
    pub(crate) counters: Arc<Counters>,
    sinks: Arc<Vec<Sink>>,
    watchers: Watchers,
    /// `None` where telemetry is switched off.
    pub(crate) meters: Option<Arc<Meters>>,
}

#[derive(Debug)]
struct Sink {
    address: Address,
    ring: Arc<Ring>,
    state: watch::Receiver<SinkState>,
}

/// Installs the log and the export for the whole process. Call it once, first thing; keep the guard to the end.
///
/// Errors: a sink's address, a header or the log level that cannot be used, or a second call. A sink that does
/// not answer is none: it is said in the log and tried again.
pub fn install(config: &Config) -> Result<Guard, TelemetryError> {
    let (traces, guard) = layer(config)?;
    let redactor = Redactor::new(config)?;
    let log = log::layer(&config.log, redactor, environment::process("RUST_LOG"))?;
    tracing_subscriber::registry()
        .with(traces)
        .with(log)
        .try_init()
        .map_err(|_| TelemetryError::AlreadyInstalled)?;
    defects::log_them();
    Ok(guard)
}

/// The export alone, as a layer for a subscriber of one's own; a test's, for instance. The layer is `None` when
/// traces are switched off.
pub fn layer<S>(config: &Config) -> Result<(Option<AnyLayer<S>>, Guard), TelemetryError>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    match environment::settings(config, &environment::process)? {
        Some(settings) => {
            let (provider, guard) = export(settings)?;
            Ok((Some(layer_of(&provider)), guard))
        }
        None => Ok((None, Guard::idle())),
    }
}

fn export(settings: Settings) -> Result<(SdkTracerProvider, Guard), TelemetryError> {
    // Whoever installed a provider before us chose well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = settings.config;
    let resource = environment::resource(&config, &environment::process);
    let meters = Arc::new(Meters::new(resource.clone(), !settings.metrics.is_empty())?);
    let turn_metrics = TurnMetrics::new(&meters, Custom::all(&config.metrics.custom, &meters)?);
    let prices = Prices::new(&config.prices)?;
    let counters = Arc::new(Counters::default());
    let mut sinks = Vec::new();
    let mut deliveries = Vec::new();
    for address in settings.sinks {
        let client = reqwest::Client::builder().connect_timeout(Duration::from_secs(3)).build()?;
        let ring = Arc::new(Ring::new(config.waiting_bytes));
        let (state, watched) = watch::channel(SinkState::default());
        deliveries.push(Delivery::new(address.clone(), client, ring.clone(), counters.clone(), state));
        sinks.push(Sink { address, ring, state: watched });
    }
    let watchers = Watchers::default();
    let (queue, spans) = mpsc::channel(config.queue_spans);
    let (flushes, asked) = mpsc::channel(4);
    let (metrics_flushes, metrics_asked) = mpsc::channel(1);
    let push = match settings.metrics {
        receivers if receivers.is_empty() => None,
        receivers => Some(Push {
            meters: meters.clone(),
            receivers,
            client: reqwest::Client::builder().connect_timeout(Duration::from_secs(3)).build()?,
            every: settings.metrics_interval,
            flushes: metrics_asked,
        }),
    };
    let metrics_flushes = push.is_some().then_some(metrics_flushes);
    Worker {
        spans,
        flushes: asked,
        said: Said::new(Redactor::new(&config)?),
        encoder: Encoder::new(&resource)?,
        counters: counters.clone(),
        batch_spans: config.batch_spans,
        batch_delay: Duration::from_millis(config.batch_delay_ms),
        deliveries,
        prices,
        observers: vec![Box::new(turn_metrics), Box::new(watchers.clone())],
        metrics: push,
    }
    .start()?;
    let waiting = queue.downgrade();
    let provider = provider(TurnProcessor::new(queue, counters.clone()));
    let telemetry = Telemetry { counters, sinks: Arc::new(sinks), watchers, meters: Some(meters) };
    metrics::register_sinks(&telemetry, waiting);
    let flush_within = Duration::from_millis(config.flush_ms);
    Ok((provider, Guard { flushes: Some(flushes), metrics_flushes, flush_within, telemetry }))
}

pub(crate) fn provider(processor: TurnProcessor) -> SdkTracerProvider {
    SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(OnlyTurns)
        .with_span_limits(SpanLimits::default())
        .build()
}

/// Our spans, and what happens in them from INFO up. Nothing of the crates that we use: h2, hyper and the WebRTC
/// stack have spans by the thousand.
pub(crate) fn layer_of<S>(provider: &SdkTracerProvider) -> AnyLayer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer(SCOPE))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false)
        // The parent is the current tracing span; nobody here asks for the current OpenTelemetry context.
        .with_context_activation(false)
        .with_filter(filter_fn(is_ours))
        .boxed()
}

fn is_ours(metadata: &Metadata) -> bool {
    *metadata.level() <= tracing::Level::INFO
        && metadata.target().starts_with("voce")
        && !LOG_ONLY.contains(&metadata.name())
}

impl Guard {
    fn idle() -> Self {
        let telemetry = Telemetry {
            counters: Arc::default(),
            sinks: Arc::default(),
            watchers: Watchers::default(),
            meters: None,
        };
        Self { flushes: None, metrics_flushes: None, flush_within: Duration::ZERO, telemetry }
    }

    /// Sends all that was finished before this call. Returns whether every sink has all of it; `false` after
    /// `within`. It blocks the thread, so not for use in a call.
    pub fn flush(&self, within: Duration) -> bool {
        let Some(flushes) = &self.flushes else { return true };
        let (done, answer) = std::sync::mpsc::sync_channel(1);
        flushes.try_send(done).is_ok() && answer.recv_timeout(within).unwrap_or(false)
    }

    /// Sends metrics to the sinks that want them now, of all spans that [`Self::flush`] was called for. Returns
    /// whether that was over `within` that time. It blocks the thread.
    pub fn flush_metrics(&self, within: Duration) -> bool {
        let Some(flushes) = &self.metrics_flushes else { return true };
        let (done, answer) = std::sync::mpsc::sync_channel(1);
        flushes.try_send(done).is_ok() && answer.recv_timeout(within).is_ok()
    }

    /// What can be asked of the export while it runs.
    pub fn telemetry(&self) -> Telemetry {
        self.telemetry.clone()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.flushes.is_some() && !self.flush(self.flush_within) {
            let waiting = self.telemetry.waiting();
            tracing::warn!(spans = waiting, "some spans could not be delivered before the end and are lost");
        }
        // The last figures; who looks at them misses at most an interval.
        self.flush_metrics(self.flush_within.min(LAST_METRICS));
    }
}

impl Sink {
    fn reached(&self) -> (String, Option<bool>) {
        let reached = match self.state.borrow().reach {
            Reach::Untried => None,
            Reach::Reached => Some(true),
            Reach::Away => Some(false),
        };
        (self.address.base.to_string(), reached)
    }
}

impl Telemetry {
    /// How many spans went where, since the start.
    pub fn figures(&self) -> Figures {
        self.counters.figures()
    }

    /// Sends every finished span to `watcher` from now on, as it leaves: under its exported names, with the content
    /// switch applied. A watcher whose queue is full misses spans; one that is dropped is forgotten.
    pub fn watch(&self, watcher: mpsc::Sender<SeenSpan>) {
        self.watchers.add(watcher);
    }

    /// Spans in memory that a sink has not taken yet.
    pub fn waiting(&self) -> usize {
        self.sinks.iter().map(|sink| sink.ring.spans()).sum()
    }

    /// Each sink's address, and whether it answered last: `None` before the first try.
    pub fn sinks(&self) -> Vec<(String, Option<bool>)> {
        self.sinks.iter().map(Sink::reached).collect()
    }

    /// The same for later, without holding on to the rest of the telemetry.
    pub(crate) fn sinks_only(&self) -> impl Fn() -> Vec<(String, Option<bool>)> + Send + Sync + 'static {
        let sinks = self.sinks.clone();
        move || sinks.iter().map(Sink::reached).collect()
    }

    /// The page of a trace (32 hex digits, see [`crate::trace_id`]) in the first MLflow sink; `None` without one, or
    /// before its experiment is known.
    pub fn trace_url(&self, trace_id: &str) -> Option<String> {
        let sink = self.sinks.iter().find(|sink| sink.address.kind == SinkKind::Mlflow)?;
        let experiment = sink.state.borrow().experiment.clone()?;
        Some(format!(
            "{}/#/experiments/{experiment}/traces?selectedEvaluationId=tr-{trace_id}",
            sink.address.page
        ))
    }
}
