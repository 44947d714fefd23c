//! What telemetry costs a turn: processor time in all, and of it what the call's own thread pays.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
mod support;

use std::time::Duration;

use support::{Collector, EARLY_BEGUN, EARLY_SPANS, Mood, SPANS, early_turn, exporting, to, turn};
use tracing::dispatcher::with_default;
use voce_telemetry::Config;

// The kernel counts processor time in hundredths of a second.
const TURNS: u64 = 3_000;
const HEARD: &str = "The warranty period is 24 months. Keep the receipt.";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_turn_costs_less_than_a_millisecond() {
    let plain = cost("a turn", SPANS, SPANS, |number| drop(turn("call", number, HEARD))).await;
    let early = |number| drop(early_turn("call", number, HEARD));
    let early = cost("a turn begun early twice", EARLY_BEGUN, EARLY_SPANS, early).await;
    assert!(plain < 1.0 && early < 1.0, "{plain} ms, begun early {early} ms");
}

/// Milliseconds of processor time for one turn.
async fn cost(what: &str, begun: usize, exported: usize, turn: impl Fn(u64)) -> f64 {
    let collector = Collector::start(Mood::Discard).await;
    // As in service: a batch a second, here of what all turns bring.
    let config = Config { queue_spans: 60_000, batch_delay_ms: 1_000, ..to(&collector.url) };
    let (dispatch, guard) = exporting(&config);
    with_default(&dispatch, || turn(0));
    assert!(guard.flush(Duration::from_secs(10)));
    let (process, thread) = (cpu("self/stat"), cpu("thread-self/stat"));
    with_default(&dispatch, || (1..=TURNS).for_each(&turn));
    let caller = (cpu("thread-self/stat") - thread) / TURNS as f64;
    assert!(guard.flush(Duration::from_secs(10)));
    let all = (cpu("self/stat") - process) / TURNS as f64;
    println!(
        "{what}, {begun} spans, {exported} of them exported: {all:.3} ms of CPU in all, {caller:.3} ms of it in the \
         call, {:.1} us a span",
        caller * 1_000.0 / begun as f64
    );
    assert_eq!(guard.telemetry().figures().exported, (TURNS + 1) * exported as u64);
    all
}

/// Processor time so far, milliseconds.
fn cpu(file: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{file}")).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) * 10.0
}
