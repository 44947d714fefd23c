//! One origin up to its chunks, or the reason why not.
use std::{collections::BTreeMap, path::PathBuf};

use voce_core::EngineError;

use super::{Outcome, Request, blocking, failed};
use crate::{
    chunk::{CHUNKING, Chunk, chunks_of},
    documents::{Document, Raw, apart, guard},
    fetch::{self, Limits},
    files::{self, Origin, hash},
    store::VectorStore,
};

/// A document that has to be written.
#[derive(Debug)]
pub struct Fresh {
    /// The name of the source.
    pub source: String,
    /// Hash of all that its chunks depend on.
    pub content_hash: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What it was cut into.
    pub chunks: Vec<Chunk>,
    /// Whether another state of it is in the store.
    pub is_stored: bool,
}

/// What was read.
#[derive(Debug)]
pub enum Read {
    /// Nothing is to be written.
    Settled(PathBuf, Outcome),
    /// It has to be.
    Fresh(Fresh),
}

/// Reads `origin`, as far as it is not in `store` as it stands. An error is one of the store.
pub async fn read(
    origin: Origin,
    request: &Request,
    limits: Limits,
    store: Option<&dyn VectorStore>,
) -> Result<Read, EngineError> {
    let source = origin.source();
    let settled = |outcome| Ok(Read::Settled(PathBuf::from(&source), outcome));
    let raw = match origin {
        Origin::File(path) => blocking(move || files::read(&path, limits.most)).await?,
        Origin::Page(url) => fetch::fetch(&url, limits).await,
    };
    let raw = match raw {
        Ok(raw) => raw,
        Err(reason) => return settled(Outcome::Failed(reason)),
    };
    let content_hash = content_hash(&raw, &request.tags);
    let stored = match store {
        Some(store) => store.content_hash(source.clone()).await.map_err(failed)?,
        None => None,
    };
    if stored.as_ref() == Some(&content_hash) {
        return settled(Outcome::Unchanged);
    }
    let (given, reader) = (request.tags.clone(), request.reader.clone());
    let cut = move || {
        guard::run(move || {
            let document = match reader {
                Some(reader) if Document::is_pdf(&raw) => {
                    Document { text: apart::read(&reader, raw.bytes)?, ..Document::default() }
                }
                _ => Document::read(&raw)?,
            };
            let chunks = chunks_of(&document);
            let mut tags = document.tags;
            tags.extend(given);
            Ok((tags, chunks))
        })
    };
    match blocking(cut).await? {
        Err(reason) => settled(Outcome::Failed(reason)),
        Ok((_, chunks)) if chunks.is_empty() => {
            // What it held before is not what it holds now.
            if let (Some(store), true) = (store, stored.is_some()) {
                store.remove(source.clone()).await.map_err(failed)?;
            }
            settled(Outcome::Failed("it holds no text".into()))
        }
        Ok((tags, chunks)) => {
            Ok(Read::Fresh(Fresh { source, content_hash, tags, chunks, is_stored: stored.is_some() }))
        }
    }
}

fn content_hash(raw: &Raw, tags: &BTreeMap<String, String>) -> String {
    let about = format!("{CHUNKING} {:?} {:?} {tags:?}", raw.format, raw.charset);
    hash(&[about.as_bytes(), raw.stem.as_bytes(), &raw.bytes])
}
