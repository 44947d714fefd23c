//! Which files a list of paths means, and what stands in them.
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::chunk::{CHUNKING, Chunk, chunks_of_markdown, chunks_of_text};

/// Names of Markdown files end so.
const MARKDOWN: &[&str] = &["md", "markdown"];
/// Names of plain texts that are taken from folders end so. A file that is named itself may end as it likes.
const TEXT: &[&str] = &["txt", "text"];

/// A document, read and hashed, not yet cut.
#[derive(Debug)]
pub struct Document {
    text: String,
    is_markdown: bool,
    /// SHA-256 of the content and of the way it is cut, hexadecimal.
    pub content_hash: String,
}

impl Document {
    /// Reads `path`. The error says why it cannot be used.
    pub fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        let content_hash = hash(&[CHUNKING.as_bytes(), &bytes]);
        let text = String::from_utf8(bytes).map_err(|error| {
            format!("it is not UTF-8 text (byte {}); save it as UTF-8", error.utf8_error().valid_up_to())
        })?;
        if text.contains('\0') {
            return Err("it is not a text file".into());
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned();
        Ok(Self { text, is_markdown: has_ending(path, MARKDOWN), content_hash })
    }

    /// Cuts it.
    pub fn chunks(&self) -> Vec<Chunk> {
        if self.is_markdown { chunks_of_markdown(&self.text) } else { chunks_of_text(&self.text) }
    }
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

/// A path that leads to no file: it and the reason.
pub type Unusable = (PathBuf, String);

/// The files that `paths` mean: files as they are, and of folders all Markdown and text files below, in order.
pub fn list(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<Unusable>) {
    let (mut files, mut unusable) = (Vec::new(), Vec::new());
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let before = files.len();
        walk(path, &mut files, &mut unusable);
        files[before..].sort();
        if files.len() == before {
            unusable.push((path.clone(), "the folder holds no .md or .txt file".into()));
        }
    }
    let mut seen = std::collections::HashSet::new();
    files.retain(|file| seen.insert(file.clone()));
    (files, unusable)
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
        } else if has_ending(&path, MARKDOWN) || has_ending(&path, TEXT) {
            files.push(path);
        }
    }
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| endings.contains(&ending.as_str()))
}
