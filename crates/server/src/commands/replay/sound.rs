//! The caller's voice again: the recording beside a trace or, where there is none, its words spoken.
use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use voce_core::{Line, MICROPHONE_RATE_HZ, TextToSpeech};
use voce_mlflow::Client;
use voce_telemetry::{Side, artifact_path};

use super::original::Original;
use crate::{config::Config, engines};

/// The source of what is not spoken anew.
pub const RECORDED: &str = "recorded";

/// What the caller says in one turn.
pub struct Sound {
    /// 16 kHz, mono.
    pub samples: Vec<f32>,
    /// `recorded`, or the voice that speaks the words.
    pub source: String,
}

impl Sound {
    /// Whether it is the caller's own.
    pub fn is_recorded(&self) -> bool {
        self.source == RECORDED
    }
}

/// The sound of every turn, in order.
pub async fn all(client: &Client, config: &Config, voice: &str, turns: &[Original]) -> Result<Vec<Sound>> {
    let mut sounds = Vec::with_capacity(turns.len());
    for turn in turns {
        let samples = recorded(client, turn).await?;
        if samples.is_none() && turn.question.is_none() {
            bail!(
                "trace {} holds neither what the caller said (telemetry.content was \"none\", or nothing was understood) nor a recording of it (telemetry.audio.enabled was false, or telemetry.audio.keep_days are over); it cannot be said again",
                turn.trace.info.id
            );
        }
        sounds.push(samples);
    }
    let speaker = match sounds.iter().any(Option::is_none) {
        true => Some(speaker(config, voice).await?),
        false => None,
    };
    let mut all = Vec::with_capacity(turns.len());
    for (turn, recorded) in turns.iter().zip(sounds) {
        all.push(match (recorded, &speaker, &turn.question) {
            (Some(samples), ..) => Sound { samples, source: RECORDED.to_owned() },
            (None, Some(speaker), Some(words)) => {
                Sound { samples: spoken(speaker.as_ref(), words).await?, source: voice.to_owned() }
            }
            (None, ..) => bail!("trace {} holds nothing that can be said again", turn.trace.info.id),
        });
    }
    Ok(all)
}

/// The caller's side of a turn, if it was kept.
async fn recorded(client: &Client, turn: &Original) -> Result<Option<Vec<f32>>> {
    let info = &turn.trace.info;
    let trace_id = info.id.trim_start_matches("tr-");
    let path = format!("{}/{}", info.experiment_id, artifact_path(trace_id, Side::Caller));
    let Some(wav) = client.artifact(&path).await? else { return Ok(None) };
    let (samples, rate_hz) = voce_audio::parse_wav(&wav, &format!("the recording of trace {}", info.id))?;
    Ok(Some(voce_audio::resample(&samples, rate_hz, MICROPHONE_RATE_HZ)?))
}

/// A voice beside the assistant's own, so that the caller sounds the same whatever the assistant's is.
async fn speaker(config: &Config, voice: &str) -> Result<std::sync::Arc<dyn TextToSpeech>> {
    let mut config = config.clone();
    voice.clone_into(&mut config.tts.voice);
    config.tts.speed = 1.0;
    tokio::task::spawn_blocking(move || {
        let (store, runtime) = engines::foundation(&config)?;
        voce_tts::build(&config.tts, &store, &runtime)
            .context("the voice that speaks for the caller (--voice)")
    })
    .await?
}

async fn spoken(speaker: &dyn TextToSpeech, words: &str) -> Result<Vec<f32>> {
    let line = Line { index: 0, text: words.to_owned(), begins_sentence: true, ends_sentence: true };
    let mut speech = speaker.speak(line);
    let mut samples = vec![];
    while let Some(part) = speech.next().await {
        samples.extend(part?.samples);
    }
    Ok(voce_audio::resample(&samples, speaker.rate_hz(), MICROPHONE_RATE_HZ)?)
}
