//! The figures of the export itself.
use opentelemetry::KeyValue;
use opentelemetry_sdk::trace::SpanData;
use tokio::sync::mpsc::WeakSender;

use super::gauges::{Source, Words};
use crate::{SinkFigures, Telemetry};

/// What is told of each sink: a name, a description, whether it only grows, and the figures with their outcome.
type Told = (&'static str, &'static str, &'static str, bool, fn(&SinkFigures) -> Vec<(&'static str, f64)>);

const TOLD: &[Told] = &[
    (
        "voce.telemetry.spans",
        "",
        "Finished spans, by sink and by what became of them; spooled: written to disk before they were sent.",
        true,
        |sink| {
            vec![
                ("exported", sink.exported as f64),
                ("dropped", sink.dropped as f64),
                ("refused", sink.refused as f64),
                ("spooled", sink.spooled as f64),
            ]
        },
    ),
    ("voce.telemetry.attachments", "", "Recordings, by sink and by what became of them.", true, |sink| {
        vec![("exported", sink.attachments_sent as f64), ("dropped", sink.attachments_dropped as f64)]
    }),
    // No unit: its suffix would stand in the name twice.
    ("voce.telemetry.spool.bytes", "", "What waits for a sink, on disk and in memory.", false, |sink| {
        vec![("", sink.waiting_bytes as f64)]
    }),
    ("voce.telemetry.spool.spans", "", "Spans that wait for a sink, on disk and in memory.", false, |sink| {
        vec![("", sink.waiting_spans as f64)]
    }),
    (
        "voce.telemetry.spool.oldest_age",
        "s",
        "Age of the oldest that waits for a sink; 0 when nothing waits.",
        false,
        |sink| vec![("", sink.oldest_seconds.unwrap_or_default())],
    ),
    (
        "voce.telemetry.sink.up",
        "",
        "Whether a sink answered last: 1 or 0; none before the first try.",
        false,
        |sink| sink.up.map(|up| ("", f64::from(u8::from(up)))).into_iter().collect(),
    ),
];

/// Registers what became of spans, what waits, and whether sinks answer. `queue` is where finished spans wait for the
/// export.
pub(crate) fn register(telemetry: &Telemetry, queue: WeakSender<SpanData>) {
    let Some(meters) = &telemetry.meters else { return };
    for &(name, unit, description, is_counter, told) in TOLD {
        // Not the telemetry itself: it holds the meters, which would hold it.
        let sinks = telemetry.sinks_only();
        let source: Source = Box::new(move |observe| {
            for sink in sinks() {
                for (outcome, value) in told(&sink) {
                    let mut labels = vec![KeyValue::new("sink", sink.sink.clone())];
                    if !outcome.is_empty() {
                        labels.push(KeyValue::new("outcome", outcome));
                    }
                    observe(value, &labels);
                }
            }
        });
        meters.gauges.add(Words { name, unit, description, is_counter }, source);
    }
    let dropped = telemetry.queue_counters();
    let words =
        "Finished spans that were dropped before any sink could have them: telemetry.queue_spans was full.";
    telemetry.counter("voce.telemetry.queue.dropped", "", words, &[], move || dropped.dropped() as f64);
    telemetry.gauge(
        "voce.queue.depth",
        "",
        "What waits in a queue of the process.",
        &[("queue", "telemetry")],
        move || queue.upgrade().map_or(0.0, |queue| (queue.max_capacity() - queue.capacity()) as f64),
    );
}
