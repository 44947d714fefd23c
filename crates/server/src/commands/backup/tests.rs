//! Archives there and back, and what is no archive.
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{
    back_up,
    manifest::{Entry, Manifest, Part},
    put_back, read,
};
use crate::{
    cli::{BackupArgs, RestoreArgs},
    config::Config,
};

/// A configuration with its own folders, and memory in them.
fn place() -> (TempDir, Config) {
    let place = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.knowledge.path = Some(place.path().join("knowledge"));
    config.memory.folder = place.path().join("data/memory").display().to_string();
    config.telemetry.spool.dir = place.path().join("state/spool").display().to_string();
    fs::create_dir_all(&config.memory.folder).unwrap();
    (place, config)
}

fn backup_to(file: &Path) -> BackupArgs {
    BackupArgs { file: file.to_owned(), only: vec![], live: false }
}

fn restore_of(file: &Path, replace: bool) -> RestoreArgs {
    RestoreArgs { file: file.to_owned(), replace, check: false }
}

/// Every file below a folder, with its content.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = vec![];
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((path.clone(), fs::read(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// A tar of such files, packed.
fn packed(files: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(vec![], Compression::fast()));
    for (name, kind, content) in files {
        let mut header = tar::Header::new_ustar();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}

fn manifest_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let entry = |(path, content): &(&str, &[u8])| {
        use sha2::{Digest, Sha256};
        let sha256 = super::hex(&Sha256::digest(content));
        Entry { path: (*path).to_owned(), bytes: content.len() as u64, sha256 }
    };
    let part = Part { name: "memory".into(), files: files.iter().map(entry).collect() };
    serde_json::to_vec(&Manifest::new(vec![part])).unwrap()
}

#[test]
fn what_was_backed_up_comes_back_and_nothing_is_overwritten_unasked() {
    let (place, config) = place();
    let memory = Path::new(&config.memory.folder);
    // Longer than a block, with a hole in it.
    let long = [b"{".repeat(100_000), vec![0; 300_000], b"}".to_vec()].concat();
    fs::write(memory.join("ann.json"), &long).unwrap();
    fs::write(memory.join("bob.json"), "").unwrap();
    let file = place.path().join("backup.tar.gz");
    back_up(&config, &backup_to(&file)).unwrap();
    let before = contents(memory);
    let error = back_up(&config, &backup_to(&file)).unwrap_err().to_string();
    assert!(error.contains("is there already"), "{error}");

    let error = format!("{:#}", put_back(&config, &restore_of(&file, false)).unwrap_err());
    assert!(error.contains("--replace") && error.contains("nothing was changed"), "{error}");
    fs::write(memory.join("eve.json"), "{}").unwrap();
    fs::write(memory.join("ann.json"), "{}").unwrap();
    put_back(&config, &restore_of(&file, true)).unwrap();
    assert_eq!(contents(memory), before);
    fs::remove_dir_all(memory).unwrap();
    put_back(&config, &restore_of(&file, false)).unwrap();
    assert_eq!(contents(memory), before);
    let left: Vec<_> = fs::read_dir(memory.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_damaged_archive_changes_nothing() {
    let (place, config) = place();
    let memory = Path::new(&config.memory.folder);
    fs::write(memory.join("ann.json"), "{\"user\": \"ann\"}".repeat(500)).unwrap();
    let file = place.path().join("backup.tar.gz");
    back_up(&config, &backup_to(&file)).unwrap();
    let whole = fs::read(&file).unwrap();
    let before = contents(memory);
    for length in (0..whole.len()).step_by(7) {
        fs::write(&file, &whole[..length]).unwrap();
        put_back(&config, &restore_of(&file, true)).unwrap_err();
        let check = RestoreArgs { file: file.clone(), replace: false, check: true };
        put_back(&config, &check).unwrap_err();
    }
    assert_eq!(contents(memory), before);
    let left: Vec<_> = fs::read_dir(memory.parent().unwrap()).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing is left over: {left:?}");
}

#[test]
fn archives_that_lie_are_refused() {
    use tar::EntryType;
    let (place, config) = place();
    let file = place.path().join("backup.tar.gz");
    let regular = EntryType::Regular;
    let (good, text): (_, &[u8]) = (manifest_of(&[("a.json", b"{}")]), b"{}");
    let first = ("manifest.json", regular, &*good);
    let lies: [(&str, Vec<u8>); 8] = [
        ("begins with", packed(&[("memory/a.json", regular, text)])),
        ("memory/a.json is missing", packed(&[first])),
        ("checksum", packed(&[first, ("memory/a.json", regular, b"[]")])),
        ("of 2 bytes, found", packed(&[first, ("memory/a.json", regular, b"{} ")])),
        ("expected memory/a.json", packed(&[first, ("memory/../../a.json", regular, text)])),
        ("no plain file", packed(&[first, ("memory/a.json", EntryType::Symlink, b"")])),
        ("more than its manifest", packed(&[first, ("memory/a.json", regular, text), ("b", regular, text)])),
        ("does not stay within", {
            packed(&[("manifest.json", regular, &*manifest_of(&[("../a.json", b"{}")]))])
        }),
    ];
    for (reason, archive) in lies {
        fs::write(&file, archive).unwrap();
        let error = format!("{:#}", put_back(&config, &restore_of(&file, true)).unwrap_err());
        assert!(error.contains(reason), "{reason:?} is missing in: {error}");
    }
    let good = packed(&[first, ("memory/a.json", regular, text)]);
    fs::write(&file, good).unwrap();
    put_back(&config, &restore_of(&file, true)).unwrap();
    assert_eq!(contents(Path::new(&config.memory.folder)).len(), 1);
}

#[test]
fn traces_that_wait_are_kept_and_an_empty_spool_is_in_nobodys_way() {
    let (place, config) = place();
    let spool = Path::new(&config.telemetry.spool.dir);
    fs::create_dir_all(spool).unwrap();
    fs::write(spool.join("lock"), "").unwrap();
    let file = place.path().join("backup.tar.gz");
    let error = back_up(&config, &backup_to(&file)).unwrap_err().to_string();
    assert!(error.contains("nothing to back up") && !file.exists(), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever an archive holds, reading it ends, and writes nowhere but in the folder it was given.
    #[test]
    fn no_archive_writes_elsewhere(
        names in prop::collection::vec("(memory/)?[./a]{1,12}", 0..4),
        listed in prop::collection::vec("[./a]{1,12}", 0..4),
        noise in prop::collection::vec(any::<u8>(), 0..200),
        cut in any::<prop::sample::Index>(),
        is_noise in any::<bool>(),
    ) {
        let place = tempfile::tempdir().unwrap();
        let inside = place.path().join("inside");
        fs::create_dir(&inside).unwrap();
        let listed: Vec<(&str, &[u8])> = listed.iter().map(|name| (name.as_str(), &noise[..])).collect();
        let manifest = manifest_of(&listed);
        let mut files: Vec<(&str, tar::EntryType, &[u8])> = vec![("manifest.json", tar::EntryType::Regular, &manifest)];
        files.extend(names.iter().map(|name| (name.as_str(), tar::EntryType::Regular, &noise[..])));
        let mut archive = packed(&files);
        if is_noise {
            let at = cut.index(archive.len());
            archive.truncate(at);
            archive.write_all(&noise).unwrap();
        }
        let one = inside.clone();
        read::read(&*archive, |_| Ok(Some(vec![one]))).ok();
        for (path, _) in contents(place.path()) {
            prop_assert!(path.starts_with(&inside), "{}", path.display());
        }
    }
}
