//! Which recogniser to load from where, when the configuration leaves it open.
use std::path::{Path, PathBuf};

use voce_core::EngineError;
use voce_models::Store;

use crate::{Config, Engine, moonshine, parakeet};

/// The models of the store that parakeet takes by itself, the preferred first.
const PARAKEETS: [&str; 4] = [
    "parakeet-tdt-0.6b-v2",
    "parakeet-tdt-0.6b-v3",
    "parakeet-tdt-0.6b-v2-int8",
    "parakeet-tdt-0.6b-v3-int8",
];
const MOONSHINE: &str = "moonshine-base-en";

/// A recogniser and its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) engine: Engine,
    /// The name to show.
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
}

pub(crate) fn choose(config: &Config, store: &Store) -> Result<Choice, EngineError> {
    match (config.engine, config.model.as_deref().filter(|model| !model.is_empty())) {
        (engine, Some(model)) => named(engine, model, store),
        (Some(Engine::Moonshine), None) => in_store(Engine::Moonshine, MOONSHINE, store),
        (engine, None) => {
            let fetched = PARAKEETS.iter().find_map(|model| in_store(Engine::Parakeet, model, store).ok());
            match (fetched, engine) {
                (Some(parakeet), _) => Ok(parakeet),
                (None, Some(_)) => in_store(Engine::Parakeet, PARAKEETS[0], store),
                (None, None) => in_store(Engine::Moonshine, MOONSHINE, store),
            }
        }
    }
}

/// `model` is a folder or a name in the store.
fn named(engine: Option<Engine>, model: &str, store: &Store) -> Result<Choice, EngineError> {
    let own = Path::new(model);
    let dir = if own.is_dir() { own.to_path_buf() } else { store.model_dir(model) };
    let engine = engine.or_else(|| holds(&dir));
    match engine {
        Some(engine) if own.is_dir() => {
            let name =
                own.file_name().map_or_else(|| model.into(), |name| name.to_string_lossy().into_owned());
            Ok(Choice { engine, name, dir })
        }
        Some(engine) => in_store(engine, model, store),
        None => Err(EngineError::load(
            "stt",
            format!(
                "stt.model is {model:?}, but neither that folder nor {} holds a recogniser; expected the files of \
                 parakeet (encoder-model.onnx, decoder_joint-model.onnx, vocab.txt) or moonshine \
                 (encoder_model.onnx, decoder_model_merged.onnx, tokenizer.json), or a name that `voce models \
                 list` shows",
                store.model_dir(model).display()
            ),
        )),
    }
}

/// The engine whose files lie in `dir`.
fn holds(dir: &Path) -> Option<Engine> {
    if dir.join(parakeet::VOCABULARY).is_file() {
        Some(Engine::Parakeet)
    } else if dir.join(moonshine::ENCODER).is_file() {
        Some(Engine::Moonshine)
    } else {
        None
    }
}

/// `model` of the store, all of it there.
fn in_store(engine: Engine, model: &str, store: &Store) -> Result<Choice, EngineError> {
    let name = match engine {
        Engine::Parakeet => parakeet::NAME,
        Engine::Moonshine => moonshine::NAME,
    };
    let failed = |error| EngineError::load(name, error);
    match store.manifest().model(model) {
        Ok(known) => {
            for file in known.files() {
                store.file(model, &file.path).map_err(failed)?;
            }
        }
        Err(unknown) if !store.model_dir(model).is_dir() => return Err(failed(unknown)),
        Err(_) => {}
    }
    Ok(Choice { engine, name: model.into(), dir: store.model_dir(model) })
}
