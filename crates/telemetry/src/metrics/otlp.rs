//! Metrics to OTLP receivers, every so often. Sums go on growing, so what a receiver missed is in the next request:
//! nothing is kept, nothing is tried again.
use std::{
    sync::{Arc, mpsc::SyncSender},
    time::Duration,
};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message;
use reqwest::{Client, header::CONTENT_TYPE};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use super::{Meters, MetricsAddress};
use crate::mlflow::{plain, short};

/// The task that sends metrics. It lives on the export thread.
pub(crate) struct Push {
    pub(crate) meters: Arc<Meters>,
    pub(crate) receivers: Vec<MetricsAddress>,
    pub(crate) client: Client,
    pub(crate) every: Duration,
    /// Asks for one request at once, answered when it is over: the last figures of the process.
    pub(crate) flushes: mpsc::Receiver<SyncSender<()>>,
}

impl Push {
    /// Sends until the export thread ends.
    pub(crate) async fn run(mut self) {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick comes at once, when there is nothing to tell.
        ticks.tick().await;
        let mut away = vec![false; self.receivers.len()];
        loop {
            let asked = tokio::select! {
                flush = self.flushes.recv() => match flush {
                    Some(flush) => Some(flush),
                    None => return,
                },
                _ = ticks.tick() => None,
            };
            self.send(&mut away).await;
            if let Some(done) = asked {
                // Whoever asked may have stopped waiting.
                let _ = done.try_send(());
            }
        }
    }

    async fn send(&self, away: &mut [bool]) {
        let Some(metrics) = self.meters.collect() else { return };
        let body = Bytes::from(ExportMetricsServiceRequest::from(&metrics).encode_to_vec());
        for (receiver, away) in self.receivers.iter().zip(away) {
            let url = &receiver.url;
            match self.post(receiver, body.clone()).await {
                Ok(()) if std::mem::take(away) => tracing::info!(%url, "metrics can be delivered again"),
                Ok(()) => {}
                Err(reason) if std::mem::replace(away, true) => {
                    tracing::debug!(%url, reason, "metrics still cannot be delivered");
                }
                Err(reason) => tracing::warn!(
                    %url, reason,
                    "metrics cannot be delivered; the next request holds them all. If this receiver takes none, set \
                     metrics = false or OTEL_METRICS_EXPORTER=none"
                ),
            }
        }
    }

    async fn post(&self, receiver: &MetricsAddress, body: Bytes) -> Result<(), String> {
        let request = self.client.post(receiver.url.clone()).timeout(receiver.timeout);
        let request =
            request.headers(receiver.headers.clone()).header(CONTENT_TYPE, "application/x-protobuf");
        let answer = request.body(body).send().await.map_err(plain)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        Err(format!("{status}: {}", short(&crate::answer::text(answer).await.unwrap_or_default())))
    }
}
