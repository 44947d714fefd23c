//! Which file is ours: the first that no other process holds; and what becomes of the others.
use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::store::{Store, StoreError};
use crate::batch::Counted;

/// Processes that spool for one sink at once, at most.
const MOST_SLOTS: usize = 64;
/// Batches that change files in one transaction.
const ADOPTED_AT_ONCE: usize = 64;
/// The file that is locked while others are opened, adopted and deleted.
pub(super) const LOCK: &str = "lock";
pub(super) const SUFFIX: &str = "redb";
pub(super) const DAMAGED: &str = "damaged";

/// Where the files of one sink are.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    /// The sink's name in files.
    pub(crate) name: String,
    pub(crate) longest_bytes: u64,
    /// `None`: nothing is given up for its age.
    pub(crate) keep: Option<Duration>,
    /// The names of all sinks that are configured; files of others are deleted in time.
    pub(crate) configured: Vec<String>,
}

impl Place {
    /// Opens the first free slot, and says which.
    pub(crate) fn open(&self) -> Result<(Store, PathBuf), StoreError> {
        let _lock = self.lock()?;
        for slot in 0..MOST_SLOTS {
            let path = self.dir.join(format!("{}.{slot}.{SUFFIX}", self.name));
            match Store::open(&path, self.longest_bytes) {
                Ok(store) => return Ok((store, path)),
                Err(StoreError::InUse) => {}
                Err(StoreError::Damaged(reason)) => {
                    set_aside(&path, &reason);
                    return Store::open(&path, self.longest_bytes).map(|store| (store, path));
                }
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Disk(format!("{MOST_SLOTS} processes already spool in {}", self.dir.display())))
    }

    /// Moves what dead processes left for this sink into `own`, and deletes their files.
    pub(crate) fn adopt_into(&self, own: &mut Store, own_path: &Path) -> Result<Counted, StoreError> {
        let _lock = self.lock()?;
        let mut given_up = Counted::default();
        for path in self.files()? {
            let is_ours = sink_of(&path).is_some_and(|name| name == self.name);
            if !is_ours || path == own_path {
                continue;
            }
            let other = match Store::open(&path, u64::MAX) {
                Ok(other) => other,
                Err(StoreError::Damaged(reason)) => {
                    set_aside(&path, &reason);
                    continue;
                }
                Err(_) => continue,
            };
            for keys in other.keys().chunks(ADOPTED_AT_ONCE) {
                let batches = keys.iter().map(|key| Ok((*key, other.get(*key)?)));
                let Ok(batches) = batches.collect::<Result<Vec<_>, StoreError>>() else { break };
                let counted = own.adopt(&batches)?;
                given_up.spans += counted.spans;
                given_up.attachments += counted.attachments;
            }
            if !other.is_empty() {
                tracing::info!(
                    spans = other.spans(),
                    "took over traces that another process could not deliver"
                );
            }
            drop(other);
            // Under the lock: nobody can have opened it since.
            fs::remove_file(&path)?;
        }
        Ok(given_up)
    }

    /// Deletes files of sinks that are no longer configured, and damaged ones, when they are old.
    pub(crate) fn delete_old(&self) -> Result<(), StoreError> {
        let Some(keep) = self.keep else { return Ok(()) };
        let _lock = self.lock()?;
        for path in self.files()? {
            let abandoned = match sink_of(&path) {
                Some(name) => !self.configured.contains(&name),
                None => path.extension().is_some_and(|extension| extension == DAMAGED),
            };
            let changed = fs::metadata(&path).and_then(|file| file.modified());
            let age = changed.ok().and_then(|at| SystemTime::now().duration_since(at).ok());
            if abandoned && age.is_some_and(|age| age > keep) && !is_held(&path) {
                fs::remove_file(&path)?;
                tracing::warn!(file = %path.display(), "deleted traces of a sink that is no longer configured");
            }
        }
        Ok(())
    }

    /// Held while files are opened, adopted and deleted, so that nobody opens what is being deleted.
    fn lock(&self) -> io::Result<File> {
        make_private(&self.dir)?;
        let file = File::options().create(true).append(true).open(self.dir.join(LOCK))?;
        file.lock()?;
        Ok(file)
    }

    fn files(&self) -> io::Result<Vec<PathBuf>> {
        files_in(&self.dir)
    }
}

/// All files in the folder, by name.
pub(super) fn files_in(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(dir)?.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.sort();
    Ok(files)
}

/// The sink that a spool file belongs to; `None` for any other file.
pub(super) fn sink_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.strip_suffix(&format!(".{SUFFIX}"))?;
    let (sink, slot) = name.rsplit_once('.')?;
    slot.parse::<usize>().is_ok().then(|| sink.to_owned())
}

/// Renames a file that cannot be read, so that it is neither lost nor in the way.
pub(crate) fn set_aside(path: &Path, reason: &str) {
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let aside = PathBuf::from(format!("{}.{seconds}.{DAMAGED}", path.display()));
    match fs::rename(path, &aside) {
        Ok(()) => tracing::warn!(
            file = %aside.display(), reason,
            "a spool file of traces is damaged; it was set aside and a new one begun"
        ),
        Err(error) => {
            tracing::warn!(file = %path.display(), reason, %error, "a spool file of traces is damaged")
        }
    }
}

fn is_held(path: &Path) -> bool {
    sink_of(path).is_some() && matches!(Store::open(path, u64::MAX), Err(StoreError::InUse))
}

fn make_private(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Batch, Kind, Topic};

    fn place(dir: &Path) -> Place {
        let keep = Some(Duration::from_secs(1_000));
        let configured = vec!["one".to_owned()];
        Place { dir: dir.join("spool"), name: "one".into(), longest_bytes: 1_000, keep, configured }
    }

    fn batch(mark: u8) -> Batch {
        Batch {
            kind: Kind::Spans { compressed: false, topic: Topic::Turns },
            body: vec![mark; 10].into(),
            spans: 2,
        }
    }

    #[test]
    fn two_processes_have_a_file_each_and_the_living_adopt_from_the_dead() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path());
        let (mut first, first_path) = place.open().unwrap();
        let (mut second, second_path) = place.open().unwrap();
        assert_ne!(first_path, second_path);
        // Between processes the order is that of milliseconds.
        let pause = || std::thread::sleep(Duration::from_millis(3));
        first.put(&[batch(1)]).unwrap();
        pause();
        second.put(&[batch(2)]).unwrap();
        pause();
        first.put(&[batch(3)]).unwrap();
        place.adopt_into(&mut second, &second_path).unwrap();
        assert_eq!(second.keys().len(), 1, "the living keep their own");
        drop(first);
        place.adopt_into(&mut second, &second_path).unwrap();
        let marks: Vec<u8> = second.keys().into_iter().map(|key| second.get(key).unwrap().body[0]).collect();
        assert_eq!(marks, [1, 2, 3], "in the order of time");
        assert!(!first_path.exists());
    }

    #[test]
    fn a_damaged_file_is_set_aside_and_a_new_one_begun() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path());
        let (store, path) = place.open().unwrap();
        drop(store);
        fs::write(&path, vec![9; 10_000]).unwrap();
        let (mut store, again) = place.open().unwrap();
        assert_eq!(again, path);
        store.put(&[batch(1)]).unwrap();
        let damaged = |path: &PathBuf| path.extension().is_some_and(|extension| extension == DAMAGED);
        assert_eq!(files_in(&place.dir).unwrap().iter().filter(|path| damaged(path)).count(), 1);
    }

    #[test]
    fn files_of_forgotten_sinks_go_when_they_are_old() {
        let dir = tempfile::tempdir().unwrap();
        let place = place(dir.path());
        drop(place.open().unwrap());
        let old = SystemTime::now() - Duration::from_secs(2_000);
        for name in ["other.0.redb", "one.0.redb", "one.0.redb.17.damaged", "notes.txt"] {
            let path = place.dir.join(name);
            let file = File::options().create(true).append(true).open(path).unwrap();
            file.set_modified(old).unwrap();
        }
        drop(File::create(place.dir.join("young.0.redb")).unwrap());
        place.delete_old().unwrap();
        let left: Vec<String> = files_in(&place.dir)
            .unwrap()
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(left, ["lock", "notes.txt", "one.0.redb", "young.0.redb"]);
    }
}
