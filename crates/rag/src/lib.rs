//! Knowledge: ingest, embed, store, search.
//!
//! Documents of any format become text (`documents`), which is cut into chunks (`chunk`); these become vectors by
//! meaning (`embed`) and by words (`sparse`) that stand in a `store`. A question is treated alike, and what is nearest by
//! either (`fuse`) are its passages (`search`).
mod chunk;
mod collection;
mod config;
mod device;
mod documents;
mod embed;
mod fetch;
mod files;
mod fuse;
mod ingest;
mod neighbours;
mod push;
mod rerank;
mod search;
mod sparse;
mod store;

/// What reads the documents of strangers, for the fuzz targets alone.
#[doc(hidden)]
pub mod strangers {
    pub use crate::{
        chunk::chunks_of,
        documents::{Document, Format, Raw},
    };
}

pub use chunk::{Chunk, chunks_of_markdown, chunks_of_text};
pub use collection::{Collection, open as open_collection};
pub use config::{Config, StoreKind};
pub use documents::{
    apart::{COMMAND as READ_PDF, serve as read_pdf},
    guard::THREAD as DOCUMENT_THREAD,
};
pub use embed::Embedder;
pub use ingest::{Failure, Outcome, Progress, Request, Step, Summary, ingest, ingest_with};
pub use push::{Pushed, copy, push};
pub use rerank::Reranker;
pub use search::{Loaded, build, build_all};
pub use sparse::{Sparse, of_document, of_question};
pub use store::{
    Contents, HeldCollection, Payload, Query, Record, Source, StoreError, VectorStore, hold_collection,
    open_embedded, open_server, remove_server,
};

/// The name of this engine in errors.
const ENGINE: &str = "knowledge";
