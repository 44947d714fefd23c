//! What it takes to run on an NVIDIA GPU, and how to find out what of it is missing.
use std::{fs, path::Path};

use prost::Message;

use crate::{
    Store,
    onnx::{Dimension, FLOAT, Graph, Model, Node, OperatorSet, Shape, TensorType, Value, ValueType},
};

/// The libraries that CUDA's provider asks for, each after those that it needs itself.
const LIBRARIES: &str = "cuda-13-libraries";

/// Why this machine has no GPU that could be used. None: it has one.
pub(crate) fn no_gpu() -> Option<String> {
    let listed = fs::read_dir("/proc/driver/nvidia/gpus").is_ok_and(|gpus| gpus.flatten().next().is_some());
    // The second is a GPU shared into a Linux that runs inside Windows.
    if listed || Path::new("/dev/nvidiactl").exists() || Path::new("/dev/dxg").exists() {
        return None;
    }
    Some("no NVIDIA GPU is visible; in a container it must be passed in (`docker run --gpus all`)".into())
}

/// The file name of ONNX Runtime on this system.
pub(crate) fn library_name() -> &'static str {
    if cfg!(target_os = "macos") { "libonnxruntime.dylib" } else { "libonnxruntime.so" }
}

/// `1.32`, of a library that could be loaded.
pub(crate) fn version(library: &Path) -> String {
    ort::util::probe(library).map_or_else(|| "of unknown version".into(), |minor| format!("1.{minor}"))
}

/// Loads the store's own CUDA libraries, if they are there, so that no system-wide ones are needed.
pub(crate) fn preload(store: &Store) {
    let Ok(model) = store.manifest().model(LIBRARIES) else { return };
    for file in model.files() {
        let Ok(path) = store.file(LIBRARIES, &file.path) else { continue };
        if let Err(error) = ort::util::preload_dylib(&path) {
            tracing::debug!(%error, path = %path.display(), "a CUDA library of the store does not load");
        }
    }
}

/// A graph that adds a number to itself.
pub(crate) fn trial_graph() -> Vec<u8> {
    let value = |name: &str| {
        let shape = Shape { dim: vec![Dimension { value: Some(1), parameter: None }] };
        let tensor = TensorType { element: Some(FLOAT), shape: Some(shape) };
        Value { name: Some(name.into()), kind: Some(ValueType { tensor: Some(tensor) }) }
    };
    let node = Node {
        input: vec!["x".into(), "x".into()],
        output: vec!["y".into()],
        op_type: Some("Add".into()),
        ..Node::default()
    };
    let graph = Graph {
        name: Some("trial".into()),
        node: vec![node],
        input: vec![value("x")],
        output: vec![value("y")],
        initializer: Vec::new(),
    };
    let set = OperatorSet { domain: Some(String::new()), version: Some(14) };
    Model { ir_version: Some(8), opset_import: vec![set], producer_name: None, graph: Some(graph) }
        .encode_to_vec()
}
