//! What a pull wrote down beside a model's files: what each was when it was checked. It makes later checks
//! cheap, and holds size and checksum of files that the manifest does not state.
use std::{
    collections::BTreeMap,
    fs::Metadata,
    io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::{Deserialize, Serialize};

use crate::{ModelError, disk};

const NAME: &str = ".voce.json";

/// The record of one model's folder.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    pub files: BTreeMap<String, Entry>,
}

/// One file when it was put in place or last verified.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: u64,
    pub sha256: String,
    /// Which source gave it.
    pub source: String,
    /// For a rebuilt file: the way of rebuilding with its version, and the sha256 of what it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_from: Option<String>,
}

impl Record {
    /// The record in `dir`; an unreadable one counts as none, then everything is checked anew.
    pub(crate) fn read(dir: &Path) -> Self {
        let text = std::fs::read(path(dir)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Writes the record into `dir`.
    pub(crate) fn write(&self, dir: &Path) -> Result<(), ModelError> {
        let path = path(dir);
        let text = serde_json::to_vec_pretty(self).expect("a record is plain data");
        disk::write_whole(&path, &text).map_err(|error| ModelError::files(&path, &error))
    }
}

impl Entry {
    /// Describes the file at `path`, whose checksum is known to be `sha256`.
    pub(crate) fn of(path: &Path, sha256: String, source: String) -> io::Result<Self> {
        let about = std::fs::metadata(path)?;
        Ok(Self { size: about.len(), modified: modified(&about), sha256, source, made_from: None })
    }

    /// Whether the file is still the one that was checked, judged by size and time.
    pub(crate) fn is_unchanged(&self, about: &Metadata) -> bool {
        self.size == about.len() && self.modified == modified(about)
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(NAME)
}

fn modified(about: &Metadata) -> u64 {
    let since = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
