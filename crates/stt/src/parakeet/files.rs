//! The files of a Parakeet model, in the layout that onnx-asr and the exports for it use.
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub(crate) const VOCABULARY: &str = "vocab.txt";

/// Where the parts of a model lie.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) encoder: PathBuf,
    pub(super) decoder_joint: PathBuf,
    pub(super) vocabulary: PathBuf,
    config: PathBuf,
}

/// `config.json`, as far as it matters; the defaults are onnx-asr's.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    model_type: Option<String>,
    /// Mels.
    pub(super) features_size: usize,
    /// Columns of features to one frame of the encoder.
    pub(super) subsampling_factor: usize,
    /// The most tokens that one frame may give.
    pub(super) max_tokens_per_step: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { model_type: None, features_size: 80, subsampling_factor: 8, max_tokens_per_step: 10 }
    }
}

impl Files {
    /// Looks in `dir`, for the files of `quantization` where it is given.
    pub(super) fn find(dir: &Path, quantization: Option<&str>) -> Result<Self, String> {
        let part = |stem: &str| graph(dir, stem, quantization);
        let vocabulary = dir.join(VOCABULARY);
        if !vocabulary.is_file() {
            return Err(format!("{} is missing; a folder of Parakeet holds one", vocabulary.display()));
        }
        Ok(Self {
            encoder: part("encoder-model")?,
            decoder_joint: part("decoder_joint-model")?,
            vocabulary,
            config: dir.join("config.json"),
        })
    }

    /// What `config.json` says, which may be absent.
    pub(super) fn settings(&self) -> Result<Settings, String> {
        let path = self.config.display();
        let settings = match std::fs::read(&self.config) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Settings::default(),
            Err(error) => return Err(format!("{path}: {error}")),
            Ok(text) => {
                serde_json::from_slice::<Settings>(&text).map_err(|error| format!("{path}: {error}"))?
            }
        };
        match settings.model_type.as_deref() {
            None | Some("nemo-conformer-tdt") => {}
            Some(other) => {
                return Err(format!("{path}: model_type is {other:?}, expected \"nemo-conformer-tdt\""));
            }
        }
        let sane = (1..=1_024).contains(&settings.features_size)
            && (1..=1_000).contains(&settings.subsampling_factor)
            && (1..=1_000).contains(&settings.max_tokens_per_step);
        if sane { Ok(settings) } else { Err(format!("{path}: a size in it is out of range: {settings:?}")) }
    }
}

/// `stem.onnx`, or `stem`, any one character, the quantisation and `.onnx`: `encoder-model.int8.onnx`.
fn graph(dir: &Path, stem: &str, quantization: Option<&str>) -> Result<PathBuf, String> {
    let plain = dir.join(format!("{stem}.onnx"));
    let wanted = quantization.filter(|quantization| !quantization.is_empty());
    if wanted.is_none() && plain.is_file() {
        return Ok(plain);
    }
    let entries = std::fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| {
            let kind = name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(".onnx"));
            let mut kind = kind.unwrap_or_default().chars();
            kind.next().is_some() && wanted.is_none_or(|wanted| kind.as_str() == wanted)
        })
        .map(|name| dir.join(name))
        .collect();
    found.sort();
    let expected = match wanted {
        Some(wanted) => format!("{stem}.{wanted}.onnx"),
        None => format!("{stem}.onnx"),
    };
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (None, _) => Err(format!("{} holds no {expected}", dir.display())),
        (Some(_), false) => Err(format!(
            "{} holds several precisions of {stem} and no {expected}; name one in stt.quantization",
            dir.display()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(name: &str, files: &[&str]) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("voce-parakeet-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        for file in files {
            std::fs::write(dir.join(file), "{}").unwrap();
        }
        dir
    }

    #[test]
    fn the_full_precision_is_preferred_and_another_taken_when_named_or_alone() {
        let both =
            ["vocab.txt", "encoder-model.onnx", "encoder-model.int8.onnx", "decoder_joint-model-int8.onnx"];
        let dir = dir("both", &both);
        let files = Files::find(&dir, None).unwrap();
        assert!(files.encoder.ends_with("encoder-model.onnx"));
        assert!(files.decoder_joint.ends_with("decoder_joint-model-int8.onnx"));
        let files = Files::find(&dir, Some("int8")).unwrap();
        assert!(files.encoder.ends_with("encoder-model.int8.onnx"));
        assert!(Files::find(&dir, Some("fp16")).unwrap_err().contains("encoder-model.fp16.onnx"));
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let empty = dir("empty", &[]);
        assert!(Files::find(&empty, None).unwrap_err().contains("vocab.txt"));
        let full =
            dir("full", &["vocab.txt", "encoder-model.onnx", "decoder_joint-model.onnx", "config.json"]);
        let files = Files::find(&full, None).unwrap();
        assert_eq!(files.settings().unwrap().features_size, 80);
        std::fs::write(full.join("config.json"), r#"{"model_type":"whisper"}"#).unwrap();
        assert!(files.settings().unwrap_err().contains("whisper"));
        std::fs::write(full.join("config.json"), "{").unwrap();
        assert!(files.settings().unwrap_err().contains("config.json"));
        std::fs::remove_dir_all(empty).unwrap();
        std::fs::remove_dir_all(full).unwrap();
    }
}
