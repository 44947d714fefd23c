//! Where models lie on disk, and whether they are there and right.
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    ModelError, Progress, disk,
    manifest::{Manifest, Model, ModelFile, Selection},
    record::{Entry, Record},
};

/// `[models]`: where model files are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Folder of the model store. Empty: `$VOCE_MODELS`, else `voce/models` in the user's cache folder.
    pub dir: Option<PathBuf>,
    /// A manifest of one's own. Empty: the one that comes with the binary.
    pub manifest: Option<PathBuf>,
}

/// The folder of fetched models. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
    manifest: Arc<Manifest>,
}

/// One model of the manifest and how much of it is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The model's name.
    pub name: String,
    /// Its licence.
    pub licence: String,
    /// What it does in voce.
    pub purpose: String,
    /// The profiles that have it.
    pub profiles: Vec<String>,
    /// Where its first file comes from.
    pub source: String,
    /// Files that this system needs.
    pub files: usize,
    /// Those that are there with the right size.
    pub present: usize,
    /// Bytes of those.
    pub bytes: u64,
}

/// What `verify` found about one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The model's name.
    pub model: String,
    /// The file's path below the model's folder.
    pub file: String,
    /// How it stands.
    pub state: State,
}

/// How a file of the store stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "is", content = "reason")]
pub enum State {
    /// Its checksum is the right one.
    Right,
    /// It is not there.
    Missing,
    /// It has other bytes; says which were expected.
    Damaged(String),
    /// Nothing says what it should be: it was not put there by `pull`.
    Unknown,
}

impl Store {
    /// Opens the store named by `config`; the folder need not exist yet.
    pub fn open(config: &Config) -> Result<Self, ModelError> {
        let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
        let cache =
            || std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home().join(".cache"), PathBuf::from);
        let set = |path: &PathBuf| !path.as_os_str().is_empty();
        let named = config.dir.clone().filter(set);
        let dir = named.or_else(|| std::env::var_os("VOCE_MODELS").map(PathBuf::from).filter(set));
        let manifest =
            Manifest::read(config.manifest.as_deref().filter(|path| !path.as_os_str().is_empty()))?;
        Ok(Self { dir: dir.unwrap_or_else(|| cache().join("voce/models")), manifest: Arc::new(manifest) })
    }

    /// The store's folder, there or not.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What can be fetched.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The folder of `model`, there or not.
    pub fn model_dir(&self, model: &str) -> PathBuf {
        self.dir.join(model)
    }

    /// The path of one file of a model, if it is there with the size that the manifest or the pull states.
    /// Only its metadata is read; [`Store::verify`] reads the bytes.
    pub fn file(&self, model: &str, file: &str) -> Result<PathBuf, ModelError> {
        let dir = self.model_dir(model);
        let path = dir.join(file);
        let about = match fs::metadata(&path) {
            Ok(about) if about.is_file() => about,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(ModelError::files(&path, &error));
            }
            _ => return Err(ModelError::Missing { model: model.into(), path }),
        };
        match self.size_of(model, file, &dir) {
            Some(size) if size != about.len() => {
                let reason = format!("it has {} bytes instead of {size}", about.len());
                Err(ModelError::Damaged { model: model.into(), path, reason })
            }
            None if about.len() == 0 => {
                Err(ModelError::Damaged { model: model.into(), path, reason: "it is empty".into() })
            }
            _ => Ok(path),
        }
    }

    /// Every model of the manifest.
    pub fn list(&self) -> Vec<Listed> {
        self.manifest.models.iter().map(|model| self.listed(model)).collect()
    }

    /// Reads every file of the selected models and compares checksums. Blocking: takes about a second a
    /// gigabyte. A file that is right is written down as checked, so that a pull need not read it again.
    pub fn verify(
        &self,
        selection: &Selection,
        progress: &dyn Progress,
    ) -> Result<Vec<Verified>, ModelError> {
        let mut found = Vec::new();
        for model in self.manifest.select(selection)? {
            let dir = self.model_dir(&model.name);
            let mut record = Record::read(&dir);
            let before = record.clone();
            for file in model.files() {
                let size = fs::metadata(dir.join(&file.path)).map_or(0, |about| about.len());
                progress.begin(&format!("{}/{}", model.name, file.path), Some(size), 0);
                let state = state_of(&dir, &file, &mut record);
                progress.advance(size);
                progress.end();
                found.push(Verified { model: model.name.clone(), file: file.path, state: state? });
            }
            // A store that may only be read can be verified too.
            if record != before
                && let Err(error) = record.write(&dir)
            {
                tracing::debug!(%error, "the checksums just made are not kept");
            }
        }
        Ok(found)
    }

    fn listed(&self, model: &Model) -> Listed {
        let files = model.files();
        let present: Vec<u64> = files
            .iter()
            .filter_map(|file| self.file(&model.name, &file.path).ok())
            .map(|path| fs::metadata(path).map_or(0, |about| about.len()))
            .collect();
        let in_profile =
            |(name, models): (&String, &Vec<String>)| models.contains(&model.name).then(|| name.clone());
        Listed {
            name: model.name.clone(),
            licence: model.licence.clone(),
            purpose: model.purpose.clone(),
            profiles: self.manifest.profiles.iter().filter_map(in_profile).collect(),
            source: files.first().map_or_else(String::new, |file| file.sources[0].to_string()),
            files: files.len(),
            present: present.len(),
            bytes: present.iter().sum(),
        }
    }

    /// The size that a file must have: the manifest's, or for a file that it does not state, the record's.
    fn size_of(&self, model: &str, file: &str, dir: &Path) -> Option<u64> {
        let described = self.manifest.model(model).ok()?.file(file)?;
        match described.size.filter(|_| described.rebuild.is_none()) {
            Some(size) => Some(size),
            None => Record::read(dir).files.get(file).map(|entry| entry.size),
        }
    }
}

fn state_of(dir: &Path, file: &ModelFile, record: &mut Record) -> Result<State, ModelError> {
    let path = dir.join(&file.path);
    if !path.is_file() {
        return Ok(State::Missing);
    }
    let stated = file.sha256.clone().filter(|_| file.rebuild.is_none());
    let entry = record.files.get(&file.path);
    let Some(wanted) = stated.or_else(|| entry.map(|entry| entry.sha256.clone())) else {
        return Ok(State::Unknown);
    };
    let sum = disk::sha256(&path)?;
    if sum != wanted {
        // What the record says no longer holds, also where size and time are as they were.
        record.files.remove(&file.path);
        return Ok(State::Damaged(format!("sha256 is {sum} instead of {wanted}")));
    }
    let (source, made_from) = match entry {
        Some(entry) => (entry.source.clone(), entry.made_from.clone()),
        None => ("found in the store".into(), None),
    };
    let fresh = Entry::of(&path, sum, source).map_err(|error| ModelError::files(&path, &error))?;
    record.files.insert(file.path.clone(), Entry { made_from, ..fresh });
    Ok(State::Right)
}
