//! Speech to text: Parakeet and Moonshine through ONNX Runtime.
mod choice;
mod moonshine;
mod parakeet;
mod pieces;
mod recognizer;
mod repetition;
mod vocabulary;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use voce_core::{EngineError, SpeechToText};
use voce_models::{Runtime, Store};

pub use recognizer::Recognizer;

/// `[stt]`: which recogniser turns speech into text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `parakeet` or `moonshine`. Empty: the one that `model` holds; without a model, parakeet when its weights are
    /// in the store, else moonshine.
    pub engine: Option<Engine>,
    /// A model of the store, or a folder with the files of one. Empty: the engine's default.
    pub model: Option<String>,
    /// Which of a folder's precisions to take, e.g. `int8` for `encoder-model.int8.onnx`. Empty: the full one where
    /// it is there, else the only other. Only for parakeet.
    pub quantization: Option<String>,
    /// Threads for one run of the model. 0: half of the machine's cores, at least 1.
    pub threads: usize,
}

/// The recognisers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// NVIDIA's Parakeet TDT, in the layout that onnx-asr reads. The better one, best on a GPU.
    Parakeet,
    /// Useful Sensors' Moonshine, English. Small and quick on a CPU.
    Moonshine,
}

/// Loads the recogniser that `config` names.
pub fn build(
    config: &Config,
    store: &Store,
    runtime: &Runtime,
) -> Result<Arc<dyn SpeechToText>, EngineError> {
    Ok(Arc::new(load(config, store, runtime)?))
}

/// Loads the recogniser that `config` names, for use outside a call.
pub fn load(config: &Config, store: &Store, runtime: &Runtime) -> Result<Recognizer, EngineError> {
    let choice = choice::choose(config, store)?;
    let threads = match config.threads {
        0 => std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1)),
        threads => threads,
    };
    match choice.engine {
        Engine::Parakeet => {
            let model = parakeet::Parakeet::load(&choice, config.quantization.as_deref(), threads, runtime)?;
            Ok(Recognizer::new(model))
        }
        Engine::Moonshine => {
            // Its cache would travel to the GPU and back with each token, which takes longer than the token.
            Ok(Recognizer::new(moonshine::Moonshine::load(&choice, threads, &runtime.on_cpu())?))
        }
    }
}
