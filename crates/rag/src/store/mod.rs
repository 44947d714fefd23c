//! Where vectors stand: one trait, an embedded store and a server behind it.
mod embedded;
mod server;

use std::{collections::BTreeMap, path::PathBuf};

use futures_util::{FutureExt, future::BoxFuture};
use serde::{Deserialize, Serialize};
use voce_core::Passage;

use crate::sparse::Sparse;

pub use embedded::open as open_embedded;
pub(crate) use server::attach as attach_server;
pub use server::{open as open_server, remove as remove_server};

/// The vector's name in a collection. Named, so that a sparse one can stand beside it.
const DENSE: &str = "dense";
/// The payload's key of a chunk's source.
const SOURCE: &str = "source";

/// Why a store did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the folder.
    #[error(
        "the knowledge base in {path} is in use by another process; stop it (`voce serve` holds the knowledge base \
         while it runs), or use a Qdrant server for both: knowledge.store = \"qdrant\""
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The folder or its files cannot be used.
    #[error("the knowledge base in {path} cannot be used: {reason}")]
    Broken {
        /// The folder.
        path: PathBuf,
        /// What failed.
        reason: String,
    },
    /// The server did not do as it was asked.
    #[error("the Qdrant server at {url} failed: {reason}")]
    Server {
        /// Its address.
        url: String,
        /// What it said, and what to do.
        reason: String,
    },
    /// The work was not done, as the process ends.
    #[error("the process is ending")]
    Ending,
}

/// What a store gives back.
pub type Reply<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// What the chunks of a collection were embedded with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The embedding model; empty while there is no chunk.
    pub model: String,
    /// Numbers in a vector.
    pub dimension: usize,
}

/// One chunk as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its identity: the same chunk of the same source has the same.
    pub id: uuid::Uuid,
    /// Its vector, of length one.
    pub vector: Vec<f32>,
    /// Its words.
    pub sparse: Sparse,
    /// All else.
    pub payload: Payload,
}

/// What is stored beside a vector.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Payload {
    /// The passage.
    pub text: String,
    /// The file it comes from.
    pub source: String,
    /// The headings above it.
    pub heading: String,
    /// Its place in the source, from 0.
    pub chunk: u32,
    /// Hash of the whole source.
    pub content_hash: String,
    /// The embedding model.
    pub model: String,
    /// What the operator said of the source (`--tag language=en`, or a document's front matter), for filters.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A source in a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Its name: the file or address it was ingested from.
    pub name: String,
    /// Its chunks.
    pub chunks: usize,
    /// Hash of the whole source.
    pub content_hash: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// The question's vector; empty: words alone are looked for.
    pub dense: Vec<f32>,
    /// The question's words; empty: the vector alone is looked for.
    pub sparse: Sparse,
    /// Tags that a passage must have, all of them.
    pub tags: BTreeMap<String, String>,
    /// Passages at most.
    pub limit: usize,
    /// Cosine similarity, -1 to 1, below which a passage that has only that for it counts as unrelated.
    pub min_score: f32,
}

impl Payload {
    /// The passage for an answer.
    fn passage(self, score: f32) -> Passage {
        Passage { text: self.text, source: self.source, heading: self.heading, chunk: self.chunk, score }
    }
}

/// A collection of chunks. All methods are cheap to call from async code; blocking work is done elsewhere.
pub trait VectorStore: Send + Sync + 'static {
    /// Whose store, for traces: `qdrant-edge`, `qdrant`.
    fn provider(&self) -> &'static str;
    /// What the chunks were embedded with.
    fn contents(&self) -> Reply<'_, Contents>;
    /// The content hash under which `source` was stored, if it was.
    fn content_hash(&self, source: String) -> Reply<'_, Option<String>>;
    /// Puts `records`, all of `source`, in the place of what was stored of it.
    fn replace(&self, source: String, records: Vec<Record>) -> Reply<'_, ()>;
    /// The `limit` nearest passages with at least `min_score`, best first.
    fn search(&self, vector: Vec<f32>, limit: usize, min_score: f32) -> Reply<'_, Vec<Passage>>;
    /// All sources, by name.
    fn sources(&self) -> Reply<'_, Vec<Source>> {
        async { Err(StoreError::Ending) }.boxed()
    }
    /// Removes a source; the number of its chunks, 0 if there was none.
    fn remove(&self, source: String) -> Reply<'_, usize> {
        let _ = source;
        async { Err(StoreError::Ending) }.boxed()
    }
    /// The chunks `first` to `last` (inclusive) of a source that are there, in order, with score 0.
    fn neighbours(&self, source: String, first: u32, last: u32) -> Reply<'_, Vec<Passage>> {
        let _ = (source, first, last);
        async { Err(StoreError::Ending) }.boxed()
    }
    /// Up to `limit` records with their vectors, after the one named `after` in the order of ids: for copies.
    fn records(&self, after: Option<uuid::Uuid>, limit: usize) -> Reply<'_, Vec<Record>> {
        let _ = (after, limit);
        async { Err(StoreError::Ending) }.boxed()
    }
    /// The passages nearest in meaning and in words, fused by reciprocal ranks, best first. `score` is the cosine
    /// similarity.
    fn query(&self, query: Query) -> Reply<'_, Vec<Passage>> {
        let _ = query;
        async { Err(StoreError::Ending) }.boxed()
    }
    /// Chunks in all.
    fn count(&self) -> Reply<'_, usize>;
    /// Makes what was written durable and fast to search.
    fn settle(&self) -> Reply<'_, ()>;
}
