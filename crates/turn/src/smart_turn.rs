//! Smart Turn: whether a caller who fell silent has finished, by the melody of what was said.
use std::{path::Path, sync::Mutex};

use ort::{session::Session, value::TensorRef};
use voce_audio::WhisperMel;
use voce_core::{EndOfTurn, EngineError, ModelCard, lock};
use voce_models::Runtime;

pub(crate) const NAME: &str = "smart_turn";

/// The loaded model. Listens to the last 8 seconds of an utterance.
pub struct SmartTurn {
    card: ModelCard,
    mel: WhisperMel,
    // Features are made outside the lock; only the model runs inside.
    session: Mutex<Session>,
}

impl SmartTurn {
    /// Loads the graph at `path`, to run on `threads` threads, and runs it once.
    pub fn load(path: &Path, threads: usize, name: &str, runtime: &Runtime) -> Result<Self, EngineError> {
        let (session, device) =
            runtime.session(path, threads).map_err(|error| EngineError::load(NAME, error))?;
        let card = ModelCard { provider: "onnxruntime".into(), name: name.into(), device };
        let model = Self { card, mel: WhisperMel::new(), session: Mutex::new(session) };
        model.probability(&[]).map_err(|error| EngineError::load(NAME, error))?;
        Ok(model)
    }
}

impl EndOfTurn for SmartTurn {
    fn model(&self) -> &ModelCard {
        &self.card
    }

    fn probability(&self, utterance: &[f32]) -> Result<f32, EngineError> {
        if let Some(place) = utterance.iter().position(|sample| !sample.is_finite()) {
            let reason = format!("sample {place} of the utterance is {}", utterance[place]);
            return Err(failed(reason));
        }
        let features = self.mel.features(utterance);
        let shape = [1, features.mels, features.frames];
        let input = TensorRef::from_array_view((shape, features.values.as_slice())).map_err(failed)?;
        let mut session = lock(&self.session);
        let outputs = session.run(ort::inputs!["input_features" => input]).map_err(failed)?;
        // The graph calls its output `logits`, but ends in a sigmoid.
        let (_, values) = outputs[0].try_extract_tensor::<f32>().map_err(failed)?;
        values.first().copied().ok_or_else(|| failed("the graph gives no probability"))
    }
}

fn failed(reason: impl ToString) -> EngineError {
    EngineError::run(NAME, reason)
}
