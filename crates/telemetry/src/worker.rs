//! The export thread: collects finished spans, translates and encodes them, and runs the sinks.
//!
//! It has a runtime of its own, so that neither translating nor a slow sink takes time from the calls, and so
//! that it works whoever sets it up.
use std::{
    sync::{Arc, mpsc::SyncSender},
    time::Duration,
};

use opentelemetry_sdk::trace::SpanData;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    Counters, TelemetryError,
    attach::{Attachment, refer},
    batch::Topic,
    delivery::Delivery,
    encoder::Encoder,
    metrics::{Prices, Push},
    outbox::Outbox,
    said::Said,
    translate::translate,
    vocabulary::is_of_judge,
};

/// How often a full queue is mentioned in the log, at most.
const SAY_DROPPED_EVERY: Duration = Duration::from_secs(60);

/// Asks the thread to send all it has; answered with whether nothing is left.
pub(crate) type Flush = SyncSender<bool>;

/// What the thread works with.
pub(crate) struct Worker {
    pub(crate) spans: mpsc::Receiver<SpanData>,
    pub(crate) flushes: mpsc::Receiver<Flush>,
    pub(crate) attachments: mpsc::Receiver<Attachment>,
    /// Whether spans refer to recordings.
    pub(crate) audio: bool,
    /// Dropped when the thread has ended.
    pub(crate) ended: SyncSender<()>,
    pub(crate) said: Said,
    pub(crate) encoder: Encoder,
    pub(crate) counters: Arc<Counters>,
    pub(crate) batch_spans: usize,
    pub(crate) batch_delay: Duration,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) prices: Prices,
    pub(crate) observers: Vec<Box<dyn Observer>>,
    /// What else runs on this thread for as long as it lives.
    pub(crate) metrics: Option<Push>,
}

/// Sees every span under its exported names, on the export thread, the content switch applied.
pub(crate) trait Observer: Send {
    fn span(&mut self, span: &SpanData);
}

/// What the thread keeps of each sink.
#[derive(Clone)]
struct Outlet {
    outbox: Arc<Outbox>,
    takes_attachments: bool,
    takes_judge: bool,
    flushes: mpsc::Sender<oneshot::Sender<bool>>,
}

impl Worker {
    /// Starts the thread. It ends when the sender of flushes is dropped.
    pub(crate) fn start(self) -> Result<(), TelemetryError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new()
            .name("voce-telemetry".into())
            .spawn(move || runtime.block_on(self.run()))?;
        Ok(())
    }

    async fn run(mut self) {
        let mut sinks = JoinSet::new();
        let mut outlets = Vec::new();
        for delivery in std::mem::take(&mut self.deliveries) {
            let (flushes, asked) = mpsc::channel(1);
            let outbox = delivery.outbox.clone();
            let (takes_attachments, takes_judge) = (delivery.takes_attachments(), delivery.takes_judge());
            sinks.spawn(outbox.clone().keep());
            outlets.push(Outlet { outbox, takes_attachments, takes_judge, flushes });
            sinks.spawn(delivery.run(asked));
        }
        if let Some(metrics) = self.metrics.take() {
            sinks.spawn(metrics.run());
        }
        self.collect(&mut sinks, &outlets).await;
        // What is written to the disk is written before the thread ends; the file then is another process's to have.
        sinks.shutdown().await;
        for Outlet { outbox, .. } in outlets {
            drop(tokio::task::spawn_blocking(move || outbox.close()).await);
        }
        drop(self.ended);
    }

    async fn collect(&mut self, sinks: &mut JoinSet<()>, outlets: &[Outlet]) {
        let mut arrived = Vec::with_capacity(self.batch_spans);
        let mut collected = Vec::with_capacity(self.batch_spans);
        let mut due = None;
        let mut warned = (0, Instant::now() - SAY_DROPPED_EVERY);
        loop {
            let room = self.batch_spans - collected.len();
            tokio::select! {
                biased;
                flush = self.flushes.recv() => {
                    self.collect_rest(&mut collected, outlets).await;
                    let Some(done) = flush else { return };
                    // Beside the loop: a sink that hangs must not keep it from collecting.
                    sinks.spawn(flush_all(outlets.to_vec(), done));
                }
                Some(attachment) = self.attachments.recv() => {
                    // Behind the spans of its trace, which had ended before.
                    self.collect_spans(&mut collected, outlets).await;
                    pass_on(attachment, outlets);
                }
                received = self.spans.recv_many(&mut arrived, room) => {
                    if received == 0 {
                        // No span can come any more; only flushes are left to wait for.
                        due = None;
                        self.collect_rest(&mut collected, outlets).await;
                        let Some(done) = self.flushes.recv().await else { return };
                        sinks.spawn(flush_all(outlets.to_vec(), done));
                        continue;
                    }
                    collected.extend(arrived.drain(..).map(|span| self.take(span)));
                    due.get_or_insert_with(|| Instant::now() + self.batch_delay);
                }
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.ship(&mut collected, outlets).await;
                    self.say_dropped(&mut warned);
                }
            }
            if collected.len() >= self.batch_spans {
                self.ship(&mut collected, outlets).await;
            }
            if collected.is_empty() {
                due = None;
            }
        }
    }

    async fn collect_rest(&mut self, collected: &mut Vec<SpanData>, outlets: &[Outlet]) {
        self.collect_spans(collected, outlets).await;
        while let Ok(attachment) = self.attachments.try_recv() {
            pass_on(attachment, outlets);
        }
    }

    async fn collect_spans(&mut self, collected: &mut Vec<SpanData>, outlets: &[Outlet]) {
        while let Ok(span) = self.spans.try_recv() {
            collected.push(self.take(span));
            if collected.len() >= self.batch_spans {
                self.ship(collected, outlets).await;
            }
        }
        self.ship(collected, outlets).await;
    }

    /// From here on a span is what leaves; the observers see it before it waits for its batch.
    fn take(&mut self, span: SpanData) -> SpanData {
        let mut span = translate(span, &self.said);
        self.prices.add_to(&mut span);
        if self.audio {
            refer(&mut span);
        }
        for observer in &mut self.observers {
            observer.span(&span);
        }
        span
    }

    async fn ship(&self, collected: &mut Vec<SpanData>, outlets: &[Outlet]) {
        if collected.is_empty() {
            return;
        }
        if outlets.is_empty() {
            collected.clear();
            return;
        }
        let (judge, turns) = std::mem::take(collected).into_iter().partition(|span| is_of_judge(&span.name));
        self.ship_of(Topic::Turns, turns, outlets).await;
        self.ship_of(Topic::Judge, judge, outlets).await;
    }

    async fn ship_of(&self, topic: Topic, spans: Vec<SpanData>, outlets: &[Outlet]) {
        if spans.is_empty() {
            return;
        }
        let Some(batch) = self.encoder.encode(spans, topic).await else { return };
        for outlet in outlets.iter().filter(|outlet| topic == Topic::Turns || outlet.takes_judge) {
            outlet.outbox.push(batch.clone());
        }
    }

    fn say_dropped(&self, warned: &mut (u64, Instant)) {
        let dropped = self.counters.dropped();
        if dropped > warned.0 && warned.1.elapsed() >= SAY_DROPPED_EVERY {
            *warned = (dropped, Instant::now());
            tracing::warn!(spans = dropped, "spans were dropped so far: telemetry.queue_spans is full");
        }
    }
}

fn pass_on(attachment: Attachment, outlets: &[Outlet]) {
    let batch = attachment.batch();
    let takers = outlets.iter().filter(|outlet| outlet.takes_attachments);
    takers.for_each(|outlet| outlet.outbox.push(batch.clone()));
}

async fn flush_all(outlets: Vec<Outlet>, done: Flush) {
    let mut answers = Vec::new();
    for outlet in outlets {
        let (done, answer) = oneshot::channel();
        if outlet.flushes.send(done).await.is_ok() {
            answers.push(answer);
        }
    }
    let mut empty = true;
    for answer in answers {
        empty &= answer.await.unwrap_or(false);
    }
    // Whoever asked may have stopped waiting.
    let _ = done.try_send(empty);
}
