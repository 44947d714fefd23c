//! Where vectors stand: one trait, an embedded store and a server behind it.
mod embedded;
mod server;

use std::path::PathBuf;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use voce_core::Passage;

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
    /// Chunks in all.
    fn count(&self) -> Reply<'_, usize>;
    /// Makes what was written durable and fast to search.
    fn settle(&self) -> Reply<'_, ()>;
}
