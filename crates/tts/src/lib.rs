//! Text to speech: normalisation, phonemes, Kokoro through ONNX Runtime.
mod graph;
mod kokoro;
pub mod phonemes;
mod pieces;
mod sound;
pub mod text;
mod timing;
mod voices;

use std::{sync::Arc, thread::available_parallelism};

use serde::{Deserialize, Serialize};
use voce_core::{EngineError, TextToSpeech};
use voce_models::{Runtime, Store};

pub use kokoro::Kokoro;
pub use voices::voices;

/// Which engine speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Kokoro 82M through ONNX Runtime.
    #[default]
    Kokoro,
}

/// `[tts]`: the assistant's voice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Which engine speaks: `kokoro`.
    pub engine: Engine,
    /// The model's name in the store.
    pub model: String,
    /// The voice: `af_*` and `am_*` are American women and men, `bf_*` and `bm_*` British ones.
    pub voice: String,
    /// How fast it speaks, 0.5 to 2; 1 is natural.
    pub speed: f32,
    /// Threads of one inference. 0: two, or one where there is but one core.
    pub threads: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            engine: Engine::Kokoro,
            model: "kokoro-82m-int8".into(),
            voice: "af_heart".into(),
            speed: 1.0,
            threads: 0,
        }
    }
}

impl Config {
    /// The number of threads meant by `threads`.
    fn threads(&self) -> usize {
        match self.threads {
            0 => available_parallelism().map_or(1, usize::from).min(2),
            threads => threads,
        }
    }
}

/// Loads the configured voice and warms it up.
pub fn build(
    config: &Config,
    store: &Store,
    runtime: &Runtime,
) -> Result<Arc<dyn TextToSpeech>, EngineError> {
    match config.engine {
        Engine::Kokoro => Ok(Arc::new(Kokoro::load(config, store, runtime)?)),
    }
}

/// Voices that are loaded, for those that are loaded later to share their models.
#[derive(Clone, Default)]
pub struct Loaded(Vec<(Config, Arc<Kokoro>)>);

/// One voice for each configuration, in their order. What differs by voice and speed alone shares one model, also with those
/// of `loaded`, which afterwards holds what was built here.
pub fn build_all(
    configs: &[&Config],
    store: &Store,
    runtime: &Runtime,
    loaded: &mut Loaded,
) -> Result<Vec<Arc<dyn TextToSpeech>>, EngineError> {
    let mut now: Vec<(Config, Arc<Kokoro>)> = vec![];
    let mut voices: Vec<Arc<dyn TextToSpeech>> = vec![];
    for config in configs {
        let Config { voice, speed, .. } = config;
        let known = || now.iter().chain(&loaded.0);
        let is_same_model = |(other, _): &&(Config, Arc<Kokoro>)| {
            **config == Config { voice: voice.clone(), speed: *speed, ..other.clone() }
        };
        let same = known().find(|(other, _)| other == *config).map(|(_, voice)| voice.clone());
        let voice = match (config.engine, same, known().find(is_same_model)) {
            (Engine::Kokoro, Some(same), _) => same,
            (Engine::Kokoro, None, Some((_, model))) => Arc::new(model.with_voice(store, voice, *speed)?),
            (Engine::Kokoro, None, None) => Arc::new(Kokoro::load(config, store, runtime)?),
        };
        voices.push(voice.clone());
        now.push(((*config).clone(), voice));
    }
    loaded.0 = now;
    Ok(voices)
}
