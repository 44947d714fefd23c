//! `voce bench`: times one engine as the assistant uses it, for `scripts/bench` to set beside its usual Python
//! library on the same model.
use std::{hint::black_box, path::Path};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use tokio::time::Instant;
use voce_core::MICROPHONE_RATE_HZ;
use voce_models::{Runtime, Store};

use crate::{cli::BenchArgs, commands::talk, config::Config, engines};

mod llm;
mod retrieval;
mod telemetry_cost;
mod turn;
mod turns;

/// What every run prints, the same as the Python baselines.
#[derive(Serialize)]
struct Timing {
    name: String,
    median_seconds: f64,
    runs: Vec<f64>,
}

pub async fn run(config: Config, args: BenchArgs) -> Result<()> {
    if args.what == "telemetry" {
        return telemetry_cost::run(config, u32::try_from(args.count)?).await;
    }
    if args.what == "retrieval" {
        return retrieval::run(config, args).await;
    }
    if args.what == "turns" {
        return turns::run(config, args).await;
    }
    if args.what == "llm" {
        let speed = tokio::task::spawn_blocking(move || llm::speed(config, &args)).await??;
        println!("{}", serde_json::to_string(&speed)?);
        return Ok(());
    }
    if args.what.starts_with("turn") {
        return tokio::task::spawn_blocking(move || turn::run(&config, &args)).await?;
    }
    let timing = tokio::task::spawn_blocking(move || time_engine(config, &args)).await??;
    println!("{}", serde_json::to_string(&timing)?);
    Ok(())
}

fn time_engine(mut config: Config, args: &BenchArgs) -> Result<Timing> {
    let (store, runtime) = engines::foundation(&config)?;
    let threads = args.threads;
    let name = format!("voce {}", args.what);
    let runs = match args.what.as_str() {
        "silero" => silero(&config, &store, &runtime, &sound(args)?, args.repeat)?,
        "smart-turn" => {
            config.turn.end_of_turn_threads = threads;
            let model = voce_turn::build_end_of_turn(&config.turn, &store, &runtime)?;
            let speech = sound(args)?;
            time(args.repeat, || model.probability(&speech))?
        }
        "stt" => {
            config.stt.threads = threads;
            let engine = voce_stt::load(&config.stt, &store, &runtime)?;
            let speech = sound(args)?;
            time(args.repeat, || engine.transcribe_samples(&speech))?
        }
        "embed" => {
            let embedder = voce_rag::Embedder::load(&store, &config.knowledge.model, threads)?;
            let text = text(args)?;
            time(args.repeat, || embedder.embed(text))?
        }
        "tts" => {
            config.tts.threads = threads;
            let voice = voce_tts::Kokoro::load(&config.tts, &store, &runtime)?;
            let text = text(args)?;
            time(args.repeat, || voice.synthesize(text))?
        }
        other => bail!(
            "{other} is none of silero, smart-turn, stt, embed, llm, tts, retrieval, telemetry, turn, turn-material, turn-models, turns"
        ),
    };
    let median_seconds = median(runs.clone())?;
    Ok(Timing { name, median_seconds, runs })
}

/// Seconds of each run, after one that is not timed.
fn time<T, E>(repeat: usize, mut work: impl FnMut() -> Result<T, E>) -> Result<Vec<f64>, E> {
    black_box(work()?);
    (0..repeat)
        .map(|_| {
            let begun = Instant::now();
            black_box(work()?);
            Ok(begun.elapsed().as_secs_f64())
        })
        .collect()
}

fn median(mut runs: Vec<f64>) -> Result<f64> {
    runs.sort_by(f64::total_cmp);
    runs.get(runs.len() / 2).copied().context("--repeat must be at least 1")
}

/// Seconds per 32 ms window over the whole file.
fn silero(
    config: &Config,
    store: &Store,
    runtime: &Runtime,
    speech: &[f32],
    repeat: usize,
) -> Result<Vec<f64>> {
    let factory = voce_turn::build_vad_factory(&config.turn, store, runtime)?;
    let mut runs = vec![];
    for _ in 0..=repeat {
        let mut detector = factory()?;
        let begun = Instant::now();
        let mut windows = 0;
        for (index, window) in speech.chunks_exact(512).enumerate() {
            let at = voce_core::MediaTime::of_samples(index as u64 * 512, MICROPHONE_RATE_HZ);
            let frame = voce_core::AudioFrame { at, rate_hz: MICROPHONE_RATE_HZ, samples: window.to_vec() };
            black_box(detector.speech_probability(&frame)?);
            windows += 1;
        }
        runs.push(begun.elapsed().as_secs_f64() / f64::from(windows.max(1)));
    }
    Ok(runs.split_off(1))
}

fn sound(args: &BenchArgs) -> Result<Vec<f32>> {
    talk::read(Path::new(args.input.as_deref().context("this engine needs a WAV file")?))
}

fn text(args: &BenchArgs) -> Result<&str> {
    args.input.as_deref().context("this engine needs a text")
}
