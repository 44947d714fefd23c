//! ONNX Runtime, loaded from a shared library of the store, and the sessions it opens.
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ort::{
    environment::Environment,
    ep::{CUDA, ExecutionProvider},
    session::{
        Session,
        builder::{GraphOptimizationLevel, SessionBuilder},
    },
};
use serde::{Deserialize, Serialize};

use crate::{ModelError, Store, cuda};

/// Where models run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// A GPU where there is one and the GPU library is in the store, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU, or an error that says what is missing.
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
#[derive(Clone, Debug)]
pub struct Runtime {
    environment: Arc<Environment>,
    report: Arc<Report>,
    on_gpu: bool,
}

/// What was loaded, for `voce doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The shared library.
    pub library: PathBuf,
    /// Its version: `1.32`.
    pub version: String,
    /// What the library was built with: `cpu`, `cuda`.
    pub providers: Vec<String>,
    /// Where sessions run: `cpu` or `cuda:0`.
    pub device: String,
    /// Why sessions do not run on a GPU; none where they do, or where nobody asked.
    pub why_not_cuda: Option<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, library, providers) =
            (&self.version, self.library.display(), self.providers.join(", "));
        write!(out, "{version} from {library} (has {providers}), runs on {}", self.device)?;
        match &self.why_not_cuda {
            Some(reason) => write!(out, "; not on a GPU: {reason}"),
            None => Ok(()),
        }
    }
}

impl Runtime {
    /// Loads the library named by `config`, else the store's. A process has one library: a second call with
    /// another path keeps the first.
    pub fn load(store: &Store, config: &RuntimeConfig) -> Result<Self, ModelError> {
        let no_gpu = match config.device {
            Device::Cpu => None,
            Device::Auto | Device::Cuda => cuda::no_gpu(),
        };
        let (library, why_not) = choose(store, config, no_gpu)?;
        let (library, environment) = environment(library)?;
        let mut runtime = Self {
            environment,
            on_gpu: false,
            report: Arc::new(Report {
                version: cuda::version(&library),
                providers: providers(),
                device: "cpu".into(),
                why_not_cuda: why_not.clone(),
                library,
            }),
        };
        if config.device == Device::Cpu || why_not.is_some() {
            return Ok(runtime);
        }
        let outcome = runtime.try_cuda(store);
        if config.device == Device::Cuda
            && let Err(reason) = outcome
        {
            return Err(ModelError::Runtime {
                what: "runtime.device = \"cuda\" cannot be had".into(),
                reason,
            });
        }
        runtime.on_gpu = outcome.is_ok();
        let report = Arc::make_mut(&mut runtime.report);
        report.device = if outcome.is_ok() { "cuda:0" } else { "cpu" }.into();
        report.why_not_cuda = outcome.err();
        Ok(runtime)
    }

    /// What was loaded and where sessions run.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The same runtime for a graph that is faster on the CPU: one so small that the way to the GPU is longer
    /// than the work.
    pub fn on_cpu(&self) -> Self {
        Self { on_gpu: false, ..self.clone() }
    }

    /// Opens the graph at `path` with `threads` threads inside an operation, none spinning, one operation after
    /// the other. Returns the session and the device that it really runs on: `cpu`, `cuda:0`.
    pub fn session(&self, path: &Path, threads: usize) -> Result<(Session, String), ModelError> {
        let failed = |error: ort::Error| ModelError::Runtime {
            what: format!("opening {}", path.display()),
            reason: format!(
                "{error}; if the file is damaged, `voce models verify` says so and `voce models pull` with the \
                 model's name fetches it again"
            ),
        };
        let session = self.builder(threads).and_then(|mut builder| builder.commit_from_file(path));
        Ok((session.map_err(failed)?, self.device().into()))
    }

    /// Opens the graph in `bytes`, as [`Runtime::session`] does.
    pub fn session_from_memory(&self, bytes: &[u8], threads: usize) -> Result<(Session, String), ModelError> {
        let failed = |error: ort::Error| ModelError::Runtime {
            what: "opening a graph from memory".into(),
            reason: error.to_string(),
        };
        let session = self.builder(threads).and_then(|mut builder| builder.commit_from_memory(bytes));
        Ok((session.map_err(failed)?, self.device().into()))
    }

    fn device(&self) -> &'static str {
        if self.on_gpu { "cuda:0" } else { "cpu" }
    }

    fn builder(&self, threads: usize) -> ort::Result<SessionBuilder> {
        let builder = Session::builder(&self.environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(threads)?
            .with_inter_threads(1)?
            .with_parallel_execution(false)?
            .with_intra_op_spinning(false)?;
        if !self.on_gpu {
            return Ok(builder);
        }
        // Without this a session would fall back to the CPU in silence.
        Ok(builder.with_execution_providers([CUDA::default().build().error_on_failure()])?)
    }

    /// Opens a graph of one node on the GPU, which loads all of CUDA.
    fn try_cuda(&self, store: &Store) -> Result<(), String> {
        if !CUDA::is_available().unwrap_or(false) {
            return Err(
                "this ONNX Runtime library was built without CUDA; fetch the other one with `voce models \
                        pull onnxruntime-gpu` and leave runtime.library empty"
                    .into(),
            );
        }
        cuda::preload(store);
        let trial = Self { on_gpu: true, ..self.clone() };
        match trial.session_from_memory(&cuda::trial_graph(), 1) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!(
                "{error}. CUDA 13, cuDNN 9 and a driver of at least version 580 are needed; the first two come with \
                 `voce models pull cuda-13-libraries`"
            )),
        }
    }
}

/// The library to load, and why it cannot be one that runs on a GPU.
fn choose(
    store: &Store,
    config: &RuntimeConfig,
    no_gpu: Option<String>,
) -> Result<(PathBuf, Option<String>), ModelError> {
    let needed = |reason: String| ModelError::Runtime {
        what: "runtime.device = \"cuda\" cannot be had".into(),
        reason,
    };
    if config.device == Device::Cuda
        && let Some(reason) = no_gpu
    {
        return Err(needed(reason));
    }
    if let Some(library) = config.library.clone().filter(|path| !path.as_os_str().is_empty()) {
        return match library.is_file() {
            true => Ok((library, no_gpu)),
            false => Err(ModelError::Runtime {
                what: format!("runtime.library = {:?}", library.display().to_string()),
                reason: "there is no such file; leave it empty to use the library of the model store".into(),
            }),
        };
    }
    let name = cuda::library_name();
    let for_cpu = || store.file("onnxruntime-cpu", name);
    match config.device {
        Device::Cpu => Ok((for_cpu()?, None)),
        Device::Cuda => match store.file("onnxruntime-gpu", name) {
            Ok(library) => Ok((library, None)),
            Err(error) => Err(needed(error.to_string())),
        },
        Device::Auto => match (no_gpu, store.file("onnxruntime-gpu", name)) {
            (None, Ok(library)) => Ok((library, None)),
            (None, Err(error)) => {
                Ok((for_cpu()?, Some(format!("{error}, or `voce models pull --profile gpu`"))))
            }
            // The GPU's library serves the CPU too, where it is the only one.
            (Some(reason), Ok(other)) => Ok((for_cpu().unwrap_or(other), Some(reason))),
            (Some(reason), Err(_)) => Ok((for_cpu()?, Some(reason))),
        },
    }
}

/// The one environment of this process and the library that it is of: ONNX Runtime allows no second, so that
/// later calls get the first.
fn environment(library: PathBuf) -> Result<(PathBuf, Arc<Environment>), ModelError> {
    static LOADED: Mutex<Option<(PathBuf, Arc<Environment>)>> = Mutex::new(None);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(first) = &*loaded {
        return Ok(first.clone());
    }
    let failed = |reason: String| ModelError::Runtime {
        what: format!("loading ONNX Runtime from {}", library.display()),
        reason: format!(
            "{reason}; `voce models verify` says whether the file is whole, `voce models pull onnxruntime-cpu` \
             fetches it again"
        ),
    };
    let environment = ort::init_from(&library)
        .map_err(|error| failed(error.to_string()))?
        .with_name("voce")
        .with_telemetry(false)
        .build()
        .map_err(|error| failed(error.to_string()))?;
    Ok(loaded.insert((library, Arc::new(environment))).clone())
}

fn providers() -> Vec<String> {
    let cuda = CUDA::is_available().unwrap_or(false).then_some("cuda");
    std::iter::once("cpu").chain(cuda).map(ToOwned::to_owned).collect()
}
