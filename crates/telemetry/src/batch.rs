//! What is sent as one: spans as an encoded OTLP request, which is two smaller ones when a sink refuses it, or a
//! recording.
use std::io::Read;

use bytes::Bytes;
use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::ScopeSpans};
use prost::Message;

/// Cheap to clone: all sinks share the bytes.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    pub(crate) kind: Kind,
    pub(crate) body: Bytes,
    pub(crate) spans: usize,
}

/// What the bytes of a batch are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An OTLP request; by gzip, as `OTEL_EXPORTER_OTLP_COMPRESSION` may ask.
    Spans { compressed: bool, topic: Topic },
    /// A file that belongs to a trace: its path below the experiment's artifacts in MLflow.
    Attachment { name: String },
}

/// What spans are about. In MLflow each topic has an experiment of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Topic {
    /// Turns of calls.
    #[default]
    Turns,
    /// The judge's own work.
    Judge,
}

/// What the spool writes beside the spans of the judge; beside those of turns it writes nothing.
const JUDGE: &str = "judge";

impl Kind {
    /// What [`Kind::stored`] says of an attachment.
    pub(crate) const ATTACHMENT: u8 = 2;

    /// As the spool writes it.
    pub(crate) fn stored(&self) -> (u8, &str) {
        match self {
            Self::Spans { compressed, topic: Topic::Turns } => (u8::from(*compressed), ""),
            Self::Spans { compressed, topic: Topic::Judge } => (u8::from(*compressed), JUDGE),
            Self::Attachment { name } => (Self::ATTACHMENT, name),
        }
    }

    /// What [`Kind::stored`] said; `None` for what no version of ours wrote.
    pub(crate) fn of(stored: u8, name: &str) -> Option<Self> {
        match stored {
            0 | 1 => {
                let topic = if name == JUDGE { Topic::Judge } else { Topic::Turns };
                Some(Self::Spans { compressed: stored == 1, topic })
            }
            Self::ATTACHMENT => Some(Self::Attachment { name: name.to_owned() }),
            _ => None,
        }
    }
}

/// How much was given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) spans: usize,
    pub(crate) attachments: usize,
}

impl Counted {
    pub(crate) fn add(&mut self, batch: &Batch) {
        self.spans += batch.spans;
        self.attachments += usize::from(batch.is_attachment());
    }
}

impl Batch {
    fn of(request: ExportTraceServiceRequest, topic: Topic) -> Self {
        let spans = spans_of(&request).map_or(0, |scope| scope.spans.len());
        let kind = Kind::Spans { compressed: false, topic };
        Self { kind, body: request.encode_to_vec().into(), spans }
    }

    /// What it is about. A recording is of a turn.
    pub(crate) fn topic(&self) -> Topic {
        match self.kind {
            Kind::Spans { topic, .. } => topic,
            Kind::Attachment { .. } => Topic::Turns,
        }
    }

    /// Parts of a batch as one again.
    pub(crate) fn joined(parts: &[Self]) -> Option<Self> {
        let topic = parts.first()?.topic();
        let mut requests = parts.iter().filter_map(Self::decode);
        let mut whole = requests.next()?;
        for mut request in requests {
            let spans = std::mem::take(&mut spans_of_mut(&mut request)?.spans);
            spans_of_mut(&mut whole)?.spans.extend(spans);
        }
        Some(Self::of(whole, topic))
    }

    /// A file for MLflow.
    pub(crate) fn attachment(name: String, body: Bytes) -> Self {
        Self { kind: Kind::Attachment { name }, body, spans: 0 }
    }

    pub(crate) fn is_attachment(&self) -> bool {
        matches!(self.kind, Kind::Attachment { .. })
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
        Some((Self::of(first, self.topic()), Self::of(second, self.topic())))
    }

    /// Name and trace id of its first span, for the log.
    pub(crate) fn first_span(&self) -> (String, String) {
        let request = self.decode().unwrap_or_default();
        let span = spans_of(&request).and_then(|scope| scope.spans.first());
        span.map_or_else(Default::default, |span| (span.name.clone(), hex(&span.trace_id)))
    }

    /// The request; `None` for what is none.
    pub(crate) fn decode(&self) -> Option<ExportTraceServiceRequest> {
        match self.kind {
            Kind::Attachment { .. } => return None,
            Kind::Spans { compressed: false, .. } => {
                return ExportTraceServiceRequest::decode(self.body.clone()).ok();
            }
            Kind::Spans { compressed: true, .. } => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spool_keeps_what_a_batch_is() {
        for topic in [Topic::Turns, Topic::Judge] {
            for compressed in [false, true] {
                let kind = Kind::Spans { compressed, topic };
                let (stored, name) = kind.stored();
                assert_eq!(Kind::of(stored, name), Some(kind.clone()));
            }
        }
        // As it was before there were topics.
        assert_eq!(Kind::of(0, ""), Some(Kind::Spans { compressed: false, topic: Topic::Turns }));
        assert_eq!(Kind::of(9, ""), None);
    }
}
