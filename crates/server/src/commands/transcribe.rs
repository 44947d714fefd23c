//! `voce transcribe`: what WAV files say.
use anyhow::{Context, Result};
use serde::Serialize;
use voce_core::Transcript;

use crate::{cli::TranscribeArgs, commands::talk, config::Config, engines};

/// What `--json` prints for each file.
#[derive(Serialize)]
struct Report {
    file: String,
    /// Ids of the tokens, in order.
    ids: Vec<u32>,
    /// Their start times, seconds, where the recogniser knows them.
    timestamps: Vec<Option<f64>>,
    #[serde(flatten)]
    transcript: Transcript,
}

pub async fn run(config: Config, args: TranscribeArgs) -> Result<()> {
    tokio::task::spawn_blocking(move || transcribe(&config, &args)).await?
}

fn transcribe(config: &Config, args: &TranscribeArgs) -> Result<()> {
    // A file that cannot be read is said before seconds are spent on the model.
    let sounds = args.files.iter().map(|file| talk::read(file)).collect::<Result<Vec<_>>>()?;
    let (store, runtime) = engines::foundation(config)?;
    let recogniser = voce_stt::load(&config.stt, &store, &runtime)?;
    let mut reports = vec![];
    for (file, sound) in args.files.iter().zip(sounds) {
        let transcript = recogniser
            .transcribe_samples(&sound)
            .with_context(|| format!("transcribing {}", file.display()))?;
        if !args.json {
            println!("{}: {}", file.display(), transcript.text);
        }
        reports.push(Report {
            file: file.display().to_string(),
            ids: transcript.tokens.iter().map(|token| token.id).collect(),
            timestamps: transcript.tokens.iter().map(|token| token.start_seconds).collect(),
            transcript,
        });
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&reports)?);
    }
    Ok(())
}
