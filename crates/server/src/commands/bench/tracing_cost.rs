//! What tracing costs a turn: the CPU time of the whole process for the spans of many turns, exported and not.
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use voce_core::{ModelCard, TurnId};
use voce_pipeline::spans;

use crate::config::Config;

const TURNS: u32 = 500;

pub async fn run(config: Config, repeat: usize) -> Result<()> {
    let without = per_turn(repeat)?;
    let telemetry = voce_telemetry::install(&config.telemetry)?;
    let guard = telemetry.telemetry();
    let with = tokio::task::spawn_blocking(move || {
        let with = per_turn(repeat);
        // What the exporter's thread still has to do belongs to the bill.
        telemetry.flush(Duration::from_secs(10));
        with
    })
    .await??;
    let milliseconds = |seconds: f64| (seconds * 1e6).round() / 1e3;
    let figures = guard.figures();
    println!(
        "{}",
        json!({
            "name": "tracing",
            "off_ms_per_turn": milliseconds(without),
            "on_ms_per_turn": milliseconds(with),
            "difference_ms": milliseconds(with - without),
            "spans_exported": figures.exported,
            "spans_dropped": figures.dropped,
        })
    );
    Ok(())
}

/// Median CPU seconds of a turn's spans.
fn per_turn(repeat: usize) -> Result<f64> {
    let mut runs = vec![];
    for _ in 0..=repeat {
        let before = cpu_seconds()?;
        for number in 0..TURNS {
            turn(number);
            // In life a turn takes seconds; without a pause the queue would fill and drop instead of work.
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(1_200));
        runs.push((cpu_seconds()? - before) / f64::from(TURNS));
    }
    runs.remove(0);
    super::median(runs)
}

/// The spans of a usual turn with fields of usual size.
fn turn(number: u32) {
    let model = ModelCard { provider: "bench".into(), name: "bench".into(), device: "cpu".into() };
    let text = "The water pump has a warranty of two years from the date of purchase. Keep the receipt.";
    let turn = spans::turn("bench", "default", TurnId(number), "speech", 100.0);
    spans::listen(&turn, 100.0).record("speech_seconds", 2.5);
    spans::end_of_turn(&turn, &model, 0.5, 60.0).record("outcome", "committed");
    spans::stt(&turn, &model, 100.0).record("text", text);
    let rag = spans::rag(&turn, &model);
    let passage =
        json!({"text": text, "source": "manual.md", "heading": "Warranty", "chunk": 1, "score": 0.8});
    rag.record("documents", json!([passage, passage, passage]).to_string());
    drop(rag);
    let llm = spans::llm(&turn, &model);
    llm.record("messages", json!([{"role": "user", "content": text.repeat(5)}]).to_string());
    drop(spans::llm_first_token(&llm));
    llm.record("answer", text);
    llm.record("prompt_tokens", 200);
    drop(llm);
    spans::parse(&turn).record("text", text);
    for _ in 0..2 {
        let tts = spans::tts(&turn, &model);
        drop(spans::tts_first_audio(&tts));
        tts.record("text", text);
    }
    spans::voice_to_voice(&turn, 1.2);
    spans::playout(&turn).record("heard", text);
    for field in ["question", "generated", "spoken", "heard"] {
        turn.record(field, text);
    }
}

/// Time that all threads of this process spent on a CPU so far.
fn cpu_seconds() -> Result<f64> {
    let mut nanoseconds = 0;
    for task in std::fs::read_dir("/proc/self/task").context("CPU times are read from /proc")? {
        let text = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        nanoseconds +=
            text.split_whitespace().next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(nanoseconds as f64 / 1e9)
}
