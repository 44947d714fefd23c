//! Speaks a text and tells how long it took, for measuring: `say [--threads N] [--repeat K] [--voice V] [--out
//! FILE.wav] TEXT`. Prints one line of JSON.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::error::Error;

use tokio::time::Instant;
use voce_models::{Runtime, RuntimeConfig, Store};
use voce_tts::{Config, Kokoro};

fn main() -> Result<(), Box<dyn Error>> {
    let mut config = Config::default();
    let (mut repeat, mut out, mut text) = (1_usize, None, String::from("Hello there."));
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--threads" => config.threads = value()?.parse()?,
            "--repeat" => repeat = value()?.parse()?,
            "--voice" => config.voice = value()?,
            "--out" => out = Some(value()?),
            _ => text = argument,
        }
    }
    let store = Store::open(&voce_models::Config::default())?;
    let runtime = Runtime::load(&store, &RuntimeConfig::default())?;
    let begun = Instant::now();
    let kokoro = Kokoro::load(&config, &store, &runtime)?;
    let loaded = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let phonemes = kokoro.phonemes(&text);
    let phonemised = begun.elapsed().as_secs_f64();
    let mut runs = Vec::new();
    let mut speech = kokoro.synthesize(&text)?;
    for _ in 0..repeat {
        let begun = Instant::now();
        speech = kokoro.synthesize(&text)?;
        runs.push(begun.elapsed().as_secs_f64());
    }
    let mut sorted = runs.clone();
    sorted.sort_by(f64::total_cmp);
    if let Some(path) = out {
        voce_audio::write_wav(path, &speech.samples, speech.rate_hz)?;
    }
    let report = serde_json::json!({
        "name": "voce kokoro",
        "median_seconds": sorted[sorted.len() / 2],
        "runs": runs,
        "load_seconds": loaded,
        "phonemes": phonemes,
        "phonemise_seconds": phonemised,
        "audio_seconds": speech.samples.len() as f64 / f64::from(speech.rate_hz),
        "words": speech.words,
    });
    println!("{report}");
    Ok(())
}
