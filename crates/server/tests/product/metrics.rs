//! `/metrics` of a running server: before its first call, beside one, and what a busy server says to another.
use std::time::Duration;

use tokio::time::{Instant, sleep};
use voce_testkit::caller::{Caller, CallerError, Received};

use crate::{
    harness::{EMBEDDED, Place, microphone},
    serving::Server,
};

/// Names that a server has before its first call.
const AT_ONCE: &[&str] = &[
    "voce_calls_total",
    "voce_calls_active",
    "voce_tasks",
    "voce_queue_depth{queue=\"telemetry\"}",
    "voce_admission_wait_seconds 0",
    "voce_admission_lag_seconds",
    "voce_admission_open 1",
    "voce_admission_places",
    "voce_admission_refused_total{reason=\"busy\"} 0",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_threads",
    "process_start_time_seconds",
    "target_info",
];

/// What a turn leaves: how long each model was waited for, and that somebody was refused.
const AFTER_A_TURN: &[&str] = &[
    "voce_queue_wait_seconds_count{model=\"moonshine-base-en\",stage=\"stt\"",
    "voce_queue_wait_seconds_count{model=\"smart-turn-v3.2\",stage=\"end_of_turn\"",
    "voce_queue_wait_seconds_count{model=\"smollm2-135m-instruct\",stage=\"llm\"",
    "voce_queue_wait_seconds_count{model=\"kokoro-82m-int8 af_heart\",stage=\"tts\"",
    "voce_admission_open 0",
    "voce_admission_refused_total{reason=\"busy\"} 1",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_running_server_shows_its_metrics_and_a_busy_one_takes_no_second_call() {
    if voce_testkit::models(EMBEDDED).is_none() {
        return;
    }
    let place = Place::new();
    let set = ["--set", "telemetry.enabled=true", "--set", "telemetry.sinks=[]"];
    // A task is always a little late, so this server is busy as soon as somebody is there.
    let busy = ["--set", "admission.enabled=true", "--set", "admission.max_lag_ms=0"];
    let short = ["--set", "knowledge.store=none", "--set", "llm.max_tokens=12"];
    let server = Server::start(&place, &[&short[..], &set[..], &busy[..]].concat());
    // One that is installed already is as good.
    rustls::crypto::ring::default_provider().install_default().ok();
    let answer = reqwest::get(format!("{}/metrics", server.url)).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    there(&answer.text().await.unwrap(), AT_ONCE);

    let inside = Caller::connect(&server.url).await.unwrap();
    let asked = inside.say(&microphone("q1.wav")).await.unwrap();
    let Some(CallerError::Refused { status, body, retry_after }) = Caller::connect(&server.url).await.err()
    else {
        panic!("a second call was taken")
    };
    assert_eq!((status, retry_after), (503, Some(10)), "{body}");
    assert!(body.contains("the server is busy: tasks have lately run"), "{body}");
    let is_report = |message: &Received| {
        message.at > asked.began && message.kind() == "server-message" && message.data()["type"] == "turn"
    };
    let report =
        inside.wait_for_match("the turn's report", Duration::from_secs(60), is_report).await.unwrap();
    assert_eq!(report.data()["report"]["end_reason"], "completed", "{report:?}");
    // The last spans are on their way to the thread that counts them.
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        let text = reqwest::get(format!("{}/metrics", server.url)).await.unwrap().text().await.unwrap();
        if AFTER_A_TURN.iter().all(|name| has(&text, name)) || Instant::now() > until {
            there(&text, AFTER_A_TURN);
            break;
        }
        sleep(Duration::from_millis(200)).await;
    }
    inside.hang_up().await;
}

fn has(text: &str, name: &str) -> bool {
    text.lines().any(|line| line.starts_with(name))
}

fn there(text: &str, names: &[&str]) {
    for name in names {
        assert!(has(text, name), "{name} is missing in {text}");
    }
}
