//! Knowledge: ingest, embed, store, search.
//!
//! Files are cut into chunks (`chunk`), chunks become vectors by meaning (`embed`) and by words (`sparse`) that stand in a
//! `store`; a question is treated alike, and what is nearest by either (`fuse`) are its passages (`search`).
mod chunk;
mod config;
mod embed;
mod files;
mod fuse;
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
