//! Questions to passages.
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::time::Instant;
use tracing::{Instrument, field::Empty, info_span, warn};
use voce_core::{EngineError, Knowledge, ModelCard, Passage, Wait};
use voce_models::Store;

use crate::{
    ENGINE, Embedder,
    config::{Config, StoreKind},
    device, neighbours,
    rerank::{self, Reranker},
    sparse,
    store::{Query, StoreError, VectorStore, attach_server, open_embedded, open_server},
};

/// For each passage that is wanted the reranker reads so many.
const RERANKED: usize = 3;

/// Loads the knowledge base that `config` names; `None` if it names none. Blocking.
///
/// Without anything ingested every search is empty, and a warning says what to do.
pub fn build(config: &Config, models: &Store) -> Result<Option<Arc<dyn Knowledge>>, EngineError> {
    Ok(build_all(&[config], models, &mut Loaded::default())?.pop().flatten())
}

/// Knowledge bases that are open, for those that are opened later to share.
#[derive(Clone, Default)]
pub struct Loaded(Vec<(Config, Arc<Search>)>);

/// As [`build`], one for each configuration, in their order. What differs only by what it asks of its store (`min_score`,
/// `neighbours`, `tags`, the reranker) shares that, as one process can open it but once; what has the same models shares those.
/// So do those of `loaded`, which afterwards holds what was built here. One that was empty is looked at again.
pub fn build_all(
    configs: &[&Config],
    models: &Store,
    loaded: &mut Loaded,
) -> Result<Vec<Option<Arc<dyn Knowledge>>>, EngineError> {
    let mut now: Vec<(Config, Arc<Search>)> = vec![];
    let mut all: Vec<Option<Arc<dyn Knowledge>>> = vec![];
    for config in configs {
        if config.store == StoreKind::None {
            all.push(None);
            continue;
        }
        let filled = || loaded.0.iter().filter(|(_, search)| search.store.is_some());
        let same = now.iter().chain(filled()).find(|(other, _)| other == *config);
        let search = match same.map(|(_, search)| search.clone()) {
            Some(search) => search,
            None => {
                let known: Vec<_> = now.iter().chain(&loaded.0).cloned().collect();
                Arc::new(load(config, &known, models)?)
            }
        };
        now.push(((*config).clone(), search.clone()));
        all.push(Some(search));
    }
    loaded.0 = now;
    Ok(all)
}

/// A search of its own, with as much of those that are there as it can have.
fn load(config: &Config, loaded: &[(Config, Arc<Search>)], models: &Store) -> Result<Search, EngineError> {
    // What a search only asks for, so that the same store answers others too.
    let without_wishes = |config: &Config| Config {
        min_score: 0.0,
        neighbours: 0,
        reranker: String::new(),
        reranker_ms: 0,
        tags: BTreeMap::new(),
        ..config.clone()
    };
    let same_reranker = |other: &Config| {
        (&config.reranker, config.threads, config.device) == (&other.reranker, other.threads, other.device)
    };
    let reranker = match loaded.iter().find(|(other, _)| same_reranker(other)) {
        _ if config.reranker.is_empty() => None,
        Some((_, search)) => search.reranker.clone(),
        None => Some(Arc::new(Reranker::load(models, &config.reranker, config.threads, config.device)?)),
    };
    let has_same_store = |other: &Config| without_wishes(config) == without_wishes(other);
    let sharable = |(other, search): &&(Config, Arc<Search>)| search.store.is_some() && has_same_store(other);
    if let Some((_, search)) = loaded.iter().find(sharable) {
        return Ok(Search { config: Arc::new(config.clone()), reranker, ..Search::clone(search) });
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
    let device =
        if config.store == StoreKind::Qdrant { config.url.clone() } else { embedder.device().into() };
    let card = ModelCard { provider: provider.into(), name: embedder.name().to_owned(), device };
    Ok(Search { card, embedder, reranker, store, config: Arc::new(config.clone()) })
}

/// The embedding model on the device that `config` wants.
pub fn load_embedder(config: &Config, models: &Store) -> Result<Arc<Embedder>, EngineError> {
    let device = device::choose(config.device)?;
    Embedder::load_on(models, &config.model, config.threads, device).map(Arc::new)
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
    reranker: Option<Arc<Reranker>>,
    store: Option<Arc<dyn VectorStore>>,
    config: Arc<Config>,
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
        let search = self.clone();
        async move {
            let vector = embed(search.embedder.clone(), question.clone()).await?;
            let span = info_span!(
                "rag.search",
                provider = %search.card.provider,
                device = %search.card.device,
                collection = %search.config.collection,
                limit,
                count = Empty,
                by_meaning = Empty,
                by_words = Empty,
                reranked = Empty,
            );
            let found = search.passages(&*store, question, vector, limit).instrument(span.clone()).await?;
            span.record("count", found.len());
            Ok(found)
        }
        .boxed()
    }
}

impl Search {
    async fn passages(
        &self,
        store: &dyn VectorStore,
        question: String,
        vector: Vec<f32>,
        limit: usize,
    ) -> Result<Vec<Passage>, EngineError> {
        let failed = |error: StoreError| EngineError::run(ENGINE, error);
        let query = Query {
            dense: vector,
            sparse: sparse::of_question(&question),
            tags: self.config.tags.clone(),
            limit: if self.reranker.is_some() { limit * RERANKED } else { limit },
            min_score: self.config.min_score,
        };
        let mut found = store.query(query).await.map_err(failed)?;
        if let Some(reranker) = &self.reranker {
            let budget = Duration::from_millis(self.config.reranker_ms);
            let reranked = rerank::order(reranker.clone(), question, found.clone(), budget).await?;
            tracing::Span::current().record("reranked", reranked.is_some());
            found = reranked.unwrap_or(found);
            found.truncate(limit);
        }
        if self.config.neighbours == 0 {
            return Ok(found);
        }
        neighbours::with(store, found, self.config.neighbours).await.map_err(failed)
    }
}

async fn embed(embedder: Arc<Embedder>, question: String) -> Result<Vec<f32>, EngineError> {
    let span = info_span!(
        "rag.embed",
        provider = "candle",
        model = embedder.name(),
        device = "cpu",
        dimensions = embedder.dimension(),
        queue_wait_ms = Empty,
    );
    let (mut wait, asked) = (span.in_scope(|| Wait::of("rag.embed")), Instant::now());
    let work = move || span.in_scope(|| wait.during(asked, || embedder.embed(&question)));
    match tokio::task::spawn_blocking(work).await {
        Ok(vector) => vector,
        Err(join) if join.is_panic() => std::panic::resume_unwind(join.into_panic()),
        Err(_) => Err(EngineError::run(ENGINE, "the process is ending")),
    }
}
