//! Knowledge: ingest, embed, store, search.
