//! What callers say, as sound: each text is spoken once a voice, however many calls say it.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::TryStreamExt;
use voce_core::{EngineError, Line, Speech, TextToSpeech};

use crate::{
    Track, TrackError,
    noise::{amplitude, at_level},
    scenario::Pause,
};

/// Mono sound at 16 kHz. Cheap to clone.
pub type Sound = Arc<[f32]>;

/// How loud callers are, dBFS.
const SPEECH_DB: f32 = -25.0;
/// Utterances that are kept, at most; a scenario has some tens.
const MOST_KEPT: usize = 1_000;
/// How much longer the word before a break is drawn out, as by people who stop to think.
const DRAWN_OUT: f64 = 1.3;

/// Who can speak.
pub trait Voices: Send + Sync + 'static {
    /// The voice `name` at `speed` (1 is natural). Blocking: it may read files.
    fn voice(&self, name: &str, speed: f32) -> Result<Arc<dyn TextToSpeech>, EngineError>;
}

/// Why something could not be said.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    /// There is no such voice, or it failed.
    #[error("voice {voice:?}: {reason}")]
    Voice {
        /// Which.
        voice: String,
        /// What it says.
        reason: EngineError,
    },
    /// The text does not sound as the scenario wants it.
    #[error("speaking {text:?} as {voice:?}: {reason}")]
    Sound {
        /// Whose voice.
        voice: String,
        /// What was to be said.
        text: String,
        /// What is wrong.
        reason: TrackError,
    },
}

/// Speaks, and keeps what was spoken.
pub struct Utterances {
    voices: Arc<dyn Voices>,
    kept: Mutex<HashMap<Key, Sound>>,
}

/// Voice, speed and pause as bits, since floats do not compare, and text.
type Key = (String, u32, Option<(u32, u64)>, String);

impl Utterances {
    /// Nothing was said yet.
    pub fn new(voices: Arc<dyn Voices>) -> Self {
        Self { voices, kept: Mutex::default() }
    }

    /// `text` as `voice` says it, from the first sound to the last, all equally loud.
    ///
    /// # Errors
    /// No such voice, it failed, or it said nothing.
    pub async fn say(
        &self,
        voice: &str,
        speed: f32,
        text: &str,
        pause: Option<Pause>,
    ) -> Result<Sound, SpeechError> {
        let pause_bits = pause.map(|pause| (pause.after_words, pause.seconds.to_bits()));
        let key = (voice.to_owned(), speed.to_bits(), pause_bits, text.to_owned());
        if let Some(sound) = self.kept().get(&key) {
            return Ok(sound.clone());
        }
        let failed = |reason| SpeechError::Voice { voice: voice.to_owned(), reason };
        let speech = self.speak(voice, speed, text).await.map_err(failed)?;
        let unlike = |reason| SpeechError::Sound { voice: voice.to_owned(), text: text.to_owned(), reason };
        let mut track = Track::of(&speech).map_err(unlike)?;
        let samples = at_level(std::mem::take(&mut track.samples), amplitude(SPEECH_DB));
        track.samples = samples;
        if let Some(Pause { after_words, seconds }) = pause {
            track.pause(after_words as usize, seconds, DRAWN_OUT).map_err(unlike)?;
        }
        let sound: Sound = track.samples.iter().map(|sample| sample.clamp(-1.0, 1.0)).collect();
        let mut kept = self.kept();
        if kept.len() < MOST_KEPT {
            kept.insert(key, sound.clone());
        }
        Ok(sound)
    }

    async fn speak(&self, voice: &str, speed: f32, text: &str) -> Result<Speech, EngineError> {
        let (voices, name) = (self.voices.clone(), voice.to_owned());
        let found = tokio::task::spawn_blocking(move || voices.voice(&name, speed)).await;
        let engine =
            found.map_err(|_| EngineError::run("voice", "loading it panicked; the log says where"))??;
        let line = Line { index: 0, text: text.to_owned(), begins_sentence: true, ends_sentence: true };
        let whole = Speech { rate_hz: engine.rate_hz(), ..Speech::default() };
        engine.speak(line).try_fold(whole, |whole, part| std::future::ready(Ok(joined(whole, part)))).await
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Key, Sound>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `part` after `whole`.
fn joined(mut whole: Speech, part: Speech) -> Speech {
    let offset = whole.samples.len() as f64 / f64::from(whole.rate_hz);
    whole.samples.extend(part.samples);
    whole.words.extend(part.words.into_iter().map(|mut word| {
        word.start_seconds += offset;
        word.end_seconds += offset;
        word
    }));
    whole
}

/// How loud noise is that speech exceeds by `snr_db` decibels: an amplitude.
pub fn noise_level(snr_db: f64) -> f32 {
    amplitude(SPEECH_DB - snr_db as f32)
}
