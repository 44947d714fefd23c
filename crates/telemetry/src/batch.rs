//! Spans as one OTLP request: made, and taken apart again when a sink refuses it.
use bytes::Bytes;
use opentelemetry_proto::{
    tonic::{
        collector::trace::v1::ExportTraceServiceRequest,
        common::v1::InstrumentationScope,
        resource::v1::Resource,
        trace::v1::{ResourceSpans, ScopeSpans, Span},
    },
    transform::common::tonic::ResourceAttributesWithSchema,
};
use opentelemetry_sdk::trace::SpanData;
use prost::Message;

use crate::vocabulary::SCOPE;

/// An encoded request. Cheap to clone: all sinks share the bytes.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) body: Bytes,
    pub(crate) spans: usize,
}

impl Batch {
    /// One resource, one scope, these spans.
    pub(crate) fn encode(spans: Vec<SpanData>, resource: &ResourceAttributesWithSchema) -> Self {
        let resource = Resource {
            attributes: resource.attributes.0.clone(),
            dropped_attributes_count: 0,
            entity_refs: Vec::new(),
        };
        let scope = InstrumentationScope {
            name: SCOPE.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let scope_spans = ScopeSpans {
            scope: Some(scope),
            spans: spans.into_iter().map(Span::from).collect(),
            schema_url: String::new(),
        };
        Self::of(ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(resource),
                scope_spans: vec![scope_spans],
                schema_url: String::new(),
            }],
        })
    }

    fn of(request: ExportTraceServiceRequest) -> Self {
        let spans = spans_of(&request).map_or(0, |scope| scope.spans.len());
        Self { body: request.encode_to_vec().into(), spans }
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
        ExportTraceServiceRequest::decode(self.body.clone()).ok()
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
