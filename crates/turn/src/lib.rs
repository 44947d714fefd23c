//! Who is speaking and whether they are done: voice activity and end of turn.
mod silero;
mod smart_turn;

use std::{path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};
use voce_core::{EndOfTurn, EngineError, VoiceActivity};
use voce_models::{ModelError, Runtime, Store};

pub use silero::Silero;
pub use smart_turn::SmartTurn;

/// `[turn]`: the models that hear who speaks. When a pause ends a turn is decided by the pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Silero VAD: a model of the store, or a folder that holds `silero_vad.onnx`.
    pub voice_activity_model: String,
    /// Smart Turn: a model of the store, or a folder that holds `smart-turn-v3.2-cpu.onnx`.
    pub end_of_turn_model: String,
    /// Threads for one run of the end-of-turn model. Voice activity always takes one.
    pub end_of_turn_threads: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            voice_activity_model: "silero-vad".into(),
            end_of_turn_model: "smart-turn-v3.2".into(),
            end_of_turn_threads: 1,
        }
    }
}

/// Makes a voice detector for a new call.
pub type VoiceActivityFactory = Arc<dyn Fn() -> Result<Box<dyn VoiceActivity>, EngineError> + Send + Sync>;

/// Loads the voice detector's model. Each call gets a detector with a state of its own.
pub fn build_vad_factory(
    config: &Config,
    store: &Store,
    runtime: &Runtime,
) -> Result<VoiceActivityFactory, EngineError> {
    let path = file(store, &config.voice_activity_model, "silero_vad.onnx")
        .map_err(|error| EngineError::load(silero::NAME, error))?;
    // A millisecond of work a second is not worth the way to a GPU and back.
    let first = Silero::load(&path, &runtime.on_cpu())?;
    Ok(Arc::new(move || Ok(Box::new(first.for_new_call()?) as Box<dyn VoiceActivity>)))
}

/// Loads the end-of-turn model.
pub fn build_end_of_turn(
    config: &Config,
    store: &Store,
    runtime: &Runtime,
) -> Result<Arc<dyn EndOfTurn>, EngineError> {
    let path = file(store, &config.end_of_turn_model, "smart-turn-v3.2-cpu.onnx")
        .map_err(|error| EngineError::load(smart_turn::NAME, error))?;
    Ok(Arc::new(SmartTurn::load(&path, config.end_of_turn_threads, &config.end_of_turn_model, runtime)?))
}

/// `name` of `model`, which is a folder or stands in the store.
fn file(store: &Store, model: &str, name: &str) -> Result<PathBuf, ModelError> {
    let own = PathBuf::from(model).join(name);
    if own.is_file() { Ok(own) } else { store.file(model, name) }
}
