//! Documents into the store. What has not changed is left alone; what cannot be read is reported and left out.
mod read;
mod summary;
mod write;

use std::{path::PathBuf, sync::Arc, thread};

use futures_util::{StreamExt, TryStreamExt, stream};
use voce_core::EngineError;
use voce_models::Store;

use crate::{
    ENGINE, Embedder,
    collection::{self, Collection},
    config::Config,
    fetch::Limits,
    files,
    store::{StoreError, VectorStore},
};
use read::{Fresh, Read};
pub use summary::{Failure, Outcome, Progress, Request, Step, Summary};

/// Documents that are read ahead of the one that is written.
const AHEAD: usize = 4;
/// Chunks that are written before files are reported as done: some seconds of embedding.
const BATCH: usize = 256;

/// Brings `paths` (documents, folders of them, and addresses) into the store that `config` names; see [`ingest_with`].
pub async fn ingest(
    config: &Config,
    models: &Store,
    paths: &[PathBuf],
    mut progress: impl FnMut(Progress),
) -> Result<Summary, EngineError> {
    let request = Request { names: paths.to_vec(), ..Request::default() };
    let heard = |step| {
        if let Step::Done(done) = step {
            progress(done);
        }
    };
    ingest_with(config, models, &request, heard).await
}

/// Does what `request` says. `heard` hears of every file once it would outlast a crash. Fails as a whole only if the store
/// or the model cannot be used.
pub async fn ingest_with(
    config: &Config,
    models: &Store,
    request: &Request,
    heard: impl FnMut(Step),
) -> Result<Summary, EngineError> {
    let names = request.names.clone();
    let listing = blocking(move || files::list(&names)).await?;
    let mut summary = Summary { place: config.place(), ..Summary::default() };
    summary.failed =
        listing.unusable.iter().cloned().map(|(path, reason)| Failure { path, reason }).collect();
    let target = Target::open(config, models, request, &mut summary).await?;
    let mut work = Work { target: &target, done: 0, total: listing.origins.len(), summary, heard };
    (work.heard)(Step::Begun(work.total));
    let limits = Limits { most: config.max_file_bytes, allow_private: request.allow_private };
    let store = target.store.as_deref();
    let mut reading = stream::iter(listing.origins.clone())
        .map(|origin| read::read(origin, request, limits, store))
        .buffered(AHEAD);
    let (mut batch, mut chunks): (Vec<Fresh>, usize) = (vec![], 0);
    while let Some(read) = reading.try_next().await? {
        match read {
            Read::Settled(path, outcome) => work.done(path, outcome),
            Read::Fresh(fresh) => {
                chunks += fresh.chunks.len();
                batch.push(fresh);
            }
        }
        if chunks >= BATCH {
            work.write(std::mem::take(&mut batch)).await?;
            chunks = 0;
        }
    }
    drop(reading);
    work.write(batch).await?;
    let Work { mut summary, .. } = work;
    let Some(store) = store else { return Ok(summary) };
    if request.prune {
        let sources = store.sources().await.map_err(failed)?;
        summary.removed = listing.gone(sources.into_iter().map(|source| source.name));
        for source in summary.removed.iter().filter(|_| !request.dry_run) {
            store.remove(source.clone()).await.map_err(failed)?;
        }
    }
    if !request.dry_run {
        store.settle().await.map_err(failed)?;
    }
    summary.chunks_in_all = store.count().await.map_err(failed)?;
    Ok(summary)
}

/// Where documents go.
struct Target {
    /// None: it is not there, and is not made to tell what would be done.
    store: Option<Arc<dyn VectorStore>>,
    /// None: nothing is written.
    embedder: Option<Arc<Embedder>>,
}

impl Target {
    async fn open(
        config: &Config,
        models: &Store,
        request: &Request,
        summary: &mut Summary,
    ) -> Result<Self, EngineError> {
        if request.dry_run {
            let Some(Collection { store, contents }) = collection::open(config).await? else {
                return Ok(Self { store: None, embedder: None });
            };
            let is_other = !contents.model.is_empty() && contents.model != config.model;
            summary.emptied_of = is_other.then_some(contents.model);
            return Ok(Self { store: (!is_other).then_some(store), embedder: None });
        }
        // Questions get by with one thread; documents get them all.
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let (config, models) = (Config { threads, ..config.clone() }, models.clone());
        let of = config.clone();
        let embedder = blocking(move || crate::search::load_embedder(&of, &models)).await??;
        let (store, emptied_of) = collection::open_for(&config, &embedder).await?;
        summary.emptied_of = emptied_of;
        Ok(Self { store: Some(store), embedder: Some(embedder) })
    }
}

struct Work<'a, F> {
    target: &'a Target,
    done: usize,
    total: usize,
    summary: Summary,
    heard: F,
}

impl<F: FnMut(Step)> Work<'_, F> {
    fn done(&mut self, path: PathBuf, outcome: Outcome) {
        self.done += 1;
        self.summary.count(&path, &outcome);
        (self.heard)(Step::Done(Progress { done: self.done, total: self.total, path, outcome }));
    }

    async fn write(&mut self, batch: Vec<Fresh>) -> Result<(), EngineError> {
        let outcomes = match self.target {
            Target { store: Some(store), embedder: Some(embedder) } => {
                let heard = &mut self.heard;
                write::write(batch, &**store, embedder, |count| heard(Step::Embedded(count))).await?
            }
            _ => batch.into_iter().map(would_be).collect(),
        };
        for (path, outcome) in outcomes {
            self.done(path, outcome);
        }
        Ok(())
    }
}

fn would_be(document: Fresh) -> (PathBuf, Outcome) {
    let count = document.chunks.len();
    let outcome = if document.is_stored { Outcome::Replaced(count) } else { Outcome::Added(count) };
    (PathBuf::from(document.source), outcome)
}

fn failed(error: StoreError) -> EngineError {
    EngineError::run(ENGINE, error)
}

/// Runs `work` on a blocking thread.
pub async fn blocking<T, F>(work: F) -> Result<T, EngineError>
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
