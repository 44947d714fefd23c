//! Spans as one encoded OTLP request, and what it is when a sink refuses it: two smaller ones.
use std::io::Read;

use bytes::Bytes;
use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::ScopeSpans};
use prost::Message;

/// An encoded request. Cheap to clone: all sinks share the bytes.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) body: Bytes,
    pub(crate) spans: usize,
    /// Whether the bytes are compressed by gzip, as `OTEL_EXPORTER_OTLP_COMPRESSION` may ask.
    pub(crate) compressed: bool,
}

impl Batch {
    fn of(request: ExportTraceServiceRequest) -> Self {
        let spans = spans_of(&request).map_or(0, |scope| scope.spans.len());
        Self { body: request.encode_to_vec().into(), spans, compressed: false }
    }

    /// The first and the second half of its spans; `None` when there is but one.
    pub(crate) fn halves(&self) -> Option<(Self, Self)> {
        let mut first = self.decode()?;
        let mut second = first.clone();
        let spans = &mut spans_of_mut(&mut first)?.spans;
        if spans.len() < 2 {
            return None;
        }
        let middle = spans.len() / 2;
        spans.truncate(middle);
        spans_of_mut(&mut second)?.spans.drain(..middle);
        Some((Self::of(first), Self::of(second)))
    }

    /// Name and trace id of its first span, for the log.
    pub(crate) fn first_span(&self) -> (String, String) {
        let request = self.decode().unwrap_or_default();
        let span = spans_of(&request).and_then(|scope| scope.spans.first());
        span.map_or_else(Default::default, |span| (span.name.clone(), hex(&span.trace_id)))
    }

    fn decode(&self) -> Option<ExportTraceServiceRequest> {
        if !self.compressed {
            return ExportTraceServiceRequest::decode(self.body.clone()).ok();
        }
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(&*self.body).read_to_end(&mut plain).ok()?;
        ExportTraceServiceRequest::decode(&*plain).ok()
    }
}

fn spans_of(request: &ExportTraceServiceRequest) -> Option<&ScopeSpans> {
    request.resource_spans.first()?.scope_spans.first()
}

fn spans_of_mut(request: &mut ExportTraceServiceRequest) -> Option<&mut ScopeSpans> {
    request.resource_spans.first_mut()?.scope_spans.first_mut()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
