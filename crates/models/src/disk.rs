//! Files of the store: free space, one pull at a time, checksums, and putting a whole file in place.
use std::{
    fs::{self, File, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{ModelError, error::bytes_in_words};

/// Free bytes for this user on the disk that holds `dir`. None: the system does not say.
pub(crate) fn free_bytes(dir: &Path) -> Option<u64> {
    let there = dir.ancestors().find(|ancestor| ancestor.exists())?;
    let state = rustix::fs::statvfs(there).ok()?;
    Some(state.f_bavail.saturating_mul(state.f_frsize))
}

/// Refuses when `dir` has less than `needed` bytes free for `file` from `origin`.
pub(crate) fn check_space(dir: &Path, needed: u64, file: &str, origin: &str) -> Result<(), ModelError> {
    match free_bytes(dir) {
        Some(free) if free < needed => Err(full(dir, needed, file, origin)),
        _ => Ok(()),
    }
}

/// The error of a full disk.
pub(crate) fn full(dir: &Path, needed: u64, file: &str, origin: &str) -> ModelError {
    ModelError::DiskFull {
        file: file.into(),
        origin: origin.into(),
        dir: dir.into(),
        needed: bytes_in_words(needed),
        free: free_bytes(dir).map_or_else(|| "an unknown number".into(), bytes_in_words),
    }
}

/// An error of writing `path`, told apart: a full disk, a missing right, or another.
pub(crate) fn write_failed(
    path: &Path,
    error: &io::Error,
    needed: u64,
    file: &str,
    origin: &str,
) -> ModelError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            full(path.parent().unwrap_or(path), needed, file, origin)
        }
        _ => ModelError::files(path, error),
    }
}

/// Makes a folder with its parents.
pub(crate) fn make_dir(dir: &Path) -> Result<(), ModelError> {
    fs::create_dir_all(dir).map_err(|error| ModelError::files(dir, &error))
}

/// Held while a pull changes the store; freed by dropping it, or by the end of the process however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the store at `dir`, or None while another process or task holds it.
    pub(crate) fn try_take(dir: &Path) -> Result<Option<Self>, ModelError> {
        let path = dir.join(".lock");
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| ModelError::files(&path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(ModelError::files(&path, &error)),
        }
    }
}

/// Lower-case hex sha256 of a file.
pub(crate) fn sha256(path: &Path) -> Result<String, ModelError> {
    let failed = |error: io::Error| ModelError::files(path, &error);
    let mut file = File::open(path).map_err(failed)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(hex(&digest.finalize())),
            read => digest.update(&buffer[..read]),
        }
    }
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes `bytes` to `path` so that the file is there whole or not at all.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = beside(path, ".new");
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    move_in_place(&beside, path)
}

/// Renames a whole file to its place and makes that outlast a power cut.
pub(crate) fn move_in_place(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    match to.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

/// Removes what an ended pull had taken out of archives; whole and partial archives stay to go on from.
pub(crate) fn sweep(downloads: &Path) {
    for entry in fs::read_dir(downloads).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("member-") || name == "joined" || name == "made" {
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// `path` with `ending` added to its name.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_space_is_refused_before_anything_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let error = check_space(dir.path(), u64::MAX, "m/x.bin", "wheel x.whl").unwrap_err().to_string();
        for part in ["m/x.bin", "wheel x.whl", "too little space", "VOCE_MODELS", "GB free"] {
            assert!(error.contains(part), "{error} lacks {part}");
        }
        check_space(&dir.path().join("not/there/yet"), 1, "m/x.bin", "wheel x.whl").unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_disk_that_fills_up_while_writing_is_named_as_such() {
        let path = Path::new("/dev/full");
        let failed = File::options().write(true).open(path).unwrap().write_all(b"x").unwrap_err();
        let error = write_failed(path, &failed, 5_000_000, "m/x.bin", "wheel x.whl");
        assert!(matches!(error, ModelError::DiskFull { .. }), "{error}");
        assert!(error.to_string().contains("5.0 MB needed"), "{error}");
    }

    #[test]
    fn the_lock_is_held_by_one_and_freed_by_dropping() {
        let dir = tempfile::tempdir().unwrap();
        let held = Lock::try_take(dir.path()).unwrap();
        assert!(held.is_some());
        assert!(Lock::try_take(dir.path()).unwrap().is_none());
        drop(held);
        assert!(Lock::try_take(dir.path()).unwrap().is_some());
    }
}
