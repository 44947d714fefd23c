//! Keeping every process away from the spool: for who copies or replaces its files.
use std::{fs::File, path::PathBuf};

use super::{SpoolFile, slots::LOCK, spool_files};
use crate::Config;

/// The spool's files. While this is there no process begins to spool in the folder; it waits.
#[derive(Debug)]
pub struct HeldSpool {
    /// What lies there; nobody has any of it open.
    pub files: Vec<SpoolFile>,
    _lock: File,
}

/// Why the spool cannot be held.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// A process spools there.
    #[error(
        "traces wait in {path}, which another process has open; end it first (`voce serve` or `voce judge`)"
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The folder cannot be used.
    #[error("the folder of traces that wait, {path}: {reason}")]
    Disk {
        /// The folder.
        path: PathBuf,
        /// What failed.
        reason: std::io::Error,
    },
}

/// Holds the spool of a configuration, if it has one. Blocking: it waits while a process begins to spool.
pub fn hold_spool(config: &Config) -> Result<Option<HeldSpool>, HoldError> {
    let folder = config.spool.folder();
    if !folder.is_dir() {
        return Ok(None);
    }
    let lock = File::options().create(true).append(true).open(folder.join(LOCK)).and_then(|file| {
        file.lock()?;
        Ok(file)
    });
    let lock = lock.map_err(|reason| HoldError::Disk { path: folder, reason })?;
    let files = spool_files(config);
    match files.iter().find(|file| file.in_use) {
        Some(file) => Err(HoldError::InUse { path: file.path.clone() }),
        None => Ok(Some(HeldSpool { files, _lock: lock })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::Store;

    #[test]
    fn a_spool_that_a_process_has_open_is_not_held() {
        let place = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.spool.dir = place.path().join("spool").display().to_string();
        assert!(hold_spool(&config).unwrap().is_none(), "there is none");
        std::fs::create_dir(place.path().join("spool")).unwrap();
        let path = place.path().join("spool/somewhere.0.redb");
        let store = Store::open(&path, 1_000).unwrap();
        assert!(matches!(hold_spool(&config), Err(HoldError::InUse { path: held }) if held == path));
        drop(store);
        let held = hold_spool(&config).unwrap().expect("it is there");
        assert_eq!(held.files.iter().map(|file| &file.path).collect::<Vec<_>>(), [&path]);
    }
}
