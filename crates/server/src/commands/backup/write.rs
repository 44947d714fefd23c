//! Writing an archive: whole or not at all.
use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write},
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};
use tar::{Builder, Header};
use tempfile::NamedTempFile;

use super::{
    hex,
    manifest::{self, Entry, Manifest, Part},
};

/// A folder and the files of it that are wanted.
pub struct Source<'a> {
    pub name: &'a str,
    pub folder: &'a Path,
    pub files: Vec<String>,
}

/// Writes them to `target`, which must not be there yet, readable by its owner only. Files have to stay as they are
/// meanwhile; one that does not makes this fail.
pub fn write(target: &Path, sources: &[Source<'_>]) -> Result<Manifest> {
    let place = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let there = || format!("{} is there already; choose another name, or remove it", target.display());
    ensure!(!target.exists(), there());
    let parts = sources.iter().map(measured).collect::<Result<Vec<_>>>()?;
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
    let mut hashed = Hashed::new(open(source, &entry.path)?.take(entry.bytes));
    archive.append(&header, &mut hashed).with_context(|| reading(source, &entry.path))?;
    if hashed.hash() != entry.sha256 {
        bail!("{} changed while it was read; try again", source.folder.join(&entry.path).display());
    }
    Ok(())
}

fn open(source: &Source<'_>, path: &str) -> Result<BufReader<File>> {
    Ok(BufReader::new(File::open(source.folder.join(path)).with_context(|| reading(source, path))?))
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
