//! Files into the store. What has not changed is left alone; what cannot be read is reported and left out.
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use uuid::Uuid;
use voce_core::EngineError;
use voce_models::Store;

use crate::{
    ENGINE, Embedder,
    config::{Config, StoreKind},
    files::{self, Document, hash},
    search::api_key,
    sparse,
    store::{Payload, Record, StoreError, VectorStore, open_embedded, open_server, remove_server},
};

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was not in the store; now so many chunks of it are.
    Added(usize),
    /// Its chunks were replaced by so many.
    Replaced(usize),
    /// It is in the store as it stands.
    Unchanged,
    /// It was left out, for this reason.
    Failed(String),
}

/// One file is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Files done, this one included.
    pub done: usize,
    /// Files in all.
    pub total: usize,
    /// This file.
    pub path: PathBuf,
    /// What became of it.
    pub outcome: Outcome,
}

/// A file or folder that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// What an ingestion did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files that are new in the store.
    pub added: usize,
    /// Files whose chunks were replaced.
    pub replaced: usize,
    /// Files that were there already.
    pub unchanged: usize,
    /// Files and folders that were left out.
    pub failed: Vec<Failure>,
    /// Chunks that were written.
    pub chunks_written: usize,
    /// Chunks in the store now.
    pub chunks_in_all: usize,
    /// Where the knowledge base is.
    pub place: String,
    /// The model that an older knowledge base was made with, which was emptied because of it.
    pub emptied_of: Option<String>,
}

/// Brings `paths` (text and Markdown files, and folders of them) into the store that `config` names.
///
/// A path as written is the source's name, so the same folder should be named the same way each time. `progress` hears
/// of every file. Fails as a whole only if the store or the model cannot be used.
pub async fn ingest(
    config: &Config,
    models: &Store,
    paths: &[PathBuf],
    mut progress: impl FnMut(Progress),
) -> Result<Summary, EngineError> {
    let embedder = load(config, models).await?;
    let (store, emptied_of) = open(config, &embedder).await?;
    let (files, unusable) = files::list(paths);
    let mut summary = Summary { place: config.place(), emptied_of, ..Summary::default() };
    summary.failed = unusable.into_iter().map(|(path, reason)| Failure { path, reason }).collect();
    let total = files.len();
    for (place, path) in files.into_iter().enumerate() {
        let outcome = file(&path, &*store, &embedder).await?;
        match &outcome {
            Outcome::Added(chunks) => {
                summary.added += 1;
                summary.chunks_written += chunks;
            }
            Outcome::Replaced(chunks) => {
                summary.replaced += 1;
                summary.chunks_written += chunks;
            }
            Outcome::Unchanged => summary.unchanged += 1,
            Outcome::Failed(reason) => {
                summary.failed.push(Failure { path: path.clone(), reason: reason.clone() });
            }
        }
        progress(Progress { done: place + 1, total, path, outcome });
    }
    store.settle().await.map_err(failed)?;
    summary.chunks_in_all = store.count().await.map_err(failed)?;
    Ok(summary)
}

async fn load(config: &Config, models: &Store) -> Result<Arc<Embedder>, EngineError> {
    let (config, models) = (config.clone(), models.clone());
    blocking(move || crate::search::load_embedder(&config, &models)).await?
}

/// The store, emptied if another model filled it: its vectors mean nothing to this one.
async fn open(
    config: &Config,
    embedder: &Embedder,
) -> Result<(Arc<dyn VectorStore>, Option<String>), EngineError> {
    let store = open_or_make(config, embedder.dimension()).await?;
    let contents = store.contents().await.map_err(failed)?;
    let same_model = contents.model.is_empty() || contents.model == embedder.name();
    if same_model && contents.dimension == embedder.dimension() {
        return Ok((store, None));
    }
    drop(store);
    match config.store {
        StoreKind::Qdrant => {
            remove_server(&config.url, api_key(), &config.collection).await.map_err(failed)?;
        }
        _ => {
            let folder = config.folder().join(&config.collection);
            let removed = blocking(move || std::fs::remove_dir_all(folder)).await?;
            removed.map_err(|error| {
                EngineError::run(ENGINE, format!("cannot empty {}: {error}", config.place()))
            })?;
        }
    }
    Ok((open_or_make(config, embedder.dimension()).await?, Some(contents.model)))
}

async fn open_or_make(config: &Config, dimension: usize) -> Result<Arc<dyn VectorStore>, EngineError> {
    let opened = match config.store {
        StoreKind::None => None,
        StoreKind::Qdrant => {
            open_server(&config.url, api_key(), &config.collection, Some(dimension)).await.map_err(failed)?
        }
        StoreKind::Embedded => {
            let folder = config.folder().join(&config.collection);
            blocking(move || open_embedded(&folder, Some(dimension))).await?.map_err(failed)?
        }
    };
    let off = "knowledge.store is \"none\"; set it to \"embedded\" or \"qdrant\" to ingest documents";
    opened.ok_or_else(|| EngineError::load(ENGINE, off))
}

/// Brings one file in. An error is one of the store or the model, not of the file.
async fn file(
    path: &Path,
    store: &dyn VectorStore,
    embedder: &Arc<Embedder>,
) -> Result<Outcome, EngineError> {
    let source = path.to_string_lossy().trim_start_matches("./").to_owned();
    let owned = path.to_owned();
    let document = match blocking(move || Document::read(&owned)).await? {
        Ok(document) => document,
        Err(reason) => return Ok(Outcome::Failed(reason)),
    };
    let stored = store.content_hash(source.clone()).await.map_err(failed)?;
    if stored.as_ref() == Some(&document.content_hash) {
        return Ok(Outcome::Unchanged);
    }
    let (name, embedder) = (source.clone(), embedder.clone());
    let records = blocking(move || records(&document, &name, &embedder)).await??;
    let written = records.len();
    store.replace(source, records).await.map_err(failed)?;
    Ok(match (stored, written) {
        (_, 0) => Outcome::Failed("it holds no text".into()),
        (None, _) => Outcome::Added(written),
        (Some(_), _) => Outcome::Replaced(written),
    })
}

fn records(document: &Document, source: &str, embedder: &Embedder) -> Result<Vec<Record>, EngineError> {
    let chunks = document.chunks();
    let records = chunks.into_iter().zip(0..).map(|(chunk, place)| {
        let chunk_hash = hash(&[chunk.heading.as_bytes(), chunk.text.as_bytes()]);
        let identity = format!("{source}\n{chunk_hash}");
        Ok(Record {
            id: Uuid::new_v5(&Uuid::NAMESPACE_URL, identity.as_bytes()),
            vector: embedder.embed(&chunk.embedded_text())?,
            sparse: sparse::of_document(&chunk.embedded_text()),
            payload: Payload {
                text: chunk.text,
                source: source.to_owned(),
                heading: chunk.heading,
                chunk: place,
                content_hash: document.content_hash.clone(),
                model: embedder.name().to_owned(),
                tags: Default::default(),
            },
        })
    });
    records.collect()
}

fn failed(error: StoreError) -> EngineError {
    EngineError::run(ENGINE, error)
}

/// Runs `work` on a blocking thread.
async fn blocking<T, F>(work: F) -> Result<T, EngineError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => Ok(value),
        Err(join) if join.is_panic() => std::panic::resume_unwind(join.into_panic()),
        Err(_) => Err(EngineError::run(ENGINE, "the process is ending")),
    }
}
