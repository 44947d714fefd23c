//! The voices of simulated callers: Kokoro's, beside the assistant's own.
use std::sync::Arc;

use voce_core::{EngineError, TextToSpeech};
use voce_models::{Runtime, Store};
use voce_tts::Kokoro;

use crate::config::Config;

/// All voices in the store.
pub struct Voices {
    kokoro: Kokoro,
    store: Store,
}

impl Voices {
    /// Loads the model once for all voices. Blocking.
    pub fn load(config: &Config, store: &Store, runtime: &Runtime) -> Result<Self, EngineError> {
        Ok(Self { kokoro: Kokoro::load(&config.tts, store, runtime)?, store: store.clone() })
    }
}

impl voce_simulate::Voices for Voices {
    fn voice(&self, name: &str, speed: f32) -> Result<Arc<dyn TextToSpeech>, EngineError> {
        Ok(Arc::new(self.kokoro.with_voice(&self.store, name, speed)?))
    }
}
