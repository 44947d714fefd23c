//! What is on disk: it outlives an absent sink, the end of the program and its death, and is sent once.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
mod support;

use std::{collections::HashMap, path::Path, process::Command, time::Duration};

use support::{Collector, Mood, SPANS, exporting, spooling, to, turn};
use tracing::dispatcher::with_default;
use voce_telemetry::{Config, Guard, SinkConfig, SinkKind, SpoolConfig, spool_files};

const WITHIN: Duration = Duration::from_secs(10);

/// An address that nobody listens on.
fn nobody() -> std::net::SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

async fn on(address: std::net::SocketAddr) -> Collector {
    Collector::on(tokio::net::TcpListener::bind(address).await.unwrap(), Mood::Take)
}

/// Waits until so many spans are on disk for the first sink.
fn wait_spooled(guard: &Guard, spans: usize) {
    for _ in 0..500 {
        let figures = &guard.telemetry().sink_figures()[0];
        if figures.waiting_spans == spans as u64 && figures.spooled >= spans as u64 {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{:?}", guard.telemetry().sink_figures());
}

/// How often each span came.
fn often(collector: &Collector) -> HashMap<Vec<u8>, usize> {
    let mut often = HashMap::new();
    for span in collector.spans() {
        *often.entry(span.span_id).or_default() += 1;
    }
    often
}

fn all_once(collector: &Collector, spans: usize) {
    let often = often(collector);
    assert_eq!(often.len(), spans);
    assert!(often.values().all(|times| *times == 1), "{often:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_sent_before_the_end_is_sent_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let address = nobody();
    let config = spooling(&format!("http://{address}"), dir.path());
    let (dispatch, guard) = exporting(&config);
    with_default(&dispatch, || turn("call", 1, "Hello."));
    with_default(&dispatch, || turn("call", 2, "Hello again."));
    wait_spooled(&guard, 2 * SPANS);
    let figures = guard.telemetry().sink_figures().remove(0);
    assert!(figures.on_disk && figures.waiting_bytes > 1_000 && figures.oldest_seconds.unwrap() < 10.0);
    assert_ne!(figures.up, Some(true));
    drop(guard);
    let file = spool_files(&config).remove(0);
    assert_eq!((file.spans, file.in_use), (2 * SPANS as u64, false));
    assert!(file.url.unwrap().contains(&address.to_string()));
    let collector = on(address).await;
    let (_dispatch, guard) = exporting(&config);
    collector.wait_for(2 * SPANS).await;
    assert!(guard.flush(WITHIN));
    all_once(&collector, 2 * SPANS);
    drop(guard);
    assert_eq!(spool_files(&config)[0].spans, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_nothing_that_had_reached_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let address = nobody();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "the_process_that_is_killed", "--ignored", "--nocapture"])
        .env("VOCE_TEST_SPOOL", dir.path())
        .env("VOCE_TEST_SINK", format!("http://{address}"))
        .spawn()
        .unwrap();
    let ready = dir.path().join("ready");
    for _ in 0..500 {
        if ready.exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // SIGKILL: nothing in the process has a say in it.
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(ready.exists(), "the process got no turn onto the disk");
    let collector = on(address).await;
    let config = spooling(&format!("http://{address}"), dir.path());
    let (_dispatch, guard) = exporting(&config);
    collector.wait_for(3 * SPANS).await;
    assert!(guard.flush(WITHIN));
    all_once(&collector, 3 * SPANS);
}

/// Not a test by itself: three turns onto the disk, and then nothing more.
#[test]
#[ignore = "run by a_killed_process_loses_nothing_that_had_reached_the_disk"]
fn the_process_that_is_killed() {
    let (Ok(dir), Ok(sink)) = (std::env::var("VOCE_TEST_SPOOL"), std::env::var("VOCE_TEST_SINK")) else {
        return;
    };
    let (dispatch, guard) = exporting(&spooling(&sink, Path::new(&dir)));
    for number in 1..=3 {
        with_default(&dispatch, || turn("call", number, "Hello."));
    }
    wait_spooled(&guard, 3 * SPANS);
    std::fs::write(Path::new(&dir).join("ready"), "").unwrap();
    std::thread::sleep(Duration::from_secs(60));
}

#[tokio::test(flavor = "multi_thread")]
async fn room_on_disk_is_bounded_and_what_gives_way_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let collector = Collector::start(Mood::Unavailable).await;
    let mut config = spooling(&collector.url, dir.path());
    config.spool.bytes = 30_000;
    let (dispatch, guard) = exporting(&config);
    for number in 1..=12 {
        with_default(&dispatch, || turn("call", number, "Hello."));
        guard.flush(WITHIN);
    }
    let figures = guard.telemetry().sink_figures().remove(0);
    assert!(figures.dropped > 0 && figures.waiting_bytes <= 30_000, "{figures:?}");
    collector.set(Mood::Take);
    assert!(guard.flush(WITHIN));
    let figures = guard.telemetry().figures();
    assert_eq!(figures.exported + figures.dropped, 12 * SPANS as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_spool_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let collector = Collector::start(Mood::Unavailable).await;
    let config = spooling(&collector.url, dir.path());
    let exporters = [exporting(&config), exporting(&config)];
    for (number, (dispatch, guard)) in exporters.iter().enumerate() {
        with_default(dispatch, || turn("call", number as u64, "Hello."));
        wait_spooled(guard, SPANS);
    }
    assert!(spool_files(&config).iter().all(|file| file.in_use));
    assert_eq!(spool_files(&config).len(), 2);
    drop(exporters);
    // One process finds what both have left.
    collector.set(Mood::Take);
    let (_dispatch, guard) = exporting(&config);
    collector.wait_for(2 * SPANS).await;
    assert!(guard.flush(WITHIN));
    all_once(&collector, 2 * SPANS);
    assert_eq!(spool_files(&config).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sink_that_is_away_keeps_its_own_and_nobody_elses() {
    let dir = tempfile::tempdir().unwrap();
    let here = Collector::start(Mood::Take).await;
    let address = nobody();
    let mut config = spooling(&format!("http://{address}"), dir.path());
    config.sinks.push(SinkConfig { kind: SinkKind::Otlp, url: here.url.clone(), ..SinkConfig::default() });
    let (dispatch, guard) = exporting(&config);
    with_default(&dispatch, || turn("call", 1, "Hello."));
    here.wait_for(SPANS).await;
    wait_spooled(&guard, SPANS);
    guard.flush(Duration::from_secs(2));
    let [away, up] = guard.telemetry().sink_figures().try_into().unwrap();
    assert_eq!((away.up, away.exported, away.waiting_spans), (Some(false), 0, SPANS as u64));
    assert_eq!((up.up, up.exported, up.waiting_spans), (Some(true), SPANS as u64, 0));
    let back = on(address).await;
    back.wait_for(SPANS).await;
    all_once(&here, SPANS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_batch_of_the_last_start_loses_the_bad_span_alone() {
    let dir = tempfile::tempdir().unwrap();
    let address = nobody();
    let config = spooling(&format!("http://{address}"), dir.path());
    let (dispatch, guard) = exporting(&config);
    with_default(&dispatch, || turn("call", 1, "Hello."));
    wait_spooled(&guard, SPANS);
    drop(guard);
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let collector = Collector::on(listener, Mood::Refuse("playout"));
    let (_dispatch, guard) = exporting(&config);
    collector.wait_for(SPANS - 1).await;
    assert!(guard.flush(WITHIN));
    let figures = guard.telemetry().sink_figures().remove(0);
    assert_eq!((figures.exported, figures.refused, figures.waiting_spans), (SPANS as u64 - 1, 1, 0));
    all_once(&collector, SPANS - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_breaks_the_sink_does_not_keep_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let collector = Collector::start(Mood::Break("filler")).await;
    let (dispatch, guard) = exporting(&spooling(&collector.url, dir.path()));
    with_default(&dispatch, || {
        let turn = tracing::info_span!(target: "voce_pipeline", parent: None, "turn", session = "call");
        drop(tracing::info_span!(target: "voce_pipeline", parent: &turn, "filler"));
    });
    assert!(!guard.flush(WITHIN));
    with_default(&dispatch, || turn("call", 1, "Hello."));
    collector.wait_for(SPANS).await;
    assert_eq!(guard.telemetry().sink_figures()[0].waiting_spans, 2, "it waits for its turn");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_set_aside_and_traces_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let collector = Collector::start(Mood::Take).await;
    let config = spooling(&collector.url, dir.path());
    drop(exporting(&config));
    let path = spool_files(&config).remove(0).path;
    std::fs::write(&path, vec![0xa5; 50_000]).unwrap();
    assert!(spool_files(&config)[0].problem.is_some());
    let (dispatch, guard) = exporting(&config);
    with_default(&dispatch, || turn("call", 1, "Hello."));
    assert!(guard.flush(WITHIN));
    assert_eq!(guard.telemetry().sink_figures()[0].spooled, SPANS as u64);
    all_once(&collector, SPANS);
    let aside = std::fs::read_dir(dir.path().join("spool")).unwrap();
    assert!(aside.flatten().any(|file| file.file_name().to_string_lossy().ends_with(".damaged")));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_disk_cannot_be_written_memory_does() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("no-folder");
    std::fs::write(&file, "a file stands where the folder should").unwrap();
    let address = nobody();
    let spool = SpoolConfig { dir: file.display().to_string(), ..SpoolConfig::default() };
    let config = Config { spool, ..to(&format!("http://{address}")) };
    let (dispatch, guard) = exporting(&config);
    with_default(&dispatch, || turn("call", 1, "Hello."));
    assert!(!guard.flush(Duration::from_secs(2)));
    let figures = guard.telemetry().sink_figures().remove(0);
    assert_eq!((figures.on_disk, figures.waiting_spans, figures.spooled), (false, SPANS as u64, 0));
    let collector = on(address).await;
    collector.wait_for(SPANS).await;
    all_once(&collector, SPANS);
}
