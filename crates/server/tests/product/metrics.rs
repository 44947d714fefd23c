//! `/metrics` of a running server.
use crate::{
    harness::{EMBEDDED, Place},
    serving::Server,
};

/// Names that a server has before its first call.
const AT_ONCE: &[&str] = &[
    "voce_calls_total",
    "voce_calls_active",
    "voce_tasks",
    "voce_queue_depth{queue=\"telemetry\"}",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_threads",
    "process_start_time_seconds",
    "target_info",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_shows_its_metrics_to_prometheus() {
    if voce_testkit::models(EMBEDDED).is_none() {
        return;
    }
    let place = Place::new();
    let set = ["--set", "telemetry.enabled=true", "--set", "telemetry.sinks=[]"];
    let server = Server::start(&place, &[&["--set", "knowledge.store=none"][..], &set[..]].concat());
    // One that is installed already is as good.
    rustls::crypto::ring::default_provider().install_default().ok();
    let answer = reqwest::get(format!("{}/metrics", server.url)).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = answer.text().await.unwrap();
    for name in AT_ONCE {
        assert!(text.lines().any(|line| line.starts_with(name)), "{name} is missing in {text}");
    }
}
