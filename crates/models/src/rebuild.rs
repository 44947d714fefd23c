//! Files that are made here from what a source gives.
use std::{fs, io::Write, path::Path};

use prost::Message;

use crate::{ModelError, disk, fold, manifest::Rebuild, ort_format};

/// Raised whenever the converter would write other bytes, so that older results are made anew.
const ORT_TO_ONNX: u32 = 1;

/// The way of rebuilding, its version, and the checksum of what it works on.
pub(crate) fn stamp(way: Rebuild, sum: &str) -> String {
    match way {
        Rebuild::OrtToOnnx => format!("ort-to-onnx {ORT_TO_ONNX} of {sum}"),
    }
}

/// Makes `to` from `from`; `file` stands in errors.
pub(crate) fn run(way: Rebuild, from: &Path, to: &Path, file: &str) -> Result<(), ModelError> {
    let Rebuild::OrtToOnnx = way;
    let bytes = fs::read(from).map_err(|error| ModelError::files(from, &error))?;
    let model =
        ort_to_onnx(&bytes).map_err(|error| ModelError::graph(format!("cannot rebuild {file}: {error}")))?;
    let failed = |error| disk::write_failed(to, &error, model.len() as u64, file, "its rebuilding");
    disk::check_space(to.parent().unwrap_or(to), model.len() as u64, file, "its rebuilding")?;
    let mut out = fs::File::create(to).map_err(failed)?;
    out.write_all(&model).map_err(failed)?;
    out.sync_all().map_err(failed)
}

/// The ONNX model of an ORT-format flatbuffer, with the weights that it dequantises at every run dequantised
/// once and stored as f32.
pub fn ort_to_onnx(bytes: &[u8]) -> Result<Vec<u8>, ModelError> {
    let mut model = ort_format::read(bytes)?;
    if let Some(graph) = &mut model.graph {
        fold::fold(graph);
        fold::prune(graph);
        fold::share(graph);
    }
    Ok(model.encode_to_vec())
}
