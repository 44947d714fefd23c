//! The spoken material of the turn-taking bench: clips of single turns and what is spoken into the bot's voice, each
//! with the truth about it. Made from a seed by the assistant's own voices, and kept in a folder.
use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use voce_core::{MICROPHONE_RATE_HZ, Speech};
use voce_models::{Runtime, Store};
use voce_tts::Kokoro;

use super::{clips, overlaps};

/// Changes with whatever changes the sound; part of the folder's name.
const VERSION: u32 = 2;

/// Who speaks: American and British women and men.
pub const VOICES: [&str; 8] =
    ["af_heart", "am_michael", "bf_emma", "am_adam", "af_bella", "bm_george", "af_sarah", "am_puck"];
/// Who answers.
pub const BOT_VOICE: &str = "af_heart";

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// The same seed and counts give the same sound.
    pub seed: u64,
    /// Single turns.
    pub clips: usize,
    /// Sounds spoken into the bot's voice: about half are backchannels, a third interruptions, the rest noises and
    /// echoes.
    pub overlaps: usize,
}

impl Default for Recipe {
    fn default() -> Self {
        Self { seed: 1, clips: 150, overlaps: 112 }
    }
}

/// All of it.
pub struct Material {
    pub clips: Vec<Clip>,
    pub overlaps: Vec<Overlap>,
}

/// What kind of turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Said in one go.
    Plain,
    /// Broken off in the middle of a sentence.
    Pause,
    /// With "um", "well" and drawn-out words.
    Hesitation,
    /// Numbers and spelling in groups.
    Numbers,
    /// Two sentences that belong together. A listener cannot know that the second comes.
    TwoSentences,
}

/// What sounds beside the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Noise {
    /// Only the room.
    Quiet,
    /// As loud at all frequencies.
    White,
    /// 3 dB softer each octave.
    Pink,
    /// Other voices.
    Babble,
}

/// A turn of a caller to whom nobody answers, and 3 s after it. 16 kHz.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clip {
    pub name: String,
    pub kind: Kind,
    pub text: String,
    pub voice: String,
    pub noise: Noise,
    /// How much louder the speech is than the noise, decibels.
    pub noise_db: Option<f32>,
    /// Seconds of the first sample of speech, by the clean voice.
    pub speech_start: f64,
    /// Seconds of the last sample of speech, by the clean voice.
    pub speech_end: f64,
    /// Start and end of each silence of at least 150 ms inside the turn, by the clean voice, seconds.
    pub pauses: Vec<(f64, f64)>,
    /// Start and end of each word of `text` (split at spaces), seconds: what is said by when.
    pub words: Vec<(f64, f64)>,
    #[serde(skip)]
    pub samples: Vec<f32>,
}

impl Clip {
    /// The words that have begun until `seconds`.
    pub fn said_until(&self, seconds: f64) -> String {
        let begun = self.words.iter().take_while(|(start, _)| *start < seconds).count();
        self.text.split(' ').take(begun).collect::<Vec<_>>().join(" ")
    }
}

/// What kind of sound it is that falls into the bot's voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OverlapKind {
    /// "Uh-huh": the listener wants the bot to go on.
    Backchannel,
    /// A cough or a throat that is cleared.
    Cough,
    /// The bot's own voice from a loudspeaker.
    Echo,
    /// The caller wants the floor.
    Interruption,
    /// Knocks and clicks.
    Noise,
}

/// A sound that falls into the bot's voice. 16 kHz.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overlap {
    pub name: String,
    pub kind: OverlapKind,
    /// What is said; for an echo, what the bot said.
    pub text: String,
    pub voice: String,
    pub noise: Noise,
    pub noise_db: Option<f32>,
    /// Seconds of the first audible sample.
    pub onset: f64,
    /// Seconds of the last one.
    pub end: f64,
    #[serde(skip)]
    pub samples: Vec<f32>,
}

/// What `material.json` holds.
#[derive(Serialize, Deserialize)]
struct Truth {
    version: u32,
    recipe: Recipe,
    rate_hz: u32,
    clips: Vec<Clip>,
    overlaps: Vec<Overlap>,
}

/// Speaks a text with a voice at a speed.
pub type Say<'a> = dyn FnMut(&str, &str, f32) -> Result<Speech> + 'a;

/// The material of `recipe`: read from its folder under `cache`, or made with the voices of the store and kept there.
/// Making it takes minutes. Blocking.
pub fn make(recipe: Recipe, cache: &Path, store: &Store, runtime: &Runtime) -> Result<Material> {
    let folder = folder(recipe, cache);
    if !folder.join("material.json").is_file() {
        let voice = Kokoro::load(&voce_tts::Config::default(), store, runtime)?;
        let mut count = 0;
        let mut say = |name: &str, text: &str, speed: f32| -> Result<Speech> {
            count += 1;
            if count % 20 == 0 {
                eprintln!(
                    "speaking the bench's material: {count} of at most {}",
                    recipe.clips + recipe.overlaps
                );
            }
            Ok(voice.with_voice(store, name, speed)?.synthesize(text)?)
        };
        keep(&spoken(recipe, &mut say)?, recipe, &folder)?;
    }
    // Also what was just made is read back, so that the first run works on the same samples as all others.
    read(recipe, &folder)
}

/// Where the material of `recipe` lies under `cache`.
pub fn folder(recipe: Recipe, cache: &Path) -> PathBuf {
    let Recipe { seed, clips, overlaps } = recipe;
    cache.join(format!("turn-material-v{VERSION}-{seed}-{clips}-{overlaps}"))
}

/// Where material is kept unless told otherwise: beside the model store.
pub fn cache(store: &Store) -> PathBuf {
    store.dir().parent().unwrap_or(store.dir()).join("bench")
}

/// Makes the material with `say`.
pub fn spoken(recipe: Recipe, say: &mut Say) -> Result<Material> {
    let planned = overlaps::plan(recipe, say)?;
    let clips = clips::speak(recipe, &overlaps::voices(&planned), say)?;
    let overlaps = overlaps::finish(recipe, planned);
    Ok(Material { clips, overlaps })
}

/// Writes `material` to `folder`: a WAV file each, and `material.json` last.
pub fn keep(material: &Material, recipe: Recipe, folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    for (name, samples) in sounds(material) {
        voce_audio::write_wav(folder.join(format!("{name}.wav")), samples, MICROPHONE_RATE_HZ)?;
    }
    let truth = Truth {
        version: VERSION,
        recipe,
        rate_hz: MICROPHONE_RATE_HZ,
        clips: material.clips.clone(),
        overlaps: material.overlaps.clone(),
    };
    let file = folder.join("material.json");
    fs::write(&file, serde_json::to_vec_pretty(&truth)?)
        .with_context(|| format!("writing {}", file.display()))
}

fn sounds(material: &Material) -> impl Iterator<Item = (&str, &[f32])> {
    let clips = material.clips.iter().map(|clip| (clip.name.as_str(), clip.samples.as_slice()));
    clips.chain(material.overlaps.iter().map(|overlap| (overlap.name.as_str(), overlap.samples.as_slice())))
}

fn read(recipe: Recipe, folder: &Path) -> Result<Material> {
    let file = folder.join("material.json");
    let remedy = || format!("reading {}; delete the folder to have it made again", file.display());
    let truth: Truth = serde_json::from_slice(&fs::read(&file).with_context(remedy)?).with_context(remedy)?;
    ensure!(
        (truth.version, truth.recipe) == (VERSION, recipe),
        "{} holds other material; delete the folder to have it made again",
        folder.display()
    );
    let sound = |name: &str| -> Result<Vec<f32>> {
        let (samples, rate_hz) =
            voce_audio::read_wav(folder.join(format!("{name}.wav"))).with_context(remedy)?;
        ensure!(
            rate_hz == MICROPHONE_RATE_HZ,
            "{name}.wav is at {rate_hz} Hz, expected {MICROPHONE_RATE_HZ}"
        );
        Ok(samples)
    };
    let (mut clips, mut overlaps) = (truth.clips, truth.overlaps);
    for clip in &mut clips {
        clip.samples = sound(&clip.name)?;
    }
    for overlap in &mut overlaps {
        overlap.samples = sound(&overlap.name)?;
    }
    Ok(Material { clips, overlaps })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use voce_core::SpokenWord;
    use voce_models::RuntimeConfig;

    use super::*;

    /// Says each word as 300 ms of a tone; the voices differ in pitch.
    fn tones(voice: &str, text: &str, speed: f32) -> Result<Speech> {
        let pitch = 0.03 + 0.01 * VOICES.iter().position(|name| *name == voice).context("no voice")? as f32;
        let seconds = 0.3 / speed;
        let words = text.split_whitespace().enumerate().map(|(number, word)| SpokenWord {
            text: word.into(),
            start_seconds: f64::from(seconds * number as f32),
            end_seconds: f64::from(seconds * (number + 1) as f32),
        });
        let words: Vec<SpokenWord> = words.collect();
        let length = (seconds * words.len() as f32 * 24_000.0) as usize;
        let samples = (0..length).map(|at| 0.15 * (at as f32 * pitch).sin()).collect();
        Ok(Speech { samples, rate_hz: 24_000, words, ..Speech::default() })
    }

    #[test]
    fn every_kind_is_there_and_the_truth_lies_within_the_sound() {
        let recipe = Recipe::default();
        let material = spoken(recipe, &mut tones).unwrap();
        assert_eq!((material.clips.len(), material.overlaps.len()), (recipe.clips, recipe.overlaps));
        for clip in &material.clips {
            let seconds = clip.samples.len() as f64 / f64::from(MICROPHONE_RATE_HZ);
            assert!(clip.speech_start > 0.3 && clip.speech_start < clip.speech_end, "{}", clip.name);
            assert!((seconds - clip.speech_end - 3.0).abs() < 0.01, "{}", clip.name);
            assert!(clip.samples.iter().filter(|sample| **sample == 0.0).count() < 100, "{}", clip.name);
            let places = std::iter::once(clip.speech_start)
                .chain(clip.pauses.iter().flat_map(|(start, end)| [*start, *end]))
                .chain([clip.speech_end]);
            assert!(places.collect::<Vec<f64>>().is_sorted(), "{clip:?}");
            assert_eq!(clip.said_until(clip.speech_end), clip.text);
            assert_eq!(clip.said_until(clip.speech_start), "");
            assert_eq!(clip.pauses.is_empty(), clip.kind == Kind::Plain, "{}: {:?}", clip.name, clip.pauses);
        }
        for overlap in &material.overlaps {
            let seconds = overlap.samples.len() as f64 / f64::from(MICROPHONE_RATE_HZ);
            assert!(0.2 < overlap.onset && overlap.onset < overlap.end && overlap.end < seconds);
        }
        let kinds: BTreeSet<Kind> = material.clips.iter().map(|clip| clip.kind).collect();
        let overlaps: BTreeSet<OverlapKind> = material.overlaps.iter().map(|overlap| overlap.kind).collect();
        let noises: BTreeSet<(Noise, i32)> = material
            .clips
            .iter()
            .map(|clip| (clip.noise, clip.noise_db.unwrap_or_default() as i32))
            .collect();
        let voices: BTreeSet<&str> = material.clips.iter().map(|clip| clip.voice.as_str()).collect();
        let texts: BTreeSet<&str> = material.clips.iter().map(|clip| clip.text.as_str()).collect();
        assert_eq!((kinds.len(), overlaps.len(), noises.len(), voices.len()), (5, 5, 10, 8));
        assert!(texts.len() >= 100, "{} texts", texts.len());
        let count = |kind| material.overlaps.iter().filter(|overlap| overlap.kind == kind).count();
        assert!(count(OverlapKind::Backchannel) >= 40 && count(OverlapKind::Interruption) >= 40);
        let hardest = material.clips.iter().filter(|clip| clip.kind == Kind::TwoSentences).count();
        assert_eq!(hardest, recipe.clips * 8 / 100);
    }

    #[test]
    fn kept_material_is_read_back_and_a_seed_gives_the_same_again() {
        let recipe = Recipe { seed: 5, clips: 6, overlaps: 10 };
        let material = spoken(recipe, &mut tones).unwrap();
        let again = spoken(recipe, &mut tones).unwrap();
        assert_eq!((&material.clips, &material.overlaps), (&again.clips, &again.overlaps));
        let other = spoken(Recipe { seed: 6, ..recipe }, &mut tones).unwrap();
        assert_ne!(material.clips[0].samples, other.clips[0].samples);
        let cache = tempfile::tempdir().unwrap();
        let folder = folder(recipe, cache.path());
        keep(&material, recipe, &folder).unwrap();
        let read_back = read(recipe, &folder).unwrap();
        for (read, made) in read_back.clips.iter().zip(&material.clips) {
            let samples = read.samples.iter().zip(&made.samples);
            assert!(samples.map(|(read, made)| (read - made).abs()).fold(0.0, f32::max) < 1e-4);
            let near = |read: f64, made: f64| (read - made).abs() < 1e-9;
            assert!(near(read.speech_end, made.speech_end), "{}", made.name);
            let mut pauses = read.pauses.iter().zip(&made.pauses);
            assert_eq!(read.pauses.len(), made.pauses.len());
            assert!(pauses.all(|(read, made)| near(read.0, made.0) && near(read.1, made.1)), "{}", made.name);
        }
        assert!(read(Recipe { seed: 6, ..recipe }, &folder).is_err());
    }

    #[test]
    fn the_real_voices_say_the_same_twice() {
        let Some(dir) = voce_testkit::models(&["kokoro-82m-int8", "onnxruntime-cpu"]) else { return };
        let store = Store::open(&voce_models::Config { dir: Some(dir), ..Default::default() }).unwrap();
        let runtime = Runtime::load(&store, &RuntimeConfig::default()).unwrap();
        let recipe = Recipe { seed: 3, clips: 2, overlaps: 0 };
        let made = [(); 2].map(|()| {
            let cache = tempfile::tempdir().unwrap();
            make(recipe, cache.path(), &store, &runtime).unwrap().clips
        });
        assert_eq!(made[0], made[1]);
        // What is after the end is quieter than what is before it: the truth is no guess.
        for clip in &made[0] {
            let at = |seconds: f64| (seconds * f64::from(MICROPHONE_RATE_HZ)) as usize;
            let level = |from: f64, to: f64| super::super::noise::rms(&clip.samples[at(from)..at(to)]);
            let (before, after) = (
                level(clip.speech_start, clip.speech_end),
                level(clip.speech_end + 0.05, clip.speech_end + 2.0),
            );
            assert!(before > 2.0 * after, "{}: {before} and {after}", clip.name);
        }
    }
}
