//! Where models lie on disk.
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// `[models]`: where model files are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder of the model store. Empty: `$VOCE_MODELS`, else `voce/models` in the user's cache folder.
    pub dir: Option<PathBuf>,
}

/// Why a model cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ModelError {
    /// A file is not in the store.
    #[error("model file {path} is missing; fetch it with `voce models pull {model}`")]
    Missing {
        /// The model's name in the manifest.
        model: String,
        /// Where the file should be.
        path: PathBuf,
    },
    /// ONNX Runtime refused.
    #[error("{what}: {reason}")]
    Runtime {
        /// What was tried.
        what: String,
        /// What came of it.
        reason: String,
    },
    /// A graph file does not hold what is needed.
    #[error("{reason}")]
    Graph {
        /// What is wrong with it.
        reason: String,
    },
}

impl ModelError {
    /// A graph file does not hold what is needed.
    pub(crate) fn graph(reason: impl Into<String>) -> Self {
        Self::Graph { reason: reason.into() }
    }
}

/// The folder of fetched models. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
}

impl Store {
    /// Opens the store named by `config`; the folder need not exist yet.
    pub fn open(config: &Config) -> Result<Self, ModelError> {
        let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
        let cache =
            || std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home().join(".cache"), PathBuf::from);
        let dir = config.dir.clone().or_else(|| std::env::var_os("VOCE_MODELS").map(PathBuf::from));
        Ok(Self { dir: dir.unwrap_or_else(|| cache().join("voce/models")) })
    }

    /// The folder of `model`, there or not.
    pub fn model_dir(&self, model: &str) -> PathBuf {
        self.dir.join(model)
    }

    /// The path of one file of a model.
    pub fn file(&self, model: &str, file: &str) -> Result<PathBuf, ModelError> {
        let path = self.model_dir(model).join(file);
        if Path::is_file(&path) { Ok(path) } else { Err(ModelError::Missing { model: model.into(), path }) }
    }
}
