//! Putting new folders in the place of old ones: all of them, or none.
use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::read::settle;

/// What an old folder is called until the new ones are all in place.
const ASIDE: &str = ".before-restore";

/// An empty folder beside `target`, on the same disk. It goes with the value that is given back.
pub fn beside(target: &Path) -> Result<TempDir> {
    let parent = target.parent().with_context(|| format!("{} is no folder for data", target.display()))?;
    let making = || format!("making a folder in {}", parent.display());
    DirBuilder::new().recursive(true).mode(0o700).create(parent).with_context(making)?;
    let aside = aside(target);
    ensure!(
        !aside.exists(),
        "{} is left over from a restore that was cut short; it holds what was there before. Move it back to {}, or \
         delete it",
        aside.display(),
        target.display()
    );
    tempfile::Builder::new().prefix(".voce-restore-").tempdir_in(parent).with_context(making)
}

/// Puts each new folder where it belongs. What was there is deleted when all are in place; on an error everything is as it
/// was.
pub fn swap(new: Vec<(TempDir, PathBuf)>) -> Result<()> {
    for (stage, target) in &new {
        belong_like(target.parent().unwrap_or(Path::new("/")), stage.path())
            .and_then(|()| settle(stage.path()))
            .with_context(|| format!("preparing {}", target.display()))?;
    }
    let mut done: Vec<&(TempDir, PathBuf)> = vec![];
    for one in &new {
        if let Err(error) = exchange(one.0.path(), &one.1) {
            for (stage, target) in done.into_iter().rev() {
                undo(stage.path(), target);
            }
            return Err(error);
        }
        done.push(one);
    }
    for (stage, target) in new {
        // It is not there any more under this name.
        drop(stage.keep());
        let aside = aside(&target);
        let removing = || format!("everything is restored; deleting {}", aside.display());
        match fs::remove_dir_all(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(removing);
            }
            _ => {}
        }
        if let Some(parent) = target.parent() {
            File::open(parent).and_then(|folder| folder.sync_all()).with_context(removing)?;
        }
    }
    Ok(())
}

fn exchange(stage: &Path, target: &Path) -> Result<()> {
    let aside = aside(target);
    let was_there = target.symlink_metadata().is_ok();
    if was_there {
        fs::rename(target, &aside).with_context(|| {
            format!(
                "moving {} aside (a folder that is a mount of its own cannot be replaced: mount the one above it)",
                target.display()
            )
        })?;
    }
    fs::rename(stage, target).with_context(|| format!("putting {} in place", target.display())).inspect_err(
        |_| {
            if was_there {
                // What can be done about a second failure is said by the next restore.
                fs::rename(&aside, target).ok();
            }
        },
    )
}

fn undo(stage: &Path, target: &Path) {
    let aside = aside(target);
    if fs::rename(target, stage).is_ok() && aside.exists() {
        fs::rename(aside, target).ok();
    }
}

fn aside(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(ASIDE);
    target.with_file_name(name)
}

/// What root restores belongs to who owns the folder around it, else a server that is not root could not open it.
fn belong_like(owner: &Path, folder: &Path) -> io::Result<()> {
    let (wanted, own) = (fs::metadata(owner)?, fs::metadata(folder)?);
    if (wanted.uid(), wanted.gid()) == (own.uid(), own.gid()) || own.uid() != 0 {
        return Ok(());
    }
    let give = |path: &Path| std::os::unix::fs::chown(path, Some(wanted.uid()), Some(wanted.gid()));
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        give(&folder)?;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                give(&entry.path())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staged(target: &Path, text: &str) -> (TempDir, PathBuf) {
        let stage = beside(target).unwrap();
        fs::write(stage.path().join("file"), text).unwrap();
        (stage, target.to_owned())
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn new_folders_take_the_place_of_old_ones_and_nothing_is_left_over() {
        let place = tempfile::tempdir().unwrap();
        let (old, new) = (place.path().join("old"), place.path().join("new"));
        fs::create_dir(&old).unwrap();
        fs::write(old.join("was here"), "").unwrap();
        swap(vec![staged(&old, "one"), staged(&new, "two")]).unwrap();
        assert_eq!((names(&old), names(&new)), (vec!["file".to_owned()], vec!["file".to_owned()]));
        assert_eq!(names(place.path()), ["new", "old"]);
    }

    #[test]
    fn one_that_cannot_be_put_in_place_leaves_all_as_it_was() {
        let place = tempfile::tempdir().unwrap();
        let (first, second) = (place.path().join("first"), place.path().join("second"));
        for folder in [&first, &second] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("was here"), "").unwrap();
        }
        let both = vec![staged(&first, "one"), staged(&second, "two")];
        // Nothing can be moved there.
        fs::create_dir_all(place.path().join("second.before-restore/taken")).unwrap();
        assert!(swap(both).is_err());
        assert_eq!(
            (names(&first), names(&second)),
            (vec!["was here".to_owned()], vec!["was here".to_owned()])
        );
        assert_eq!(names(place.path()), ["first", "second", "second.before-restore"]);
    }

    #[test]
    fn what_a_restore_that_was_cut_short_left_is_not_lost() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("data.before-restore")).unwrap();
        let error = beside(&place.path().join("data")).unwrap_err().to_string();
        assert!(error.contains("cut short") && error.contains("Move it back"), "{error}");
    }
}
