//! Replies that were begun before the turn was over: what becomes of their spans.
//!
//! Below a `speculation` span every span waits until that one ends. Was the reply used, they stand in the turn as
//! if it had been begun in time; was it dropped, the `speculation` span alone tells what it cost, for its model
//! call is no answer. Which spans these are stands in the trace state that each hands down to its children, so
//! that nothing has to be kept of a span while it runs. tracing keeps a span open until the last span below it is
//! closed, hence none ends after its `speculation`, however late a blocking step returns.
use opentelemetry::trace::{SpanContext, SpanId, TraceState};
use opentelemetry_sdk::trace::SpanData;

use crate::vocabulary::{OUTCOME, SPECULATION, USED};

/// Spans of one turn that wait, at most. A reply of a hundred sentences has about 210.
const MOST_WAITING: usize = 1_024;

/// The entry of the trace state. It never leaves the process.
const MARK: &str = "voce";
/// The mark of a `speculation` span; below it, the mark is that span's id.
const ITSELF: &str = "speculation";

/// Where a span stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// In no early reply.
    Turn,
    /// The `speculation` span of an early reply.
    Speculation,
    /// Below the `speculation` span with this id.
    Below(SpanId),
}

impl Place {
    pub(crate) fn of(span: &SpanData) -> Self {
        match span.span_context.trace_state().get(MARK) {
            None => Self::Turn,
            Some(ITSELF) => Self::Speculation,
            Some(id) => SpanId::from_hex(id).map_or(Self::Turn, Self::Below),
        }
    }
}

/// The trace state of a new span of this name. An early reply within an early reply is a part of the outer one.
pub(crate) fn state(name: &str, parent: &SpanContext) -> TraceState {
    match parent.trace_state().get(MARK) {
        None if name == SPECULATION => marked(ITSELF),
        None => TraceState::NONE,
        Some(ITSELF) => marked(&parent.span_id().to_string()),
        Some(_) => parent.trace_state().clone(),
    }
}

fn marked(value: &str) -> TraceState {
    TraceState::from_key_value([(MARK, value)]).expect("letters and digits make a trace state")
}

/// The finished spans of one turn's early replies, while it is open what becomes of them.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Vec<(SpanId, SpanData)>);

impl Waiting {
    /// Keeps a span of the early reply `speculation`. `false` when there is no room for it.
    pub(crate) fn keep(&mut self, speculation: SpanId, span: SpanData) -> bool {
        let has_room = self.0.len() < MOST_WAITING;
        if has_room {
            self.0.push((speculation, span));
        }
        has_room
    }

    /// The `speculation` span has ended: what is to be exported of its reply.
    pub(crate) fn settle(&mut self, speculation: SpanData) -> Vec<SpanData> {
        let id = speculation.span_context.span_id();
        let reply: Vec<_> = self.0.extract_if(.., |(of, _)| *of == id).collect();
        if !was_used(&speculation) {
            return vec![unmarked(speculation)];
        }
        let into_turn = |(_, mut span): (SpanId, SpanData)| {
            if span.parent_span_id == id {
                span.parent_span_id = speculation.parent_span_id;
            }
            unmarked(span)
        };
        reply.into_iter().map(into_turn).collect()
    }
}

fn was_used(speculation: &SpanData) -> bool {
    // A field that was recorded twice has its last value.
    let outcome = speculation.attributes.iter().rfind(|attribute| attribute.key.as_str() == OUTCOME);
    outcome.is_some_and(|outcome| outcome.value.as_str() == USED)
}

fn unmarked(mut span: SpanData) -> SpanData {
    let context = &span.span_context;
    span.span_context = SpanContext::new(
        context.trace_id(),
        context.span_id(),
        context.trace_flags(),
        context.is_remote(),
        TraceState::NONE,
    );
    span
}
