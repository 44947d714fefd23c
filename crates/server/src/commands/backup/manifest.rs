//! What an archive says that is in it: its first file. Nothing of it is believed before it was checked.
use std::{
    collections::BTreeSet,
    path::{Component, Path},
};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

/// Its name in the archive.
pub const NAME: &str = "manifest.json";
/// The form of archives that this program writes, and the newest that it reads.
const FORM: u64 = 1;
/// No manifest is longer, bytes.
pub const LONGEST: u64 = 16 << 20;
/// No archive holds more files, or more bytes unpacked.
const MOST_FILES: usize = 100_000;
const MOST_BYTES: u64 = 256 << 30;
/// What a tar header has room for.
const LONGEST_PATH: usize = 250;

/// The whole of it. Files follow in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Of the archive.
    pub form: u64,
    /// The version of voce that wrote it.
    pub voce: String,
    /// When, seconds since 1970.
    pub made: u64,
    /// What is in it.
    pub parts: Vec<Part>,
}

/// One folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What it is: the name of a place of the configuration.
    pub name: String,
    /// Its files.
    pub files: Vec<Entry>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Within the folder, with slashes.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// Its checksum, 64 hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    /// Of these parts, written now.
    pub fn new(parts: Vec<Part>) -> Self {
        let made = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let made = made.map_or(0, |time| time.as_secs());
        Self { form: FORM, voce: env!("CARGO_PKG_VERSION").to_owned(), made, parts }
    }

    /// Reads and checks one.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        #[derive(Deserialize)]
        struct Form {
            form: u64,
            voce: String,
        }
        let Form { form, voce } = serde_json::from_slice(bytes).context("its manifest cannot be read")?;
        ensure!(
            form == FORM,
            "it was written by voce {voce} in form {form}; this is voce {}, which reads form {FORM}: use that version",
            env!("CARGO_PKG_VERSION")
        );
        let manifest: Self = serde_json::from_slice(bytes).context("its manifest cannot be read")?;
        manifest.check().context("its manifest is wrong")?;
        Ok(manifest)
    }

    /// Files of all parts.
    pub fn files(&self) -> usize {
        self.parts.iter().map(|part| part.files.len()).sum()
    }

    pub fn check(&self) -> Result<()> {
        let files = self.files();
        ensure!(files <= MOST_FILES, "{files} files; at most {MOST_FILES} are read");
        let all = self.parts.iter().flat_map(|part| &part.files);
        let bytes = all.clone().try_fold(0_u64, |sum, file| sum.checked_add(file.bytes));
        ensure!(bytes.is_some_and(|bytes| bytes <= MOST_BYTES), "more than {MOST_BYTES} bytes");
        let names: BTreeSet<&str> = self.parts.iter().map(|part| part.name.as_str()).collect();
        ensure!(names.len() == self.parts.len(), "a part stands in it twice");
        for part in &self.parts {
            ensure!(is_plain(&part.name), "{:?} is no name of a part", part.name);
            let mut paths = BTreeSet::new();
            for file in &part.files {
                check_path(&part.name, &file.path)?;
                ensure!(paths.insert(&file.path), "{:?} stands in it twice", file.path);
                let is_hash =
                    file.sha256.len() == 64 && file.sha256.bytes().all(|one| one.is_ascii_hexdigit());
                ensure!(is_hash, "{:?} has no SHA-256 for a checksum", file.path);
            }
        }
        Ok(())
    }
}

impl Part {
    /// Bytes of all its files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// The name of a part's file in the archive.
pub fn name_of(part: &str, path: &str) -> String {
    format!("{part}/{path}")
}

fn is_plain(name: &str) -> bool {
    let allowed = |one: u8| one.is_ascii_alphanumeric() || one == b'-' || one == b'_';
    !name.is_empty() && name.len() <= 60 && name.bytes().all(allowed)
}

/// Only what stays within its folder, whatever system reads it.
fn check_path(part: &str, path: &str) -> Result<()> {
    let is_inside = !path.is_empty()
        && Path::new(path).components().all(|one| matches!(one, Component::Normal(_)))
        && path.split('/').all(|one| !matches!(one, "" | "." | ".."))
        && !path.contains(['\\', '\0', ':']);
    if !is_inside {
        bail!("{path:?} does not stay within its folder");
    }
    let length = name_of(part, path).len();
    ensure!(length <= LONGEST_PATH, "{path:?} is longer than {LONGEST_PATH} bytes");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(paths: &[&str]) -> Manifest {
        let entry = |path: &&str| Entry { path: (*path).to_owned(), bytes: 1, sha256: "a".repeat(64) };
        Manifest::new(vec![Part { name: "memory".into(), files: paths.iter().map(entry).collect() }])
    }

    fn read(manifest: &Manifest) -> Result<Manifest> {
        Manifest::read(&serde_json::to_vec(manifest).unwrap())
    }

    #[test]
    fn what_was_written_is_read() {
        let manifest = manifest(&["a.json", "deep/er/b.json"]);
        assert_eq!(read(&manifest).unwrap(), manifest);
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        let foreign =
            ["", "/etc/passwd", "../a", "a/../../b", "a/./b", "./a", "a//b", "a/", "a\\b", "C:a", "a\0b"];
        for path in foreign {
            let error = format!("{:#}", read(&manifest(&[path])).unwrap_err());
            assert!(error.contains("does not stay within its folder"), "{path:?}: {error}");
        }
        assert!(read(&manifest(&["a", "a"])).is_err(), "twice the same");
        let long = "a/".repeat(200) + "b";
        assert!(read(&manifest(&[&long])).is_err(), "longer than a header");
    }

    #[test]
    fn what_is_too_large_or_unknown_is_refused() {
        let mut large = manifest(&["a", "b"]);
        large.parts[0].files[0].bytes = u64::MAX;
        assert!(read(&large).is_err());
        let mut newer = manifest(&["a"]);
        (newer.form, newer.voce) = (2, "9.0.0".into());
        assert!(format!("{:#}", read(&newer).unwrap_err()).contains("9.0.0"));
        let mut named = manifest(&["a"]);
        named.parts[0].name = "../memory".into();
        assert!(read(&named).is_err());
        let mut hashed = manifest(&["a"]);
        hashed.parts[0].files[0].sha256 = "short".into();
        assert!(read(&hashed).is_err());
        assert!(Manifest::read(b"{}").is_err() && Manifest::read(b"\xff").is_err());
    }
}
