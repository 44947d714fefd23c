//! Writing an archive: whole or not at all.
//!
//! All files are read twice, first to know their checksums, then into the archive. If both passes and the list of files between
//! them agree, then what is in the archive is what all files were at one moment, that between the passes: so this is right
//! also for files that somebody has open, as far as their format survives its writer being killed at that moment.
use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use tar::{Builder, Header};
use tempfile::NamedTempFile;

use super::{
    hex,
    manifest::{self, Entry, Manifest, Part},
};

/// A folder and the files of it that are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    pub name: &'a str,
    pub folder: &'a Path,
    pub files: Vec<String>,
}

/// Something did not stay as it was.
#[derive(Debug, thiserror::Error)]
#[error("{0} changed while it was read; try again, or stop who writes to it")]
pub struct Changed(pub PathBuf);

/// Writes them to `target`, which must not be there yet, readable by its owner only. `listed` gives the same again, between
/// the two passes. Fails with [`Changed`] if files do not stay as they are meanwhile.
pub fn write<'a>(
    target: &Path,
    sources: &[Source<'a>],
    listed: impl FnOnce() -> Result<Vec<Source<'a>>>,
) -> Result<Manifest> {
    let place = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let there = || format!("{} is there already; choose another name, or remove it", target.display());
    ensure!(!target.exists(), there());
    let parts = sources.iter().map(measured).collect::<Result<Vec<_>>>()?;
    let again = listed()?;
    if let Some(source) = sources.iter().find(|source| !again.contains(source)) {
        return Err(Changed(source.folder.to_owned()).into());
    }
    let manifest = Manifest::new(parts);
    manifest.check()?;

    let writing = || format!("writing {}", target.display());
    let file = NamedTempFile::new_in(place).with_context(writing)?;
    let mut archive = Builder::new(GzEncoder::new(BufWriter::new(file), Compression::default()));
    let text = serde_json::to_vec_pretty(&manifest)?;
    archive.append(&header(manifest::NAME, text.len() as u64)?, &*text).with_context(writing)?;
    for (source, part) in sources.iter().zip(&manifest.parts) {
        for entry in &part.files {
            append(&mut archive, source, entry)?;
        }
    }
    let buffer = archive.into_inner().and_then(GzEncoder::finish).with_context(writing)?;
    let file = buffer.into_inner().map_err(io::IntoInnerError::into_error).with_context(writing)?;
    file.as_file().sync_all().with_context(writing)?;
    file.persist_noclobber(target).map_err(|error| match error.error.kind() {
        io::ErrorKind::AlreadyExists => anyhow::anyhow!(there()),
        _ => anyhow::Error::from(error.error).context(writing()),
    })?;
    File::open(place).and_then(|folder| folder.sync_all()).with_context(writing)?;
    Ok(manifest)
}

fn measured(source: &Source<'_>) -> Result<Part> {
    let files = source.files.iter().map(|path| {
        let mut hashed = Hashed::new(open(source, path)?);
        let bytes = io::copy(&mut hashed, &mut io::sink()).with_context(|| reading(source, path))?;
        Ok(Entry { path: path.clone(), bytes, sha256: hashed.hash() })
    });
    Ok(Part { name: source.name.to_owned(), files: files.collect::<Result<_>>()? })
}

fn append(archive: &mut Builder<impl Write>, source: &Source<'_>, entry: &Entry) -> Result<()> {
    let header = header(&manifest::name_of(source.name, &entry.path), entry.bytes)?;
    let mut file = open(source, &entry.path)?;
    let mut hashed = Hashed::new((&mut file).take(entry.bytes));
    archive.append(&header, &mut hashed).with_context(|| reading(source, &entry.path))?;
    let is_same = hashed.hash() == entry.sha256;
    let more = file.read(&mut [0]).with_context(|| reading(source, &entry.path))?;
    if !is_same || more > 0 {
        return Err(Changed(source.folder.join(&entry.path)).into());
    }
    Ok(())
}

/// A file that is listed and not there has gone since.
fn open(source: &Source<'_>, path: &str) -> Result<BufReader<File>> {
    let path = source.folder.join(path);
    match File::open(&path) {
        Ok(file) => Ok(BufReader::new(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Changed(path).into()),
        Err(error) => Err(error).with_context(|| format!("reading {}", path.display())),
    }
}

fn reading(source: &Source<'_>, path: &str) -> String {
    format!("reading {}", source.folder.join(path).display())
}

/// Of a file: name and length alone, so that the same files give the same archive.
fn header(name: &str, bytes: u64) -> Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(name).with_context(|| format!("{name:?} is too long a name for an archive"))?;
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_mtime(0);
    header.set_cksum();
    Ok(header)
}

/// What is read through it is hashed.
struct Hashed<R> {
    reader: R,
    hasher: Sha256,
}

impl<R> Hashed<R> {
    fn new(reader: R) -> Self {
        Self { reader, hasher: Sha256::new() }
    }

    fn hash(self) -> String {
        hex(&self.hasher.finalize())
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Backs up a folder with one file, while `meanwhile` happens between the two passes.
    fn with(meanwhile: impl FnOnce(&Path)) -> Result<Manifest> {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("data");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a"), "before").unwrap();
        let source = |files: &[&str]| Source {
            name: "memory",
            folder: &folder,
            files: files.iter().map(ToString::to_string).collect(),
        };
        let outcome = write(&place.path().join("out.tar.gz"), &[source(&["a"])], || {
            meanwhile(&folder);
            let there: Vec<_> = fs::read_dir(&folder)?.map(|entry| entry.unwrap().file_name()).collect();
            Ok(vec![source(&there.iter().filter_map(|name| name.to_str()).collect::<Vec<_>>())])
        });
        assert_eq!(place.path().join("out.tar.gz").exists(), outcome.is_ok());
        outcome
    }

    #[test]
    fn what_changes_meanwhile_is_no_backup() {
        assert_eq!(with(|_| ()).unwrap().files(), 1);
        let changes: [fn(&Path); 5] = [
            |folder| fs::write(folder.join("a"), "behind").unwrap(),
            |folder| fs::write(folder.join("a"), "before and more").unwrap(),
            |folder| fs::write(folder.join("a"), "be").unwrap(),
            |folder| fs::write(folder.join("b"), "new").unwrap(),
            |folder| fs::remove_file(folder.join("a")).unwrap(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let error = with(change).unwrap_err();
            assert!(error.is::<Changed>(), "change {number}: {error:#}");
        }
    }
}
