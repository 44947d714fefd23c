//! Spans to the bytes of an OTLP request, by `opentelemetry-otlp`'s own exporter.
//!
//! The exporter is given paper instead of a network: what it would send is kept, so that it can wait in memory
//! while a sink is away, go to several sinks, and be taken apart when a sink refuses it.
use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanExporter as _},
};
use parking_lot::Mutex;

use crate::{
    TelemetryError,
    batch::{Batch, Kind, Topic},
};

/// Makes requests of spans.
pub(crate) struct Encoder {
    exporter: SpanExporter,
    paper: Paper,
}

/// Takes down the request that the exporter hands to it.
#[derive(Clone, Debug, Default)]
struct Paper(Arc<Mutex<Option<Request<Bytes>>>>);

#[async_trait::async_trait]
impl HttpClient for Paper {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        *self.0.lock() = Some(request);
        Ok(Response::new(Bytes::new()))
    }
}

impl Encoder {
    /// An encoder whose spans all come from `resource`. Fails on `OTEL_*` variables that make no sense.
    pub(crate) fn new(resource: &Resource) -> Result<Self, TelemetryError> {
        let paper = Paper::default();
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(paper.clone())
            // The address is written down too, and then not looked at: each sink has its own.
            .with_endpoint("http://127.0.0.1/v1/traces")
            .with_protocol(Protocol::HttpBinary)
            .build()
            .map_err(|error| TelemetryError::Exporter(error.to_string()))?;
        exporter.set_resource(resource);
        Ok(Self { exporter, paper })
    }

    /// One request with all of `spans`, which are about one topic; `None` where there are too many for one.
    pub(crate) async fn encode(&self, spans: Vec<SpanData>, topic: Topic) -> Option<Batch> {
        let count = spans.len();
        if let Err(error) = self.exporter.export(spans).await {
            tracing::warn!(%error, spans = count, "spans could not be encoded and are dropped");
            return None;
        }
        let request = self.paper.0.lock().take()?;
        let compressed = request.headers().contains_key("content-encoding");
        Some(Batch { kind: Kind::Spans { compressed, topic }, body: request.into_body(), spans: count })
    }
}
