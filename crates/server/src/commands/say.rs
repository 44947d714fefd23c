//! `voce say`: a text as sound, with what was made of it.
use anyhow::{Context, Result};
use serde::Serialize;
use voce_core::{Phoneme, SpokenWord};
use voce_tts::Kokoro;

use crate::{cli::SayArgs, config::Config, engines};

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    text: String,
    voice: String,
    /// The phonemes as one string, in Kokoro's alphabet.
    spelled: String,
    seconds: f64,
    words: Vec<SpokenWord>,
    phonemes: Vec<Phoneme>,
}

pub async fn run(config: Config, args: SayArgs) -> Result<()> {
    tokio::task::spawn_blocking(move || say(&config, args)).await?
}

fn say(config: &Config, args: SayArgs) -> Result<()> {
    let (store, runtime) = engines::foundation(config)?;
    let voice = Kokoro::load(&config.tts, &store, &runtime)?;
    let speech = voice.synthesize(&args.text)?;
    voce_audio::write_wav(&args.out, &speech.samples, speech.rate_hz)
        .with_context(|| format!("writing {}", args.out.display()))?;
    let report = Report {
        spelled: voice.phonemes(&args.text),
        text: args.text,
        voice: config.tts.voice.clone(),
        seconds: speech.samples.len() as f64 / f64::from(speech.rate_hz),
        words: speech.words,
        phonemes: speech.phonemes,
    };
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}\n{:.2} s in {}", report.spelled, report.seconds, args.out.display());
    }
    Ok(())
}
