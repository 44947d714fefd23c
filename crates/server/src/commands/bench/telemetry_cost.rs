//! What telemetry costs a turn: CPU time of the whole process, time of the call's own thread, and memory, for the spans
//! and the sound of many turns, as the configuration says: off, sent, or kept on disk because the sink is away.
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::time::Instant;
use voce_core::{AudioFrame, MICROPHONE_RATE_HZ, MediaTime, ModelCard, Recorder, TurnId};
use voce_pipeline::spans;

use crate::{config::Config, inspector::CallRecorder};

/// Turns before the first that counts: what is made once is made by then.
const WARM_UP: u32 = 500;
/// In life a turn takes seconds; without a pause the queue would fill and drop instead of work.
const PACE: Duration = Duration::from_millis(2);
/// Frames of sound that are recorded.
const FRAMES: usize = 20_000;

/// Measures `turns` turns and prints the figures.
pub async fn run(config: Config, turns: u32) -> Result<()> {
    let telemetry = voce_telemetry::install(&config.telemetry)?;
    let asked = telemetry.telemetry();
    let line = tokio::task::spawn_blocking(move || {
        (0..WARM_UP).for_each(|number| paced(number, &mut vec![]));
        telemetry.flush(Duration::from_millis(500));
        let mut in_call = vec![];
        let (before, memory) = (cpu_seconds()?, resident_bytes()?);
        let began = Instant::now();
        (WARM_UP..WARM_UP + turns).for_each(|number| paced(number, &mut in_call));
        // What the exporter's thread still has to do belongs to the bill.
        telemetry.flush(Duration::from_secs(20));
        let (cpu, wall) = (cpu_seconds()? - before, began.elapsed().as_secs_f64());
        let grown = resident_bytes()? as f64 - memory as f64;
        let frames = frames();
        in_call.sort_by(f64::total_cmp);
        let microseconds = |seconds: f64| (seconds * 1e7).round() / 10.0;
        let at = |sorted: &[f64], share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
        let mean = in_call.iter().sum::<f64>() / in_call.len() as f64;
        let figures = asked.figures();
        let kept = asked.sink_figures();
        let sum = |of: fn(&voce_telemetry::SinkFigures) -> u64| kept.iter().map(of).sum::<u64>();
        anyhow::Ok(json!({
            "name": "telemetry",
            "turns": turns,
            "spans_per_turn": SPANS,
            "cpu_ms_per_turn": (cpu / f64::from(turns) * 1e6).round() / 1e3,
            "wall_seconds": wall,
            "in_call_us_per_turn": microseconds(mean),
            "in_call_us_per_turn_p99": microseconds(at(&in_call, 0.99)),
            "in_call_ns_per_span": (mean / f64::from(SPANS) * 1e9).round(),
            "frame_us_median": microseconds(at(&frames, 0.5)),
            "frame_us_p99": microseconds(at(&frames, 0.99)),
            "memory_grown_mib": (grown / 1_048_576.0 * 10.0).round() / 10.0,
            "spans_exported": figures.exported,
            "spans_dropped": figures.dropped,
            "spans_waiting": sum(|sink| sink.waiting_spans),
            "bytes_waiting": sum(|sink| sink.waiting_bytes),
        }))
    })
    .await??;
    println!("{line}");
    Ok(())
}

/// One turn. Writes down how long the calling thread was busy with it, seconds.
fn paced(number: u32, in_call: &mut Vec<f64>) {
    let began = Instant::now();
    turn(number);
    in_call.push(began.elapsed().as_secs_f64());
    std::thread::sleep(PACE);
}

/// Seconds that recording one frame of each side takes, sorted.
fn frames() -> Vec<f64> {
    let recorder = CallRecorder::new(Duration::from_secs(60), true);
    recorder.note(&voce_core::Event::UserStartedSpeaking);
    let frame = AudioFrame {
        at: MediaTime::default(),
        rate_hz: MICROPHONE_RATE_HZ,
        samples: vec![0.1; MICROPHONE_RATE_HZ as usize / 50],
    };
    let mut seconds: Vec<f64> = (0..FRAMES)
        .map(|_| {
            let began = Instant::now();
            recorder.caller(&frame);
            recorder.bot(&frame);
            began.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds
}

/// Memory of this process that is in RAM, bytes.
fn resident_bytes() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").context("memory is read from /proc")?;
    let pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    Ok(pages.context("/proc/self/statm: expected the resident pages as second number")? * 4_096)
}

/// The spans that [`turn`] makes.
const SPANS: u32 = 14;

/// The spans of a usual turn with fields of usual size.
fn turn(number: u32) {
    let model = ModelCard { provider: "bench".into(), name: "bench".into(), device: "cpu".into() };
    let text = "The water pump has a warranty of two years from the date of purchase. Keep the receipt.";
    let caller = spans::Caller { session: "bench", user: None, variant: "default" };
    let turn = spans::turn(&caller, TurnId(number), "speech", 100.0);
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
        let tts = spans::tts(&turn, &model, "af_heart");
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
