//! The files: written whole or not at all, readable by their owner only, named by a hash of who is remembered.
use std::{
    fs, io,
    io::Write,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{FutureExt, future::BoxFuture};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use uuid::Uuid;
use voce_core::{EngineError, Memory};
use voce_telemetry::Redactor;

use super::MemoryConfig;

const NAME: &str = "memory";
const DAY: u64 = 24 * 60 * 60;

/// What is remembered of one caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// Who, as their client says.
    pub user: String,
    /// When it was written, seconds since 1970.
    pub written: u64,
    /// What.
    pub text: String,
}

impl Remembered {
    /// How many days ago it was written.
    pub fn days(&self) -> u64 {
        now().saturating_sub(self.written) / DAY
    }
}

/// A folder of such files. Cheap to clone.
#[derive(Clone)]
pub struct Files {
    folder: PathBuf,
    keep_days: u32,
    max_characters: usize,
    redactor: Redactor,
}

impl Files {
    /// Opens nothing yet.
    pub fn new(folder: PathBuf, config: &MemoryConfig, redactor: Redactor) -> Self {
        let MemoryConfig { keep_days, max_characters, .. } = *config;
        Self { folder, keep_days, max_characters, redactor }
    }

    /// What is remembered of `user`, unless that is too old.
    pub fn read(&self, user: &str) -> io::Result<Option<Remembered>> {
        let remembered = read(&self.path(user))?;
        // Two names of one hash are as good as impossible; one caller's memory told to another would be bad.
        Ok(remembered.filter(|one| one.user == user && !self.is_old(one)))
    }

    /// Everybody who is remembered, by name.
    pub fn all(&self) -> io::Result<Vec<Remembered>> {
        let mut all = self.paths()?.iter().map(|path| read(path)).collect::<io::Result<Vec<_>>>()?;
        all.retain(|one| one.as_ref().is_some_and(|one| !self.is_old(one)));
        let mut all: Vec<Remembered> = all.into_iter().flatten().collect();
        all.sort_by(|one, other| one.user.cmp(&other.user));
        Ok(all)
    }

    /// Writes `text` in the place of what was remembered; empty forgets.
    pub fn write(&self, user: &str, text: &str) -> io::Result<()> {
        let text = self.kept(text);
        if text.is_empty() {
            return self.forget(user).map(drop);
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let remembered = Remembered { user: user.to_owned(), written: now(), text };
        // For its owner only, by default.
        let mut file = NamedTempFile::new_in(&self.folder)?;
        file.write_all(&serde_json::to_vec_pretty(&remembered)?)?;
        file.as_file().sync_all()?;
        file.persist(self.path(user)).map_err(|error| error.error)?;
        self.delete_old()
    }

    /// Forgets `user`; says whether there was anything to forget.
    pub fn forget(&self, user: &str) -> io::Result<bool> {
        match fs::remove_file(self.path(user)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes what was not renewed for too long, and what a crash left half written.
    pub fn delete_old(&self) -> io::Result<()> {
        for path in self.paths()? {
            let is_old = match read(&path) {
                Ok(remembered) => remembered.is_some_and(|one| self.is_old(&one)),
                // What cannot be read can still be too old.
                Err(_) => self.keep_days > 0 && age(&path)? > u64::from(self.keep_days) * DAY,
            };
            if is_old {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// What is kept of a text: what must not be is replaced, and the newest whole lines that there is room for.
    fn kept(&self, text: &str) -> String {
        let text = self.redactor.text(text.trim());
        let mut room = self.max_characters;
        let mut lines: Vec<&str> = vec![];
        for line in text.lines().rev() {
            let length = line.chars().count() + 1;
            if length > room + 1 {
                break;
            }
            room = room.saturating_sub(length);
            lines.push(line);
        }
        lines.reverse();
        lines.join("\n")
    }

    fn is_old(&self, remembered: &Remembered) -> bool {
        self.keep_days > 0 && remembered.days() >= u64::from(self.keep_days)
    }

    fn path(&self, user: &str) -> PathBuf {
        let name = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("voce memory\u{1f}{user}").as_bytes());
        self.folder.join(format!("{}.json", name.simple()))
    }

    fn paths(&self) -> io::Result<Vec<PathBuf>> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
            Err(error) => return Err(error),
        };
        let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|end| end == "json")).collect())
    }
}

impl Memory for Files {
    fn recall(&self, user: String) -> BoxFuture<'static, Result<String, EngineError>> {
        let files = self.clone();
        on_disk(move || Ok(files.read(&user)?.map(|one| one.text).unwrap_or_default()))
    }

    fn remember(&self, user: String, text: String) -> BoxFuture<'static, Result<(), EngineError>> {
        let files = self.clone();
        on_disk(move || files.write(&user, &text))
    }
}

/// Disks are slow, so their work has threads of its own.
fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> BoxFuture<'static, Result<T, EngineError>> {
    let working = async move {
        match tokio::task::spawn_blocking(work).await {
            Ok(outcome) => outcome.map_err(|error| EngineError::run(NAME, format!("its folder: {error}"))),
            Err(_) => Err(EngineError::run(NAME, "the program ends")),
        }
    };
    working.boxed()
}

/// The file at `path`, if it is there. A file of another form is an error that names it.
fn read(path: &Path) -> io::Result<Option<Remembered>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let wrong = |error| {
        let reason =
            format!("{}: expected user, written and text as JSON: {error}; delete it", path.display());
        io::Error::new(io::ErrorKind::InvalidData, reason)
    };
    serde_json::from_slice(&bytes).map(Some).map_err(wrong)
}

fn age(path: &Path) -> io::Result<u64> {
    let written = fs::metadata(path)?.modified()?;
    Ok(SystemTime::now().duration_since(written).unwrap_or(Duration::ZERO).as_secs())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn is_private(path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o077 == 0)
    }

    fn files(folder: &Path, keep_days: u32) -> Files {
        let config = MemoryConfig { keep_days, max_characters: 60, ..MemoryConfig::default() };
        let redactor = Redactor::new(&voce_telemetry::Config::default()).unwrap();
        Files::new(folder.join("memory"), &config, redactor)
    }

    #[test]
    fn what_was_written_is_there_again_and_belongs_to_one_caller() {
        let place = tempfile::tempdir().unwrap();
        let first = files(place.path(), 90);
        assert_eq!((first.read("ann").unwrap(), first.all().unwrap()), (None, vec![]));
        assert!(!place.path().join("memory").exists(), "reading makes no folder");
        first.write("ann", "My name is Ann.").unwrap();
        first.write("../bob", "I own a pump.").unwrap();
        let again = files(place.path(), 90);
        assert_eq!(again.read("ann").unwrap().unwrap().text, "My name is Ann.");
        assert_eq!(again.read("eve").unwrap(), None);
        let users: Vec<String> = again.all().unwrap().into_iter().map(|one| one.user).collect();
        assert_eq!(users, ["../bob", "ann"]);
        assert!(is_private(&again.folder) && again.paths().unwrap().iter().all(|path| is_private(path)));
        assert!(again.forget("ann").unwrap() && !again.forget("ann").unwrap());
        again.write("../bob", "").unwrap();
        assert_eq!(again.all().unwrap(), vec![], "an empty memory is none");
    }

    #[test]
    fn card_numbers_and_old_lines_are_not_kept() {
        let place = tempfile::tempdir().unwrap();
        let files = files(place.path(), 0);
        files.write("ann", "I pay with 4111 1111 1111 1111.").unwrap();
        assert_eq!(files.read("ann").unwrap().unwrap().text, "I pay with [card].");
        files.write("ann", &format!("{}\nnew one\nnewest", "old ".repeat(20))).unwrap();
        assert_eq!(files.read("ann").unwrap().unwrap().text, "new one\nnewest");
    }

    #[test]
    fn what_is_too_old_is_deleted_and_what_is_broken_is_named() {
        let place = tempfile::tempdir().unwrap();
        let files = files(place.path(), 30);
        files.write("ann", "I own a pump.").unwrap();
        let path = files.path("ann");
        let mut old = files.read("ann").unwrap().unwrap();
        old.written -= 30 * DAY;
        fs::write(&path, serde_json::to_vec(&old).unwrap()).unwrap();
        assert_eq!(files.read("ann").unwrap(), None);
        files.delete_old().unwrap();
        assert!(!path.exists());
        fs::write(&path, "{").unwrap();
        files.delete_old().unwrap();
        let error = files.read("ann").unwrap_err().to_string();
        assert!(error.contains(&*path.to_string_lossy()) && error.contains("delete it"), "{error}");
    }
}
