//! Sets up log and export, and hands out what can be asked of them later.
use std::{
    sync::{
        Arc,
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, SyncSender},
    },
    time::Duration,
};

use bytes::Bytes;

use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanLimits};
use tokio::sync::{mpsc, watch};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::{
    Layer, filter::filter_fn, layer::SubscriberExt, registry::LookupSpan, util::SubscriberInitExt,
};

use crate::{
    Config, Content, Counters, Figures, Redactor, Side, SinkFigures, SinkKind, TelemetryError,
    attach::Attachment,
    counters::seconds_since,
    defects,
    delivery::{Delivery, Reach, SinkState},
    encoder::Encoder,
    environment::{self, Address, Settings},
    log,
    metrics::{self, Custom, Meters, Prices, Push, TurnMetrics},
    outbox::Outbox,
    processor::TurnProcessor,
    said::Said,
    sampler::OnlyTurns,
    spool::Place,
    vocabulary::{LOG_ONLY, SCOPE},
    watch::{SeenSpan, Watchers},
    worker::{Flush, Worker},
};

/// How long the end of the program waits for the last metrics to leave, beside the spans.
const LAST_METRICS: Duration = Duration::from_secs(1);
/// Recordings on their way to the export thread, at most; each may have some megabytes.
const MOST_ATTACHMENTS: usize = 16;
/// How long the end of the program waits for the disk.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

/// Any layer, whatever it is made of.
pub(crate) type AnyLayer<S> = Box<dyn Layer<S> + Send + Sync>;

/// Keeps the export alive; dropping it sends what is left, for `telemetry.flush_ms` at most.
#[must_use = "dropping the guard ends the export of traces"]
#[derive(Debug)]
pub struct Guard {
    flushes: Option<mpsc::Sender<Flush>>,
    metrics_flushes: Option<mpsc::Sender<SyncSender<()>>>,
    /// Says that the export thread has ended.
    ended: Option<Receiver<()>>,
    flush_within: Duration,
    telemetry: Telemetry,
}

/// What can be asked of the running export. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Telemetry {
    /// Of the queue before the sinks.
    queue: Arc<Counters>,
    sinks: Arc<Vec<Sink>>,
    watchers: Watchers,
    /// `None` where telemetry is switched off.
    pub(crate) meters: Option<Arc<Meters>>,
    /// `None`: recordings are not wanted.
    attachments: Option<mpsc::Sender<Attachment>>,
}

#[derive(Debug)]
struct Sink {
    address: Address,
    outbox: Arc<Outbox>,
    counters: Arc<Counters>,
    state: watch::Receiver<SinkState>,
}

/// Installs the log and the export for the whole process. Call it once, first thing; keep the guard to the end.
///
/// Errors: a sink's address, a header or the log level that cannot be used, or a second call. A sink that does
/// not answer is none: it is said in the log and tried again.
pub fn install(config: &Config) -> Result<Guard, TelemetryError> {
    let redactor = Redactor::new(config)?;
    let log = log::layer(&config.log, redactor, environment::process("RUST_LOG"))?;
    let (traces, guard) = layer(config)?;
    tracing_subscriber::registry()
        .with(traces)
        .with(log)
        .try_init()
        .map_err(|_| TelemetryError::AlreadyInstalled)?;
    defects::log_them();
    if config.audio.enabled && config.content == Content::None {
        tracing::warn!("telemetry.audio is off: telemetry.content = \"none\" lets no recording leave");
    }
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
    let queue_counters = Arc::new(Counters::default());
    let mut sinks = Vec::new();
    let mut deliveries = Vec::new();
    let names: Vec<String> = settings.sinks.iter().map(Address::name).collect();
    for address in settings.sinks {
        let client = reqwest::Client::builder().connect_timeout(Duration::from_secs(3)).build()?;
        let counters = Arc::new(Counters::default());
        let place = place(&config, &address, &names);
        let outbox = Arc::new(Outbox::new(config.waiting_bytes, place, counters.clone()));
        let (state, watched) = watch::channel(SinkState::default());
        deliveries.push(Delivery::new(address.clone(), client, outbox.clone(), counters.clone(), state));
        sinks.push(Sink { address, outbox, counters, state: watched });
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
    let audio = config.audio.enabled && sinks.iter().any(|sink| sink.address.kind == SinkKind::Mlflow);
    let (attach, attachments) = mpsc::channel(MOST_ATTACHMENTS);
    let (ended, has_ended) = std::sync::mpsc::sync_channel(1);
    Worker {
        spans,
        flushes: asked,
        attachments,
        audio,
        ended,
        said: Said::new(Redactor::new(&config)?),
        encoder: Encoder::new(&resource)?,
        counters: queue_counters.clone(),
        batch_spans: config.batch_spans,
        batch_delay: Duration::from_millis(config.batch_delay_ms),
        deliveries,
        prices,
        observers: vec![Box::new(turn_metrics), Box::new(watchers.clone())],
        metrics: push,
    }
    .start()?;
    let waiting = queue.downgrade();
    let provider = provider(TurnProcessor::new(queue, queue_counters.clone()));
    let telemetry = Telemetry {
        queue: queue_counters,
        sinks: Arc::new(sinks),
        watchers,
        meters: Some(meters),
        attachments: audio.then_some(attach),
    };
    metrics::register_sinks(&telemetry, waiting);
    let guard = Guard {
        flushes: Some(flushes),
        metrics_flushes,
        ended: Some(has_ended),
        flush_within: Duration::from_millis(config.flush_ms),
        telemetry,
    };
    Ok((provider, guard))
}

fn place(config: &Config, sink: &Address, configured: &[String]) -> Option<Place> {
    let days = u64::from(config.spool.keep_days);
    config.spool.enabled.then(|| Place {
        dir: config.spool.folder(),
        name: sink.name(),
        longest_bytes: config.spool.bytes,
        keep: (days > 0).then(|| Duration::from_secs(days * 24 * 60 * 60)),
        configured: configured.to_vec(),
    })
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
            queue: Arc::default(),
            sinks: Arc::default(),
            watchers: Watchers::default(),
            meters: None,
            attachments: None,
        };
        Self { flushes: None, metrics_flushes: None, ended: None, flush_within: Duration::ZERO, telemetry }
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
        if self.flushes.is_none() {
            return;
        }
        let all_sent = self.flush(self.flush_within);
        // The last figures; who looks at them misses at most an interval.
        self.flush_metrics(self.flush_within.min(LAST_METRICS));
        drop(self.flushes.take());
        // An error says that the thread has ended, or that the disk takes too long.
        let _ = self.ended.take().map(|ended| ended.recv_timeout(ENDS_WITHIN));
        if all_sent {
            return;
        }
        let lost: u64 = self.telemetry.sinks.iter().map(|sink| sink.outbox.spans_in_memory()).sum();
        let kept = self.telemetry.waiting() as u64 - lost;
        if kept > 0 {
            tracing::warn!(
                spans = kept,
                "some spans could not be delivered before the end; they are kept on disk and sent at the next start"
            );
        }
        if lost > 0 {
            tracing::warn!(spans = lost, "some spans could not be delivered before the end and are lost");
        }
    }
}

impl Telemetry {
    /// How many spans went where, since the start, over all sinks.
    pub fn figures(&self) -> Figures {
        let sum = |of: fn(&Counters) -> u64| self.sinks.iter().map(|sink| of(&sink.counters)).sum::<u64>();
        Figures {
            exported: sum(Counters::exported),
            dropped: self.queue_dropped() + sum(Counters::dropped),
            failed: sum(Counters::refused),
        }
    }

    /// Spans that were dropped before any sink could have them, since `telemetry.queue_spans` was full.
    pub fn queue_dropped(&self) -> u64 {
        self.queue.dropped()
    }

    pub(crate) fn queue_counters(&self) -> Arc<Counters> {
        self.queue.clone()
    }

    /// What each sink has taken, and what waits for it.
    pub fn sink_figures(&self) -> Vec<SinkFigures> {
        self.sinks.iter().map(Sink::figures).collect()
    }

    /// Whether spans are made at all.
    pub fn is_on(&self) -> bool {
        self.meters.is_some()
    }

    /// Whether recordings are wanted: `telemetry.audio` is on, and there is an MLflow to put them into.
    pub fn takes_audio(&self) -> bool {
        self.attachments.is_some()
    }

    /// Puts the recording of one side of a turn (a WAV file) beside its trace (32 hex digits), in each MLflow sink.
    /// Call it after the turn's last span has ended. It never waits; `false` where recordings are not wanted, or where
    /// too many are on their way, which is counted.
    pub fn attach(&self, trace_id: &str, side: Side, wav: impl Into<Bytes>) -> bool {
        let Some(attachments) = &self.attachments else { return false };
        let attachment = Attachment { trace_id: trace_id.to_owned(), side, wav: wav.into() };
        let taken = attachments.try_send(attachment).is_ok();
        if !taken {
            self.queue.add_attachments_dropped(1);
        }
        taken
    }

    /// Sends every finished span of a turn to `watcher` from now on, as it leaves: under its exported names, with the content
    /// switch applied. A watcher whose queue is full misses spans; one that is dropped is forgotten.
    pub fn watch(&self, watcher: mpsc::Sender<SeenSpan>) {
        self.watchers.add(watcher);
    }

    /// Spans that a sink has not taken yet, in memory and on disk.
    pub fn waiting(&self) -> usize {
        self.sinks.iter().map(|sink| usize::try_from(sink.outbox.spans()).unwrap_or(usize::MAX)).sum()
    }

    /// Each sink's address, and whether it answered last: `None` before the first try.
    pub fn sinks(&self) -> Vec<(String, Option<bool>)> {
        self.sinks.iter().map(|sink| (sink.address.base.to_string(), sink.is_up())).collect()
    }

    /// [`Self::sink_figures`] for later, without holding on to the rest of the telemetry.
    pub(crate) fn sinks_only(&self) -> impl Fn() -> Vec<SinkFigures> + Send + Sync + 'static {
        let sinks = self.sinks.clone();
        move || sinks.iter().map(Sink::figures).collect()
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

impl Sink {
    fn is_up(&self) -> Option<bool> {
        match self.state.borrow().reach {
            Reach::Untried => None,
            Reach::Reached => Some(true),
            Reach::Away => Some(false),
        }
    }

    fn figures(&self) -> SinkFigures {
        let spooled = self.outbox.spooled();
        let oldest_ms = spooled.oldest_ms.load(Relaxed);
        SinkFigures {
            sink: self.address.base.to_string(),
            kind: self.address.kind,
            up: self.is_up(),
            exported: self.counters.exported(),
            dropped: self.counters.dropped(),
            refused: self.counters.refused(),
            spooled: self.counters.spooled(),
            waiting_spans: self.outbox.spans(),
            waiting_bytes: self.outbox.bytes(),
            oldest_seconds: (oldest_ms > 0).then(|| seconds_since(oldest_ms)),
            on_disk: self.outbox.is_on_disk(),
            attachments_sent: self.counters.attachments_sent(),
            attachments_dropped: self.counters.attachments_dropped(),
            attachments_waiting: spooled.attachments.load(Relaxed),
        }
    }
}
