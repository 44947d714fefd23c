//! One sink: sends what waits for it, oldest first, and survives its absence.
use std::{sync::Arc, time::Duration};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use reqwest::{
    Client, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};

use crate::{
    Counters, SinkKind,
    batch::Batch,
    environment::Address,
    mlflow::{self, EXPERIMENT_HEADER},
    ring::Ring,
};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// Refused spans named in the log for one batch; the rest are counted.
const NAMED: usize = 5;

/// The task that serves one sink.
pub(crate) struct Delivery {
    pub(crate) sink: Address,
    pub(crate) client: Client,
    pub(crate) ring: Arc<Ring>,
    pub(crate) counters: Arc<Counters>,
    /// What is known of the sink, for links and health pages.
    pub(crate) state: watch::Sender<SinkState>,
    pub(crate) pause: Duration,
    pub(crate) retry_at: Option<Instant>,
}

/// Whether a sink answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct SinkState {
    pub(crate) reach: Reach,
    /// MLflow's number for the experiment, once known.
    pub(crate) experiment: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    #[default]
    Untried,
    Reached,
    Away,
}

enum Answer {
    Taken,
    /// The batch is bad.
    Refused(String),
    /// The sink is.
    Away(String),
    /// MLflow does not know the experiment (any more).
    NoExperiment,
}

impl Delivery {
    pub(crate) fn new(
        sink: Address,
        client: Client,
        ring: Arc<Ring>,
        counters: Arc<Counters>,
        state: watch::Sender<SinkState>,
    ) -> Self {
        // Due at once: the experiment is looked up before the first turn ends.
        let retry_at = (sink.kind == SinkKind::Mlflow).then(Instant::now);
        Self { sink, client, ring, counters, state, pause: FIRST_PAUSE, retry_at }
    }

    /// Delivers until the export thread ends. A flush is answered with whether nothing is left.
    pub(crate) async fn run(mut self, mut flushes: mpsc::Receiver<oneshot::Sender<bool>>) {
        loop {
            let due = async {
                match self.retry_at {
                    Some(at) => sleep_until(at).await,
                    None => self.ring.filled().await,
                }
            };
            let flush = tokio::select! {
                flush = flushes.recv() => match flush {
                    Some(flush) => Some(flush),
                    None => return,
                },
                () = due => None,
            };
            let pause = self.pause;
            self.drain().await;
            if let Some(done) = flush {
                // A try out of turn says nothing about how long the sink has been away.
                self.pause = self.pause.min(pause);
                // Whoever asked may have stopped waiting.
                let _ = done.send(self.ring.is_empty());
            }
        }
    }

    async fn drain(&mut self) {
        self.retry_at = None;
        if let Err(reason) = self.find_experiment().await {
            return self.away(&reason);
        }
        while let Some(batch) = self.ring.pop() {
            match self.send(&batch).await {
                Answer::Taken => self.taken(&batch),
                Answer::Refused(reason) => {
                    if let Err(reason) = self.split(batch, reason).await {
                        return self.away(&reason);
                    }
                }
                Answer::Away(reason) => {
                    self.keep(batch);
                    return self.away(&reason);
                }
                Answer::NoExperiment => {
                    self.keep(batch);
                    self.state.send_modify(|state| state.experiment = None);
                    return self.away(&format!(
                        "experiment {:?} is gone there; looking it up again",
                        self.sink.experiment
                    ));
                }
            }
        }
    }

    async fn find_experiment(&mut self) -> Result<(), String> {
        if self.sink.kind != SinkKind::Mlflow || self.state.borrow().experiment.is_some() {
            return Ok(());
        }
        let id = mlflow::experiment(&self.client, &self.sink).await?;
        tracing::debug!(experiment = self.sink.experiment, id, "found the experiment");
        self.state.send_modify(|state| state.experiment = Some(id));
        self.reached();
        Ok(())
    }

    async fn send(&self, batch: &Batch) -> Answer {
        let mut request = self.client.post(self.sink.traces.clone()).timeout(self.sink.timeout);
        if let Some(id) = &self.state.borrow().experiment {
            request = request.header(EXPERIMENT_HEADER, id);
        }
        if batch.compressed {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        let request = request
            .headers(self.sink.headers.clone())
            .header(CONTENT_TYPE, "application/x-protobuf")
            .body(batch.body.clone());
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return Answer::Away(mlflow::plain(error)),
        };
        let status = answer.status();
        let body = answer.bytes().await.unwrap_or_default();
        let reason = || format!("{status}: {}", mlflow::short(&String::from_utf8_lossy(&body)));
        match status {
            _ if status.is_success() => {
                self.count_rejected(&body);
                Answer::Taken
            }
            StatusCode::NOT_FOUND if self.sink.kind == SinkKind::Mlflow => Answer::NoExperiment,
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                Answer::Refused(reason())
            }
            // Anything else (a wrong path, credentials, a host name it does not trust, an overload) is about the
            // sink and not about these spans, so they are kept until someone puts it right.
            _ => Answer::Away(reason()),
        }
    }

    /// Halves a refused batch until the bad spans stand alone. The error says that the sink went away meanwhile.
    async fn split(&mut self, batch: Batch, reason: String) -> Result<(), String> {
        let mut pending = vec![(batch, reason)];
        let mut refused = 0;
        let mut away = None;
        while let Some((batch, reason)) = pending.pop() {
            let Some((first, second)) = batch.halves() else {
                self.counters.add_failed(batch.spans);
                refused += 1;
                if refused <= NAMED {
                    let (span, trace_id) = batch.first_span();
                    tracing::warn!(sink = %self.sink.base, span, trace_id, reason, "a span was refused and is dropped");
                }
                continue;
            };
            for half in [second, first] {
                if away.is_some() {
                    self.keep(half);
                    continue;
                }
                match self.send(&half).await {
                    Answer::Taken => self.taken(&half),
                    Answer::Refused(reason) => pending.push((half, reason)),
                    Answer::Away(reason) => {
                        self.keep(half);
                        away = Some(reason);
                    }
                    Answer::NoExperiment => {
                        self.keep(half);
                        away = Some("the experiment is gone".to_owned());
                    }
                }
            }
            if away.is_some() {
                pending.drain(..).for_each(|(batch, _)| self.keep(batch));
            }
        }
        if refused > NAMED {
            tracing::warn!(sink = %self.sink.base, spans = refused, "spans were refused and are dropped");
        }
        away.map_or(Ok(()), Err)
    }

    fn keep(&self, batch: Batch) {
        self.counters.add_dropped(self.ring.put_back(batch));
    }

    fn taken(&mut self, batch: &Batch) {
        self.counters.add_exported(batch.spans);
        self.reached();
    }

    /// OTLP lets a receiver take a request and reject some of its spans. MLflow never does.
    fn count_rejected(&self, body: &[u8]) {
        let answer = ExportTraceServiceResponse::decode(body).unwrap_or_default();
        let Some(partial) = answer.partial_success.filter(|partial| partial.rejected_spans > 0) else {
            return;
        };
        self.counters.add_failed(usize::try_from(partial.rejected_spans).unwrap_or_default());
        tracing::warn!(
            sink = %self.sink.base, spans = partial.rejected_spans, reason = partial.error_message,
            "spans were rejected and are dropped"
        );
    }

    fn reached(&mut self) {
        self.pause = FIRST_PAUSE;
        match self.set_reach(Reach::Reached) {
            Reach::Away => tracing::info!(sink = %self.sink.base, "traces can be delivered again"),
            Reach::Untried => tracing::info!(sink = %self.sink.base, "traces are delivered"),
            Reach::Reached => {}
        }
    }

    fn away(&mut self, reason: &str) {
        self.retry_at = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        if self.set_reach(Reach::Away) != Reach::Away {
            tracing::warn!(
                sink = %self.sink.base, reason,
                "traces cannot be delivered; calls go on, traces are kept in memory and sent when it answers"
            );
        }
    }

    fn set_reach(&self, reach: Reach) -> Reach {
        let mut before = reach;
        self.state.send_modify(|state| before = std::mem::replace(&mut state.reach, reach));
        before
    }
}
