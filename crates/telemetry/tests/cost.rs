//! What telemetry costs a turn: processor time in all, and of it what the call's own thread pays.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
mod support;

use std::time::Duration;

use support::{Collector, Mood, SPANS, exporting, to, turn};
use tracing::dispatcher::with_default;
use voce_telemetry::Config;

const TURNS: u64 = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_turn_costs_less_than_a_millisecond() {
    let collector = Collector::start(Mood::Discard).await;
    // As in service: a batch a second, here of what 300 turns bring.
    let config = Config { queue_spans: 20_000, batch_delay_ms: 1_000, ..to(&collector.url) };
    let (dispatch, guard) = exporting(&config);
    with_default(&dispatch, || turn("warm", 0, "Hello."));
    assert!(guard.flush(Duration::from_secs(10)));
    let (process, thread) = (cpu("self/stat"), cpu("thread-self/stat"));
    with_default(&dispatch, || {
        for number in 0..TURNS {
            turn("call", number, "The warranty period is 24 months. Keep the receipt.");
        }
    });
    let caller = (cpu("thread-self/stat") - thread) / TURNS as f64;
    assert!(guard.flush(Duration::from_secs(10)));
    let all = (cpu("self/stat") - process) / TURNS as f64;
    println!("a turn of {SPANS} spans: {all:.3} ms of CPU in all, {caller:.3} ms of it in the call");
    assert_eq!(guard.telemetry().figures().exported, (TURNS + 1) * SPANS as u64);
    assert!(all < 1.0, "{all} ms");
}

/// Processor time so far, milliseconds; the kernel counts in hundredths of a second.
fn cpu(file: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{file}")).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) * 10.0
}
