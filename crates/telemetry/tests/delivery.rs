//! Sinks that hang, refuse, are away and come back: nothing is waited for, and nothing is lost that need not be.
#![expect(clippy::disallowed_types, reason = "the measure is the wall clock")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
mod support;

use std::time::{Duration, Instant as WallClock};

use support::{Collector, Mood, SPANS, exporting, to, turn};
use tracing::dispatcher::with_default;
use voce_telemetry::{Config, SinkConfig, SinkKind};

const WITHIN: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_arrives_once_and_is_counted() {
    let collector = Collector::start(Mood::Take).await;
    let (dispatch, guard) = exporting(&to(&collector.url));
    with_default(&dispatch, || turn("call", 1, "Hello."));
    assert!(guard.flush(WITHIN));
    assert_eq!(collector.spans().len(), SPANS);
    assert_eq!(guard.telemetry().figures().exported, SPANS as u64);
    assert_eq!(guard.telemetry().sinks()[0].1, Some(true));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_our_spans_within_a_turn_are_exported() {
    let collector = Collector::start(Mood::Take).await;
    let (dispatch, guard) = exporting(&to(&collector.url));
    with_default(&dispatch, || {
        drop(tracing::info_span!(target: "voce_rag", "rag.embed"));
        let turn = tracing::info_span!(target: "voce_pipeline", parent: None, "turn", session = "call");
        let foreign = turn.in_scope(|| tracing::info_span!(target: "h2::proto", "poll"));
        drop(foreign.in_scope(|| tracing::info_span!(target: "voce_rag", parent: &turn, "rag.embed")));
        drop(tracing::debug_span!(target: "voce_pipeline", parent: &turn, "detail"));
    });
    assert!(guard.flush(WITHIN));
    let mut names: Vec<String> = collector.spans().into_iter().map(|span| span.name).collect();
    names.sort();
    assert_eq!(names, ["rag.embed", "turn"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_away_gets_everything_when_it_comes() {
    // A free port that nobody listens on yet.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (dispatch, guard) = exporting(&to(&format!("http://{address}")));
    with_default(&dispatch, || turn("call", 1, "Hello."));
    assert!(!guard.flush(Duration::from_secs(2)));
    assert_eq!(guard.telemetry().waiting(), SPANS);
    assert_eq!(guard.telemetry().sinks()[0].1, Some(false));
    with_default(&dispatch, || turn("call", 2, "Hello again."));
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let collector = Collector::on(listener, Mood::Take);
    collector.wait_for(2 * SPANS).await;
    assert!(guard.flush(WITHIN));
    assert_eq!(guard.telemetry().figures().exported, 2 * SPANS as u64);
    assert_eq!(guard.telemetry().figures().dropped, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overloaded_sink_is_tried_again() {
    let collector = Collector::start(Mood::Unavailable).await;
    let (dispatch, guard) = exporting(&to(&collector.url));
    with_default(&dispatch, || turn("call", 1, "Hello."));
    assert!(!guard.flush(WITHIN));
    collector.set(Mood::Take);
    collector.wait_for(SPANS).await;
    assert_eq!(guard.telemetry().figures().failed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_batch_loses_the_bad_span_alone() {
    let collector = Collector::start(Mood::Refuse("playout")).await;
    let (dispatch, guard) = exporting(&to(&collector.url));
    with_default(&dispatch, || turn("call", 1, "Hello."));
    assert!(guard.flush(WITHIN));
    let figures = guard.telemetry().figures();
    assert_eq!((figures.exported, figures.failed, figures.dropped), (SPANS as u64 - 1, 1, 0));
    assert!(collector.spans().iter().all(|span| span.name != "playout"));
    assert!(collector.requests() <= 12, "{} requests", collector.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_sink_delays_neither_spans_nor_the_other_sink_nor_the_end() {
    let hanging = Collector::start(Mood::Hang).await;
    let taking = Collector::start(Mood::Take).await;
    let mut config = to(&hanging.url);
    config.timeout_ms = 60_000;
    config.sinks.push(SinkConfig { kind: SinkKind::Otlp, url: taking.url.clone(), ..SinkConfig::default() });
    let (dispatch, guard) = exporting(&config);
    let began = WallClock::now();
    with_default(&dispatch, || turn("call", 1, "Hello."));
    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    taking.wait_for(SPANS).await;
    assert!(!guard.flush(Duration::from_millis(100)));
    drop(guard);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_spans_at_once_never_block_and_each_is_accounted_for() {
    let collector = Collector::start(Mood::Take).await;
    let config = Config { queue_spans: 256, ..to(&collector.url) };
    let (dispatch, guard) = exporting(&config);
    let began = WallClock::now();
    with_default(&dispatch, || {
        let turn = tracing::info_span!(target: "voce_pipeline", parent: None, "turn", session = "call");
        for _ in 0..9_999 {
            drop(tracing::info_span!(target: "voce_pipeline", parent: &turn, "tts", characters = 3_u64));
        }
    });
    let took = began.elapsed();
    println!("10,000 spans took the caller {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(guard.flush(WITHIN));
    let figures = guard.telemetry().figures();
    assert_eq!(figures.exported + figures.dropped, 10_000);
    assert!(figures.exported >= 256, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_for_an_absent_sink_is_bounded_and_the_newest_stay() {
    let collector = Collector::start(Mood::Unavailable).await;
    let config = Config { waiting_bytes: 30_000, ..to(&collector.url) };
    let (dispatch, guard) = exporting(&config);
    for number in 1..=20 {
        with_default(&dispatch, || turn("call", number, "Hello."));
        guard.flush(WITHIN);
    }
    assert!(guard.telemetry().figures().dropped > 0);
    collector.set(Mood::Take);
    assert!(guard.flush(WITHIN));
    let figures = guard.telemetry().figures();
    assert_eq!(figures.exported + figures.dropped, 20 * SPANS as u64);
    let newest = collector.spans().iter().any(|span| {
        span.attributes.iter().any(|attribute| {
            attribute.key == "turn.number" && format!("{:?}", attribute.value).contains("20")
        })
    });
    assert!(newest);
}

#[test]
fn switched_off_it_costs_nothing_and_still_answers() {
    let (layer, guard) = voce_telemetry::layer::<tracing_subscriber::Registry>(&Config {
        enabled: false,
        ..Config::default()
    })
    .unwrap();
    assert!(layer.is_none());
    assert!(guard.flush(WITHIN));
    assert_eq!(guard.telemetry().trace_url("00"), None);
}
