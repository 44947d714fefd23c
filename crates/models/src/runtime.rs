//! ONNX Runtime, loaded from a shared library of the store.
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use ort::{
    environment::Environment,
    session::{
        Session,
        builder::{GraphOptimizationLevel, SessionBuilder},
    },
};
use serde::{Deserialize, Serialize};

use crate::{ModelError, Store};

/// Where models run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// A GPU where there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU, or an error.
    Cuda,
}

/// `[runtime]`: which ONNX Runtime runs the models, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuntimeConfig {
    /// `auto`, `cpu` or `cuda`.
    pub device: Device,
    /// Path of `libonnxruntime.so`. Empty: the one in the model store.
    pub library: Option<PathBuf>,
}

/// The loaded library. Cheap to clone; one per process.
#[derive(Clone)]
pub struct Runtime {
    environment: Arc<Environment>,
}

impl Runtime {
    /// Loads the library named by `config`, else the store's.
    pub fn load(store: &Store, config: &RuntimeConfig) -> Result<Self, ModelError> {
        let library = match &config.library {
            Some(path) => path.clone(),
            None => store.file("onnxruntime-cpu", "libonnxruntime.so")?,
        };
        let failed = |reason: String| ModelError::Runtime {
            what: format!("loading ONNX Runtime from {}", library.display()),
            reason,
        };
        let environment = ort::init_from(&library)
            .map_err(|error| failed(error.to_string()))?
            .with_name("voce")
            .with_telemetry(false)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { environment: Arc::new(environment) })
    }

    /// Opens the graph at `path` with `threads` threads; returns the session and the device that it runs on.
    pub fn session(&self, path: &Path, threads: usize) -> Result<(Session, String), ModelError> {
        let failed = |error: ort::Error| ModelError::Runtime {
            what: format!("opening {}", path.display()),
            reason: error.to_string(),
        };
        let session = self.builder(threads).map_err(failed)?.commit_from_file(path).map_err(failed)?;
        Ok((session, "cpu".into()))
    }

    /// Opens the graph in `bytes`, as [`Runtime::session`] does.
    pub fn session_from_memory(&self, bytes: &[u8], threads: usize) -> Result<(Session, String), ModelError> {
        let failed = |error: ort::Error| ModelError::Runtime {
            what: "opening a graph from memory".into(),
            reason: error.to_string(),
        };
        let session = self.builder(threads).map_err(failed)?.commit_from_memory(bytes).map_err(failed)?;
        Ok((session, "cpu".into()))
    }

    fn builder(&self, threads: usize) -> ort::Result<SessionBuilder> {
        Ok(Session::builder(&self.environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(threads)?
            .with_inter_threads(1)?
            .with_parallel_execution(false)?
            .with_intra_op_spinning(false)?)
    }
}
