//! Which spans are recorded: those of a trace that one of our roots began.
//!
//! A model that is warmed, or a document that is ingested, runs the same code as a turn, outside any turn;
//! its spans would be traces without a name.
use opentelemetry::{
    Context, KeyValue,
    trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use crate::{speculation, vocabulary::ROOTS};

#[derive(Clone, Debug)]
pub(crate) struct OnlyTurns;

impl ShouldSample for OnlyTurns {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _trace_id: TraceId,
        name: &str,
        _kind: &SpanKind,
        _attributes: &[KeyValue],
        _links: &[Link],
    ) -> SamplingResult {
        let (record, trace_state) = match parent.filter(|context| context.has_active_span()) {
            Some(parent) => {
                let parent = parent.span();
                let parent = parent.span_context();
                (parent.is_sampled(), speculation::state(name, parent))
            }
            None => (ROOTS.contains(&name), TraceState::NONE),
        };
        let decision = if record { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop };
        SamplingResult { decision, attributes: Vec::new(), trace_state }
    }
}
