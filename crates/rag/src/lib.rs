//! Knowledge: ingest, embed, store, search.
//!
//! Files are cut into chunks (`chunk`), chunks become vectors (`embed`) that stand in a `store`; a question is
//! embedded alike and the nearest chunks are its passages (`search`). Dense vectors only; the collections name
//! theirs, so that a sparse one can stand beside it.
mod chunk;
mod config;
mod embed;
mod files;
mod ingest;
mod search;
mod sparse;
mod store;

pub use chunk::{Chunk, chunks_of_markdown, chunks_of_text};
pub use config::{Config, StoreKind};
pub use embed::Embedder;
pub use ingest::{Failure, Outcome, Progress, Summary, ingest};
pub use search::{build, build_all};
pub use sparse::Sparse;
pub use store::{
    Contents, Payload, Query, Record, Source, StoreError, VectorStore, open_embedded, open_server,
    remove_server,
};

/// The name of this engine in errors.
const ENGINE: &str = "knowledge";
