//! Whether a file is the one wanted, before it enters the store and while it is there; and links to blobs of the
//! hub cache.
use std::{fs, io, path::Path};

use crate::{
    ModelError, disk,
    manifest::ModelFile,
    rebuild,
    record::{Entry, Record},
    trouble::{Kind, Trouble},
};

/// Whether the file in the store is the one that the manifest describes. Reads the whole file only where the
/// record does not say that it was checked; then writes that down.
pub(crate) fn is_right(dir: &Path, file: &ModelFile, record: &mut Record) -> bool {
    let path = dir.join(&file.path);
    let Ok(about) = fs::metadata(&path) else { return false };
    let entry = record.files.get(&file.path);
    if let Some(way) = file.rebuild {
        let stamp = file.sha256.as_ref().map(|sum| rebuild::stamp(way, sum));
        return entry.is_some_and(|entry| entry.is_unchanged(&about) && entry.made_from == stamp);
    }
    let Some(wanted) = &file.sha256 else { return entry.is_some_and(|entry| entry.is_unchanged(&about)) };
    if file.size.is_some_and(|size| size != about.len()) {
        return false;
    }
    if entry.is_some_and(|entry| entry.is_unchanged(&about) && entry.sha256 == *wanted) {
        return true;
    }
    match disk::sha256(&path) {
        Ok(sum) if sum == *wanted => {
            if let Ok(entry) = Entry::of(&path, sum, "found in the store".into()) {
                record.files.insert(file.path.clone(), entry);
            }
            true
        }
        _ => false,
    }
}

/// The checksum of what a source gave, if it is the one wanted.
pub(crate) fn checked(given: &Path, file: &ModelFile, shared: bool) -> Result<String, Trouble> {
    let size = fs::metadata(given).map_err(|error| ModelError::files(given, &error))?.len();
    let sum = disk::sha256(given)?;
    let reason = match (&file.sha256, file.size) {
        (_, Some(wanted)) if wanted != size => format!("has {size} bytes, the manifest says {wanted}"),
        (Some(wanted), _) if *wanted != sum => format!("sha256 is {sum}, the manifest says {wanted}"),
        _ => return Ok(sum),
    };
    if !shared {
        drop(fs::remove_file(given));
    }
    Err(Trouble::source(Kind::Checksum, reason))
}

/// Links a blob of the hub cache into the store: the same file on the same disk, else a pointer to it.
pub(crate) fn link(blob: &Path, target: &Path) -> io::Result<()> {
    let fresh = disk::beside(target, ".new");
    drop(fs::remove_file(&fresh));
    let blob = fs::canonicalize(blob)?;
    if fs::hard_link(&blob, &fresh).is_err() {
        std::os::unix::fs::symlink(&blob, &fresh)?;
    }
    disk::move_in_place(&fresh, target)?;
    // Renaming onto another link of the same file leaves both names.
    drop(fs::remove_file(&fresh));
    Ok(())
}
