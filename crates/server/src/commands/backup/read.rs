//! Reading an archive: every byte of it is checked, and nothing is written but where the caller says.
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};
use tar::{Archive, EntryType};

use super::{
    hex,
    manifest::{self, Entry, Manifest},
};

/// Read and written at once. Files are full of zeros: blocks of them become holes.
const BLOCK: usize = 64 * 1024;
/// What may follow the last file: the archive's own padding.
const LONGEST_END: u64 = 1 << 20;

/// Reads all of an archive. `folders` says for each part of its manifest, in their order, where its files go: folders that
/// are there and empty; `None`: they are only checked.
pub fn read(
    archive: impl Read,
    folders: impl FnOnce(&Manifest) -> Result<Option<Vec<PathBuf>>>,
) -> Result<Manifest> {
    let mut archive = Archive::new(GzDecoder::new(BufReader::new(archive)));
    // Raw: long names, links and the like come as they are, and are refused below.
    let mut entries = archive.entries().context("it is no archive")?.raw(true);
    let first = entries.next().context("it is empty")?;
    let mut first = first.context("it is no archive of voce")?;
    let (name, bytes) = described(&first)?;
    ensure!(name == manifest::NAME, "it is no archive of voce: it begins with {name:?}");
    ensure!(
        bytes <= manifest::LONGEST,
        "its manifest has {bytes} bytes; at most {} are read",
        manifest::LONGEST
    );
    let mut text = vec![];
    first.read_to_end(&mut text).context("its manifest is cut short")?;
    let manifest = Manifest::read(&text)?;
    let folders = folders(&manifest)?;
    for (place, part) in manifest.parts.iter().enumerate() {
        let folder = folders.as_ref().and_then(|folders| folders.get(place));
        for expected in &part.files {
            let wanted = manifest::name_of(&part.name, &expected.path);
            let entry = entries.next().with_context(|| format!("it is cut short: {wanted} is missing"))?;
            let mut entry = entry.with_context(|| format!("it is broken where {wanted} should be"))?;
            let found = described(&entry)?;
            ensure!(
                found == (wanted.clone(), expected.bytes),
                "expected {wanted} of {} bytes, found {} of {}",
                expected.bytes,
                found.0,
                found.1
            );
            let target = folder.map(|folder| folder.join(&expected.path));
            unpack(&mut entry, expected, target.as_deref()).context(wanted)?;
        }
    }
    match entries.next() {
        None => {}
        Some(Ok(_)) => bail!("it holds more than its manifest says"),
        Some(Err(error)) => return Err(error).context("it is broken at its end"),
    }
    // To its very end, where gzip's own checksum stands.
    let mut rest = archive.into_inner().take(LONGEST_END + 1);
    let rest = io::copy(&mut rest, &mut io::sink()).context("it is broken at its end")?;
    ensure!(rest <= LONGEST_END, "something follows its end");
    Ok(manifest)
}

/// Name and length of a plain file.
fn described(entry: &tar::Entry<'_, impl Read>) -> Result<(String, u64)> {
    let header = entry.header();
    let name = String::from_utf8_lossy(&header.path_bytes()).into_owned();
    ensure!(header.entry_type() == EntryType::Regular, "{name:?} is no plain file");
    let bytes = header.size().with_context(|| format!("{name:?} has no length"))?;
    Ok((name, bytes))
}

fn unpack(entry: &mut impl Read, expected: &Entry, target: Option<&Path>) -> Result<()> {
    let mut file = target.map(create).transpose()?;
    let (mut hasher, mut block, mut length) = (Sha256::new(), vec![0; BLOCK], 0_u64);
    loop {
        let read = fill(entry, &mut block)?;
        if read == 0 {
            break;
        }
        hasher.update(&block[..read]);
        length += read as u64;
        let Some(file) = &mut file else { continue };
        if block[..read].iter().all(|byte| *byte == 0) {
            file.seek(SeekFrom::Current(i64::try_from(read)?))?;
        } else {
            file.write_all(&block[..read])?;
        }
    }
    ensure!(length == expected.bytes, "it is cut short after {length} of {} bytes", expected.bytes);
    ensure!(
        hex(&hasher.finalize()) == expected.sha256.to_lowercase(),
        "its checksum is wrong: it is damaged"
    );
    if let Some(file) = file {
        file.set_len(length)?;
        file.sync_all()?;
    }
    Ok(())
}

fn create(path: &Path) -> Result<File> {
    let making = || format!("making {}", path.display());
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).with_context(making)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path).with_context(making)
}

/// As much as fits, or all there is.
fn fill(reader: &mut impl Read, block: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < block.len() {
        match reader.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Synchronises a folder and those in it, so that names last as their files do.
pub fn settle(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            settle(&entry.path())?;
        }
    }
    File::open(folder)?.sync_all()
}
