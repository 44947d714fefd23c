//! What happens in the call itself when a span begins and ends: as little as can be, and never a wait.
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use dashmap::DashMap;
use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, SpanId, TraceContextExt, TraceId},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Span, SpanData, SpanProcessor},
};
use tokio::sync::mpsc::Sender;

use crate::{
    Counters,
    speculation::{Place, Waiting},
    vocabulary::{SESSION, SESSION_ID, USER, USER_ID, VARIANT, VARIANT_NAME},
};

/// Turns that are open at once, at most. Beyond it spans lack their session and early replies are lost, which no
/// server of ours reaches.
const MOST_TURNS: usize = 4_096;

/// Hands finished spans to the export thread. The SDK's own batch processors do not do here: the threaded one
/// keeps the count of dropped spans to itself, the asynchronous one loses its commands when its queue is full.
#[derive(Debug)]
pub(crate) struct TurnProcessor {
    queue: Sender<SpanData>,
    counters: Arc<Counters>,
    turns: DashMap<TraceId, Turn>,
}

/// What is kept of a turn while it is open.
#[derive(Debug)]
struct Turn {
    /// What it hands down to its spans.
    inherited: Vec<KeyValue>,
    waiting: Waiting,
}

impl TurnProcessor {
    pub(crate) fn new(queue: Sender<SpanData>, counters: Arc<Counters>) -> Self {
        Self { queue, counters, turns: DashMap::new() }
    }

    fn remember(&self, trace: TraceId, root: &Span) {
        if self.turns.len() >= MOST_TURNS {
            return;
        }
        let attributes = root.exported_data().map(|data| data.attributes).unwrap_or_default();
        let inherited = attributes.into_iter().filter_map(|attribute| match attribute.key.as_str() {
            SESSION => Some(KeyValue::new(SESSION_ID, attribute.value)),
            USER => Some(KeyValue::new(USER_ID, attribute.value)),
            VARIANT => Some(KeyValue::new(VARIANT_NAME, attribute.value)),
            _ => None,
        });
        let inherited = inherited.collect();
        self.turns.insert(trace, Turn { inherited, waiting: Waiting::default() });
    }

    fn send(&self, span: SpanData) {
        if self.queue.try_send(span).is_err() {
            self.counters.add_dropped(1);
        }
    }

    fn keep(&self, speculation: SpanId, span: SpanData) {
        let turn = self.turns.get_mut(&span.span_context.trace_id());
        if !turn.is_some_and(|mut turn| turn.waiting.keep(speculation, span)) {
            self.counters.add_dropped(1);
        }
    }

    fn settle(&self, speculation: SpanData) {
        let turn = self.turns.get_mut(&speculation.span_context.trace_id());
        let reply = match turn {
            Some(mut turn) => turn.waiting.settle(speculation),
            None => Waiting::default().settle(speculation),
        };
        for span in reply {
            self.send(span);
        }
    }
}

impl SpanProcessor for TurnProcessor {
    fn on_start(&self, span: &mut Span, parent: &Context) {
        let trace = span.span_context().trace_id();
        if !parent.span().span_context().is_valid() {
            self.remember(trace, span);
        } else if let Some(turn) = self.turns.get(&trace) {
            span.set_attributes(turn.inherited.iter().cloned());
        }
    }

    fn on_end(&self, mut span: SpanData) {
        // The tracing layer ends a span where it was last entered; ours end where they are dropped.
        span.end_time = SystemTime::now();
        if span.parent_span_id == SpanId::INVALID {
            self.turns.remove(&span.span_context.trace_id());
        }
        match Place::of(&span) {
            Place::Turn => self.send(span),
            Place::Speculation => self.settle(span),
            Place::Below(speculation) => self.keep(speculation, span),
        }
    }

    /// Nothing to do: the guard flushes, as it alone knows the sinks.
    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}
