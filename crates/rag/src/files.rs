//! Which files and addresses a list of names means, and what stands in a file.
use std::{
    collections::HashSet,
    fs::File,
    io::Read,
    path::{Component, Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::documents::{Format, KNOWN, Raw};

/// Something to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// A page.
    Page(reqwest::Url),
}

impl Origin {
    /// The name of what is read, as a source in the store.
    pub fn source(&self) -> String {
        match self {
            Self::File(path) => path.to_string_lossy().into_owned(),
            Self::Page(url) => url.to_string(),
        }
    }
}

/// A name that leads to nothing to read: it and the reason.
pub type Unusable = (PathBuf, String);

/// What a list of names means.
#[derive(Debug, Default)]
pub struct Listing {
    /// What is to be read, in order, each once.
    pub origins: Vec<Origin>,
    /// What cannot be.
    pub unusable: Vec<Unusable>,
    /// The folders among the names.
    pub folders: Vec<PathBuf>,
}

/// Addresses and files as they are, and of folders all documents below.
pub fn list(names: &[PathBuf]) -> Listing {
    let mut listing = Listing::default();
    for name in names {
        if let Some(url) = name.to_str().filter(|name| is_address(name)) {
            match address(url) {
                Ok(url) => listing.origins.push(Origin::Page(url)),
                Err(reason) => listing.unusable.push((name.clone(), reason)),
            }
            continue;
        }
        let path = tidy(name);
        if !path.is_dir() {
            listing.origins.push(Origin::File(path));
            continue;
        }
        let (mut files, mut unusable) = (vec![], vec![]);
        walk(&path, &mut files, &mut unusable);
        files.sort();
        if files.is_empty() && unusable.is_empty() {
            unusable.push((path.clone(), format!("the folder holds no {KNOWN} file")));
        }
        listing.origins.extend(files.into_iter().map(|file| Origin::File(tidy(&file))));
        listing.unusable.extend(unusable);
        listing.folders.push(path);
    }
    let mut seen = HashSet::new();
    listing.origins.retain(|origin| seen.insert(origin.source()));
    listing
}

impl Listing {
    /// Those of `sources` that are files below the folders of this list and are there no more.
    pub fn gone(&self, sources: impl IntoIterator<Item = String>) -> Vec<String> {
        let is_gone = |source: &String| {
            let path = Path::new(source);
            !is_address(source)
                && self.folders.iter().any(|folder| is_below(path, folder))
                && matches!(path.try_exists(), Ok(false))
        };
        sources.into_iter().filter(is_gone).collect()
    }
}

fn is_below(path: &Path, folder: &Path) -> bool {
    if folder == Path::new(".") {
        return path.is_relative() && !path.starts_with("..");
    }
    path.starts_with(folder)
}

/// Whether a name is an address and no path.
fn is_address(name: &str) -> bool {
    let scheme = name.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        !scheme.is_empty() && scheme.chars().all(|letter| letter.is_ascii_alphanumeric())
    })
}

fn address(name: &str) -> Result<reqwest::Url, String> {
    let mut url = reqwest::Url::parse(name).map_err(|error| format!("it is no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("only http and https addresses can be read, not {}", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address with a password in it would stand in answers; leave it out".into());
    }
    url.set_fragment(None);
    Ok(url)
}

/// The same path without what only looks different: `./a//b/` is `a/b`.
fn tidy(path: &Path) -> PathBuf {
    let tidy: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    if tidy.as_os_str().is_empty() { PathBuf::from(".") } else { tidy }
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>, unusable: &mut Vec<Unusable>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return unusable.push((folder.to_owned(), error.to_string())),
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        // The type of the entry itself, so that a link to a folder above is not followed for ever.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&path, files, unusable);
        } else if Format::of_name(&path).is_some() {
            files.push(path);
        }
    }
}

/// Reads a file of up to `most` bytes. The error says why it cannot be used.
pub fn read(path: &Path, most: u64) -> Result<Raw, String> {
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    // A pipe or a device might never end.
    if !about.is_file() {
        return Err("it is no file".into());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > most {
        return Err(too_large(most));
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().replace(['_', '-'], " ");
    Ok(Raw { bytes, format: Format::of_name(path), charset: None, stem })
}

/// Why something with more than `most` bytes cannot be used.
pub fn too_large(most: u64) -> String {
    format!("it is larger than {most} bytes; split it, or raise knowledge.max_file_bytes")
}

/// SHA-256 over all parts, hexadecimal.
pub fn hash(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        // The length keeps ("ab", "c") apart from ("a", "bc").
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_addresses_files_or_folders() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("sub/.hidden")).unwrap();
        for name in ["b.md", "a.PDF", "c.png", "sub/d.csv", "sub/.hidden/e.md"] {
            std::fs::write(at(name), "x").unwrap();
        }
        let names = [
            folder.path().join("./"),
            at("b.md"),
            at("c.png"),
            PathBuf::from("https://example.org/a#part"),
            PathBuf::from("ftp://example.org/a"),
            PathBuf::from("https://user:pass@example.org/a"),
        ];
        let listing = list(&names);
        let sources: Vec<String> = listing.origins.iter().map(Origin::source).collect();
        let expected = ["a.PDF", "b.md", "sub/d.csv", "c.png"].map(|name| at(name).display().to_string());
        assert_eq!(sources[..4], expected);
        assert_eq!(sources[4..], ["https://example.org/a"]);
        let reasons: Vec<&str> = listing.unusable.iter().map(|(_, reason)| reason.as_str()).collect();
        assert!(reasons[0].contains("not ftp") && reasons[1].contains("password"), "{reasons:?}");
    }

    #[test]
    fn only_files_below_the_named_folders_are_gone() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("there.md"), "x").unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let listing = list(&[folder.path().to_owned()]);
        let other = format!("{}-other/gone.md", folder.path().display());
        let sources = [at("there.md"), at("gone.md"), other, "https://example.org/".into(), "gone.md".into()];
        assert_eq!(listing.gone(sources), [at("gone.md")]);
        assert!(
            is_below(Path::new("a/b.md"), Path::new(".")) && !is_below(Path::new("/a/b.md"), Path::new("."))
        );
        assert_eq!(tidy(Path::new("./a//b/")), Path::new("a/b"));
        assert_eq!(tidy(Path::new("./")), Path::new("."));
    }

    #[test]
    fn what_is_too_large_or_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("price_list.md");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read(&path, 5).unwrap().stem, "price list");
        assert!(read(&path, 4).unwrap_err().contains("larger than 4 bytes"));
        assert!(read(folder.path(), 4).unwrap_err().contains("no file"));
    }
}
