//! The figures of the export itself.
use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::mpsc::WeakSender;

use super::gauges::Words;
use crate::Telemetry;

/// Registers what became of spans, and whether sinks answer. `queue` is where finished spans wait for the export.
pub(crate) fn register(telemetry: &Telemetry, queue: WeakSender<SpanData>) {
    let Some(meters) = &telemetry.meters else { return };
    let counters = telemetry.counters.clone();
    let spans = Words {
        name: "voce.telemetry.spans",
        unit: "",
        description: "Finished spans, by sink and by what became of them.",
        is_counter: true,
    };
    let of = |outcome| [KeyValue::new("sink", "all"), KeyValue::new("outcome", outcome)];
    let labels = Arc::new([of("exported"), of("dropped"), of("refused")]);
    meters.gauges.add(
        spans,
        Box::new(move |observe| {
            let figures = counters.figures();
            observe(figures.exported as f64, &labels[0]);
            observe(figures.dropped as f64, &labels[1]);
            observe(figures.failed as f64, &labels[2]);
        }),
    );
    // Not the telemetry itself: it holds the meters, which would hold it.
    let sinks = telemetry.sinks_only();
    let up = Words {
        name: "voce.telemetry.sink.up",
        unit: "",
        description: "Whether a sink answered last: 1 or 0; none before the first try.",
        is_counter: false,
    };
    meters.gauges.add(
        up,
        Box::new(move |observe| {
            for (sink, up) in sinks() {
                if let Some(up) = up {
                    observe(f64::from(u8::from(up)), &[KeyValue::new("sink", sink)]);
                }
            }
        }),
    );
    telemetry.gauge(
        "voce.queue.depth",
        "",
        "What waits in a queue of the process.",
        &[("queue", "telemetry")],
        move || queue.upgrade().map_or(0.0, |queue| (queue.max_capacity() - queue.capacity()) as f64),
    );
}
