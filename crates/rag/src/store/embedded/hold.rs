//! Keeping everybody away from a folder's files without opening them: for who copies or replaces them.
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
};

use super::{CONFIG, StoreError};

/// Where the shard keeps its log; it is what a process that has the store open holds locked.
const LOCKED: &str = "wal";

/// A collection that nobody can open as long as this is there.
#[derive(Debug)]
pub struct HeldCollection {
    _lock: File,
    folder: PathBuf,
}

impl HeldCollection {
    /// The folder that was held. If it was moved since, what is there now is not.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Holds the collection in `folder`, if there is one. Blocking.
///
/// # Errors
/// [`StoreError::InUse`] while a process has it open.
pub fn hold(folder: &Path) -> Result<Option<HeldCollection>, StoreError> {
    if !folder.join(CONFIG).is_file() {
        return Ok(None);
    }
    let broken = |error: std::io::Error| StoreError::Broken {
        path: folder.to_owned(),
        reason: format!("its {LOCKED} folder: {error}"),
    };
    let lock = File::open(folder.join(LOCKED)).map_err(broken)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(HeldCollection { _lock: lock, folder: folder.to_owned() })),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: folder.to_owned() }),
        Err(TryLockError::Error(error)) => Err(broken(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::open_embedded;

    #[test]
    fn who_holds_a_collection_and_who_has_it_open_keep_each_other_away() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("knowledge");
        assert!(hold(&folder).unwrap().is_none(), "there is nothing to hold");
        let store = open_embedded(&folder, Some(4)).unwrap().expect("it was made");
        assert!(matches!(hold(&folder), Err(StoreError::InUse { .. })));
        drop(store);
        let held = hold(&folder).unwrap().expect("it is there");
        assert!(matches!(open_embedded(&folder, None), Err(StoreError::InUse { .. })));
        drop(held);
        assert!(open_embedded(&folder, None).unwrap().is_some());
    }
}
