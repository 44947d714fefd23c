//! Questions to passages.
use std::sync::Arc;

use futures_util::{FutureExt, future::BoxFuture};
use tracing::{Instrument, info_span, warn};
use voce_core::{EngineError, Knowledge, ModelCard, Passage};
use voce_models::{Device, Store};

use crate::{
    ENGINE, Embedder,
    config::{Config, StoreKind},
    sparse,
    store::{Query, StoreError, VectorStore, attach_server, open_embedded, open_server},
};

/// Loads the knowledge base that `config` names; `None` if it names none. Blocking.
///
/// Without anything ingested every search is empty, and a warning says what to do.
pub fn build(config: &Config, models: &Store) -> Result<Option<Arc<dyn Knowledge>>, EngineError> {
    Ok(build_all(&[config], models)?.pop().flatten())
}

/// As [`build`], one for each configuration, in their order. What differs by `min_score` alone shares its store, which one
/// process can open but once; what has the same embedding model shares that.
pub fn build_all(
    configs: &[&Config],
    models: &Store,
) -> Result<Vec<Option<Arc<dyn Knowledge>>>, EngineError> {
    let mut loaded: Vec<(&Config, Arc<Search>)> = vec![];
    let mut all: Vec<Option<Arc<dyn Knowledge>>> = vec![];
    for config in configs {
        if config.store == StoreKind::None {
            all.push(None);
            continue;
        }
        let same = loaded.iter().find(|(other, _)| other == config).map(|(_, search)| search.clone());
        let search = match same {
            Some(search) => search,
            None => {
                let search = Arc::new(load(config, &loaded, models)?);
                loaded.push((config, search.clone()));
                search
            }
        };
        all.push(Some(search));
    }
    Ok(all)
}

/// A search of its own, with as much of those that are there as it can have.
fn load(config: &Config, loaded: &[(&Config, Arc<Search>)], models: &Store) -> Result<Search, EngineError> {
    let has_same_store = |other: &Config| *config == Config { min_score: config.min_score, ..other.clone() };
    if let Some((_, search)) = loaded.iter().find(|(other, _)| has_same_store(other)) {
        return Ok(Search { min_score: config.min_score, ..Search::clone(search) });
    }
    let embeds_alike = |other: &Config| {
        (&config.model, config.device, config.threads) == (&other.model, other.device, other.threads)
    };
    let embedder = match loaded.iter().find(|(other, _)| embeds_alike(other)) {
        Some((_, search)) => search.embedder.clone(),
        None => load_embedder(config, models)?,
    };
    let store = open(config, &embedder)?;
    let provider = match (&store, config.store) {
        (Some(store), _) => store.provider(),
        (None, StoreKind::Qdrant) => "qdrant",
        (None, _) => "qdrant-edge",
    };
    let device = if config.store == StoreKind::Qdrant { config.url.clone() } else { "cpu".into() };
    let card = ModelCard { provider: provider.into(), name: embedder.name().to_owned(), device };
    let collection = config.collection.clone();
    Ok(Search { card, embedder, store, collection, min_score: config.min_score })
}

/// The embedding model on the device that `config` wants.
pub fn load_embedder(config: &Config, models: &Store) -> Result<Arc<Embedder>, EngineError> {
    if config.device == Device::Cuda {
        let reason =
            "this build computes embeddings on the CPU only; set knowledge.device to \"auto\" or \"cpu\"";
        return Err(EngineError::load(ENGINE, reason));
    }
    Embedder::load(models, &config.model, config.threads).map(Arc::new)
}

/// The key for a Qdrant server. From the environment only, so that it stands in no file.
pub fn api_key() -> Option<String> {
    std::env::var("QDRANT_API_KEY").ok().filter(|key| !key.is_empty())
}

/// The store, if anything was ever ingested.
fn open(config: &Config, embedder: &Embedder) -> Result<Option<Arc<dyn VectorStore>>, EngineError> {
    let (config, place) = (config.clone(), config.place());
    let load = |error: StoreError| EngineError::load(ENGINE, error);
    // A thread and a small runtime of its own: this function is called from inside runtimes and outside.
    let opened = std::thread::scope(|scope| {
        let opening = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(|error| EngineError::load(ENGINE, error))?;
            runtime.block_on(async {
                let Some(store) = reach(&config).await.map_err(load)? else { return Ok(None) };
                let contents = store.contents().await.map_err(load)?;
                Ok(Some((contents, store)))
            })
        });
        opening.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    let Some((contents, store)) = opened.filter(|(contents, _)| !contents.model.is_empty()) else {
        warn!(%place, "the knowledge base is empty: nothing will be found; fill it with `voce ingest FILES`");
        return Ok(None);
    };
    if contents.model != embedder.name() || contents.dimension != embedder.dimension() {
        let reason = format!(
            "the knowledge base {place} was made with the embedding model {} ({} numbers), but knowledge.model is {} \
             ({}); run `voce ingest` with your documents again, or set knowledge.model back",
            contents.model,
            contents.dimension,
            embedder.name(),
            embedder.dimension(),
        );
        return Err(EngineError::load(ENGINE, reason));
    }
    match config.store {
        StoreKind::Qdrant => attach_server(&config.url, api_key(), &config.collection, contents.dimension)
            .map(Some)
            .map_err(load),
        _ => Ok(Some(store)),
    }
}

async fn reach(config: &Config) -> Result<Option<Arc<dyn VectorStore>>, StoreError> {
    match config.store {
        StoreKind::None => Ok(None),
        StoreKind::Embedded => open_embedded(&config.folder().join(&config.collection), None),
        StoreKind::Qdrant => open_server(&config.url, api_key(), &config.collection, None).await,
    }
}

#[derive(Clone)]
struct Search {
    card: ModelCard,
    embedder: Arc<Embedder>,
    store: Option<Arc<dyn VectorStore>>,
    collection: String,
    min_score: f32,
}

impl Knowledge for Search {
    fn model(&self) -> &ModelCard {
        &self.card
    }

    fn search(
        &self,
        question: String,
        limit: usize,
    ) -> BoxFuture<'static, Result<Vec<Passage>, EngineError>> {
        let Some(store) = self.store.clone() else { return async { Ok(Vec::new()) }.boxed() };
        if limit == 0 || question.trim().is_empty() {
            return async { Ok(Vec::new()) }.boxed();
        }
        let (embedder, card, min_score) = (self.embedder.clone(), self.card.clone(), self.min_score);
        let collection = self.collection.clone();
        async move {
            let words = sparse::of_question(&question);
            let vector = embed(embedder, question).await?;
            let span = info_span!(
                "rag.search",
                provider = %card.provider,
                device = %card.device,
                %collection,
                limit,
                count = tracing::field::Empty,
            );
            let query = Query { dense: vector, sparse: words, limit, min_score, ..Query::default() };
            let found = store.query(query).instrument(span.clone()).await;
            let found = found.map_err(|error| EngineError::run(ENGINE, error))?;
            span.record("count", found.len());
            Ok(found)
        }
        .boxed()
    }
}

async fn embed(embedder: Arc<Embedder>, question: String) -> Result<Vec<f32>, EngineError> {
    let span = info_span!(
        "rag.embed",
        provider = "candle",
        model = embedder.name(),
        device = "cpu",
        dimensions = embedder.dimension(),
    );
    let work = move || span.in_scope(|| embedder.embed(&question));
    match tokio::task::spawn_blocking(work).await {
        Ok(vector) => vector,
        Err(join) if join.is_panic() => std::panic::resume_unwind(join.into_panic()),
        Err(_) => Err(EngineError::run(ENGINE, "the process is ending")),
    }
}
