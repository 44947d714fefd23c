//! What of a configuration stands on disk, and where.
use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use voce_rag::{HeldCollection, StoreError, StoreKind};
use voce_telemetry::{HeldSpool, HoldError};

use crate::{cli::Kind, config::Config, variants};

/// One folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// What archives call it.
    pub name: String,
    pub kind: Kind,
    pub folder: PathBuf,
}

/// Keeps other processes away from a place until it is dropped.
pub enum Held {
    /// Nothing is there, or each file of it is written whole.
    Free,
    Knowledge(HeldCollection),
    Spool(HeldSpool),
    /// Another process has it open and may write to it.
    InUse,
}

/// All places of a configuration. A variant with a knowledge base of its own has one more.
pub fn of(config: &Config) -> Result<Vec<Place>> {
    let mut places: Vec<Place> = vec![];
    let knowledge = |name: String, config: &Config| {
        let knowledge = &config.knowledge;
        (knowledge.store == StoreKind::Embedded).then(|| Place {
            name,
            kind: Kind::Knowledge,
            folder: knowledge.folder().join(&knowledge.collection),
        })
    };
    places.extend(knowledge("knowledge".into(), config));
    for variant in variants::of(config)? {
        let place = knowledge(format!("knowledge-{}", variant.name), &variant.config);
        let is_new = |place: &Place| places.iter().all(|other| other.folder != place.folder);
        places.extend(place.filter(is_new));
    }
    places.push(Place { name: "spool".into(), kind: Kind::Spool, folder: config.telemetry.spool.folder() });
    places.push(Place { name: "memory".into(), kind: Kind::Memory, folder: config.memory.folder() });
    Ok(places)
}

impl Place {
    /// Keeps other processes away. Blocking.
    pub fn hold(&self, config: &Config) -> Result<Held> {
        Ok(match self.kind {
            Kind::Knowledge => voce_rag::hold_collection(&self.folder)?.map_or(Held::Free, Held::Knowledge),
            Kind::Spool => voce_telemetry::hold_spool(&config.telemetry)?.map_or(Held::Free, Held::Spool),
            Kind::Memory => Held::Free,
        })
    }

    /// As [`Place::hold`]; what is in use is not held, and no error.
    pub fn hold_or_watch(&self, config: &Config) -> Result<Held> {
        self.hold(config).or_else(|error| {
            let is_open = matches!(error.downcast_ref(), Some(StoreError::InUse { .. }))
                || matches!(error.downcast_ref(), Some(HoldError::InUse { .. }));
            if is_open { Ok(Held::InUse) } else { Err(error) }
        })
    }

    /// Whether anything is there that would be lost if the folder were exchanged.
    pub fn has_data(&self, held: &Held) -> Result<bool> {
        // A process that had nothing to leave behind leaves these.
        let is_bare = |name: &str| self.kind == Kind::Spool && (name == "lock" || name.ends_with(".redb"));
        Ok(!super::is_empty(&self.folder, is_bare)? || !self.files(held)?.is_empty())
    }

    /// The files that belong into a backup, below the folder, in the order of their names.
    pub fn files(&self, held: &Held) -> Result<Vec<String>> {
        let read = || format!("reading {}", self.folder.display());
        match (self.kind, held) {
            (Kind::Knowledge, Held::Knowledge(held)) => below(held.folder()),
            (Kind::Knowledge, Held::InUse) => below(&self.folder),
            (Kind::Spool, Held::InUse) => {
                let all = below(&self.folder)?.into_iter();
                Ok(all.filter(|path| path.ends_with(".redb") && !path.contains('/')).collect())
            }
            (Kind::Spool, Held::Spool(spool)) => {
                let waiting = spool.files.iter().filter(|file| file.spans > 0 || file.bytes > 0);
                let names = waiting.filter_map(|file| file.path.file_name()?.to_str());
                Ok(names.map(str::to_owned).collect())
            }
            (Kind::Memory, _) => {
                let all = if self.folder.is_dir() { below(&self.folder).with_context(read)? } else { vec![] };
                Ok(all.into_iter().filter(|path| path.ends_with(".json") && !path.contains('/')).collect())
            }
            _ => Ok(vec![]),
        }
    }
}

/// All regular files in a folder and the folders in it, as paths below it.
fn below(folder: &Path) -> Result<Vec<String>> {
    let (mut files, mut folders) = (vec![], vec![String::new()]);
    while let Some(within) = folders.pop() {
        let here = folder.join(&within);
        let read = |error: io::Error| anyhow::anyhow!("reading {}: {error}", here.display());
        for entry in fs::read_dir(&here).map_err(read)? {
            let entry = entry.map_err(read)?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                bail!("{} has a name that is no text", entry.path().display())
            };
            let path = if within.is_empty() { name.to_owned() } else { format!("{within}/{name}") };
            let kind = entry.file_type().map_err(read)?;
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                files.push(path);
            } else {
                bail!("{} is neither a file nor a folder; voce made no such thing", entry.path().display());
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_configuration_and_its_variants() {
        let mut config = Config::default();
        config.knowledge.path = Some("/data/knowledge".into());
        config.memory.folder = "/data/memory".into();
        config.telemetry.spool.dir = "/data/spool".into();
        let named = |config: &Config| -> Vec<(String, PathBuf)> {
            of(config).unwrap().into_iter().map(|place| (place.name, place.folder)).collect()
        };
        let both = [("spool".into(), "/data/spool".into()), ("memory".into(), "/data/memory".into())];
        let base = [("knowledge".into(), "/data/knowledge/knowledge".into())];
        assert_eq!(named(&config), [&base[..], &both].concat());
        config.variants = toml::from_str("[same]\n[other.knowledge]\ncollection = \"others\"").unwrap();
        let other = [("knowledge-other".into(), "/data/knowledge/others".into())];
        assert_eq!(named(&config), [&base[..], &other, &both].concat());
        config.variants.clear();
        config.knowledge.store = StoreKind::Qdrant;
        assert_eq!(named(&config), both);
    }

    #[test]
    fn files_are_found_in_all_depths_and_links_are_refused() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join("b/c")).unwrap();
        for file in ["b/c/2", "b/1", "a"] {
            fs::write(place.path().join(file), file).unwrap();
        }
        assert_eq!(below(place.path()).unwrap(), ["a", "b/1", "b/c/2"]);
        std::os::unix::fs::symlink("/etc/passwd", place.path().join("link")).unwrap();
        assert!(below(place.path()).unwrap_err().to_string().contains("link"));
    }
}
