//! Where vectors stand: one trait, an embedded store and a server behind it.
mod embedded;
mod server;

use std::{collections::BTreeMap, path::PathBuf};

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use voce_core::Passage;

use crate::sparse::{self, Sparse};

pub use embedded::{HeldCollection, hold as hold_collection, open as open_embedded};
pub(crate) use server::attach as attach_server;
pub use server::{open as open_server, remove as remove_server};

/// The name of the vector of meaning in a collection.
const DENSE: &str = "dense";
/// The name of the vector of words. Whoever changes what the words become (`sparse.rs`) gives it another number, so that
/// collections are brought up to date by the next ingestion.
const SPARSE: &str = "words-1";
/// The payload's key of a chunk's source.
const SOURCE: &str = "source";
/// The payload's key of a chunk's place in its source.
const CHUNK: &str = "chunk";
/// The payload's key of a chunk's tags as "key=value", for filters: as one list it needs one index, whatever the keys are.
const LABELS: &str = "labels";

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
    /// The collection was made by an earlier version.
    #[error(
        "the knowledge base {place} was made by an earlier version, which did not search by words; run `voce ingest` with \
         any of your documents once: it brings all of it up to date"
    )]
    Old {
        /// The folder, or the server's address and the collection.
        place: String,
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

impl Record {
    /// The record with its words, as ingestion makes them. For records that were stored without.
    fn with_words(self) -> Self {
        let Payload { heading, text, .. } = &self.payload;
        let words = if heading.is_empty() { text.clone() } else { format!("{heading}\n{text}") };
        Self { sparse: sparse::of_document(&words), ..self }
    }
}

impl Payload {
    /// As it is stored: with its labels.
    fn fields(&self) -> serde_json::Result<serde_json::Value> {
        let mut fields = serde_json::to_value(self)?;
        fields[LABELS] = labels(&self.tags).into();
        Ok(fields)
    }

    /// The passage for an answer.
    pub(crate) fn passage(self, score: f32) -> Passage {
        Passage { text: self.text, source: self.source, heading: self.heading, chunk: self.chunk, score }
    }
}

/// Tags as they are looked for.
fn labels(tags: &BTreeMap<String, String>) -> Vec<String> {
    tags.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

/// The record that is written last: while it is missing, its source counts as not stored. Chunk 0, of which there is one.
fn sealed(mut records: Vec<Record>) -> (Vec<Record>, Vec<Record>) {
    let seal = records.iter().position(|record| record.payload.chunk == 0);
    let seal = seal.map(|place| records.remove(place));
    (records, seal.into_iter().collect())
}

/// The hash that all of `seals` have; a source of which both the old and the new seal are there was not finished.
fn agreed(seals: Vec<Payload>) -> Option<String> {
    let mut hashes = seals.into_iter().map(|payload| payload.content_hash);
    let first = hashes.next()?;
    hashes.all(|hash| hash == first).then_some(first)
}

/// Adds a page of payloads to the sources that are known.
fn gather(sources: &mut BTreeMap<String, Source>, page: impl IntoIterator<Item = Payload>) {
    for payload in page {
        let source = sources.entry(payload.source.clone()).or_default();
        source.name = payload.source;
        source.chunks += 1;
        if source.chunks == 1 || payload.chunk == 0 {
            source.content_hash = payload.content_hash;
            source.tags = payload.tags;
        }
    }
}

/// Passages of a source in order, each place once.
fn in_order(mut found: Vec<Payload>) -> Vec<Passage> {
    found.sort_by_key(|payload| payload.chunk);
    found.dedup_by_key(|payload| payload.chunk);
    found.into_iter().map(|payload| payload.passage(0.0)).collect()
}

/// A collection of chunks. All methods are cheap to call from async code; blocking work is done elsewhere.
pub trait VectorStore: Send + Sync + 'static {
    /// Whose store, for traces: `qdrant-edge`, `qdrant`.
    fn provider(&self) -> &'static str;
    /// What the chunks were embedded with.
    fn contents(&self) -> Reply<'_, Contents>;
    /// The content hash under which `source` was stored, if it was: wholly, up to its last chunk.
    fn content_hash(&self, source: String) -> Reply<'_, Option<String>>;
    /// Puts `records`, all of `source` and numbered from 0, in the place of what was stored of it. Who searches meanwhile
    /// finds the old or the new ones. Cut short, the source counts as not stored. Durable after [`VectorStore::flush`].
    fn replace(&self, source: String, records: Vec<Record>) -> Reply<'_, ()>;
    /// The `limit` passages nearest in meaning with at least `min_score`, best first.
    fn search(&self, vector: Vec<f32>, limit: usize, min_score: f32) -> Reply<'_, Vec<Passage>> {
        self.query(Query { dense: vector, limit, min_score, ..Query::default() })
    }
    /// All sources, by name.
    fn sources(&self) -> Reply<'_, Vec<Source>>;
    /// Removes a source; the number of its chunks, 0 if there was none.
    fn remove(&self, source: String) -> Reply<'_, usize>;
    /// The chunks `first` to `last` (inclusive) of a source that are there, in order, with score 0.
    fn neighbours(&self, source: String, first: u32, last: u32) -> Reply<'_, Vec<Passage>>;
    /// Up to `limit` records with their vectors, after the one named `after` in the order of ids: for copies.
    fn records(&self, after: Option<uuid::Uuid>, limit: usize) -> Reply<'_, Vec<Record>>;
    /// The passages nearest in meaning and in words, fused by reciprocal ranks (`fuse.rs`), best first. `score` is the
    /// cosine similarity, 0 where only words are looked for.
    fn query(&self, query: Query) -> Reply<'_, Vec<Passage>>;
    /// Chunks in all.
    fn count(&self) -> Reply<'_, usize>;
    /// Makes what was written durable.
    fn flush(&self) -> Reply<'_, ()>;
    /// Makes what was written durable and fast to search.
    fn settle(&self) -> Reply<'_, ()>;
}
