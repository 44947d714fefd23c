//! The collection that a configuration names: to look at, or to be filled.
use std::sync::Arc;

use voce_core::EngineError;

use crate::{
    ENGINE, Embedder,
    config::{Config, StoreKind},
    ingest::blocking,
    search::api_key,
    store::{Contents, StoreError, VectorStore, open_embedded, open_server, remove_server},
};

/// A collection that is there.
pub struct Collection {
    /// Where it stands.
    pub store: Arc<dyn VectorStore>,
    /// What it was made with.
    pub contents: Contents,
}

/// The collection that `config` names, if there is one.
pub async fn open(config: &Config) -> Result<Option<Collection>, EngineError> {
    let Some(store) = reach(config, None).await? else { return Ok(None) };
    let contents = store.contents().await.map_err(failed)?;
    Ok(Some(Collection { store, contents }))
}

/// The store to be filled, emptied if another model filled it: its vectors mean nothing to this one. The model's name, if
/// so.
pub async fn open_for(
    config: &Config,
    embedder: &Embedder,
) -> Result<(Arc<dyn VectorStore>, Option<String>), EngineError> {
    let store = make(config, embedder.dimension()).await?;
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
    Ok((make(config, embedder.dimension()).await?, Some(contents.model)))
}

/// The store of `config`, made if it is not there.
pub async fn make(config: &Config, dimension: usize) -> Result<Arc<dyn VectorStore>, EngineError> {
    let off = "knowledge.store is \"none\"; set it to \"embedded\" or \"qdrant\" to ingest documents";
    reach(config, Some(dimension)).await?.ok_or_else(|| EngineError::load(ENGINE, off))
}

async fn reach(
    config: &Config,
    dimension: Option<usize>,
) -> Result<Option<Arc<dyn VectorStore>>, EngineError> {
    match config.store {
        StoreKind::None => Ok(None),
        StoreKind::Qdrant => {
            open_server(&config.url, api_key(), &config.collection, dimension).await.map_err(failed)
        }
        StoreKind::Embedded => {
            let folder = config.folder().join(&config.collection);
            blocking(move || open_embedded(&folder, dimension)).await?.map_err(failed)
        }
    }
}

fn failed(error: StoreError) -> EngineError {
    EngineError::run(ENGINE, error)
}
