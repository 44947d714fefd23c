//! A collection into another store, vectors and all: nothing is embedded again.
use std::collections::{BTreeMap, HashMap};

use voce_core::EngineError;

use crate::{
    ENGINE,
    collection::{self, Collection},
    config::{Config, StoreKind},
    store::{Record, Source, StoreError, VectorStore},
};

/// Records of one page.
const PAGE: usize = 256;
/// Chunks that are held in memory at most, as long as no source has more. Pages come in the order of ids, and a source
/// has to be written as a whole; so all pages are read once for each so many chunks.
const HELD: usize = 20_000;

/// What a copy did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// Sources that were copied.
    pub copied: usize,
    /// Sources that were there as they stand.
    pub unchanged: usize,
    /// Chunks of all of them at the server, counted there.
    pub chunks: usize,
    /// Where they are now.
    pub place: String,
}

/// Copies what the embedded store of `config` holds to the Qdrant server at `url`. Sources that are there as they stand are
/// left alone, others of the server too. `progress` hears how many sources of how many are done.
pub async fn push(
    config: &Config,
    url: &str,
    collection_name: &str,
    progress: impl FnMut(usize, usize),
) -> Result<Pushed, EngineError> {
    let from = Config { store: StoreKind::Embedded, ..config.clone() };
    let to = Config {
        store: StoreKind::Qdrant,
        url: url.to_owned(),
        collection: collection_name.to_owned(),
        ..config.clone()
    };
    let Some(Collection { store, contents }) = collection::open(&from).await? else {
        return Err(nothing_in(&from));
    };
    if contents.model.is_empty() {
        return Err(nothing_in(&from));
    }
    let target = collection::make(&to, contents.dimension).await?;
    let there = target.contents().await.map_err(failed)?;
    if there.dimension != contents.dimension || !(there.model.is_empty() || there.model == contents.model) {
        let reason = format!(
            "{} was made with the embedding model {:?} ({} numbers), {} with {:?} ({}); name another collection",
            to.place(),
            there.model,
            there.dimension,
            from.place(),
            contents.model,
            contents.dimension,
        );
        return Err(EngineError::run(ENGINE, reason));
    }
    let pushed = copy(&*store, &*target, progress).await.map_err(failed)?;
    match pushed {
        Ok(pushed) => Ok(Pushed { place: to.place(), ..pushed }),
        Err(missing) => Err(EngineError::run(
            ENGINE,
            format!("{} does not hold {missing:?} as it was sent; run it again", to.place()),
        )),
    }
}

fn nothing_in(config: &Config) -> EngineError {
    EngineError::run(
        ENGINE,
        format!("there is nothing in {}; fill it with `voce ingest FILES`", config.place()),
    )
}

/// Copies all sources that `to` does not hold as they stand, and counts. The inner error names a source that is not there
/// as it should be.
pub async fn copy(
    from: &dyn VectorStore,
    to: &dyn VectorStore,
    mut progress: impl FnMut(usize, usize),
) -> Result<Result<Pushed, String>, StoreError> {
    let wanted = from.sources().await?;
    let there = by_name(to.sources().await?);
    let missing: Vec<&Source> = wanted.iter().filter(|source| !holds(&there, source)).collect();
    let mut pushed = Pushed { unchanged: wanted.len() - missing.len(), ..Pushed::default() };
    for part in parts(&missing) {
        let mut parts = collect(from, part).await?;
        for source in part {
            let mut records = parts.remove(source.name.as_str()).unwrap_or_default();
            records.sort_by_key(|record| record.payload.chunk);
            to.replace(source.name.clone(), records).await?;
            pushed.copied += 1;
            progress(pushed.copied, missing.len());
        }
        to.flush().await?;
    }
    to.settle().await?;
    let there = by_name(to.sources().await?);
    if let Some(source) = wanted.iter().find(|source| !holds(&there, source)) {
        return Ok(Err(source.name.clone()));
    }
    pushed.chunks = wanted.iter().map(|source| source.chunks).sum();
    Ok(Ok(pushed))
}

fn by_name(sources: Vec<Source>) -> BTreeMap<String, Source> {
    sources.into_iter().map(|source| (source.name.clone(), source)).collect()
}

fn holds(there: &BTreeMap<String, Source>, source: &Source) -> bool {
    there.get(&source.name) == Some(source)
}

/// Sources that fit into memory together.
fn parts<'a, 'b>(sources: &'b [&'a Source]) -> Vec<&'b [&'a Source]> {
    let (mut parts, mut start, mut chunks) = (vec![], 0, 0);
    for (place, source) in sources.iter().enumerate() {
        if place > start && chunks + source.chunks > HELD {
            parts.push(&sources[start..place]);
            (start, chunks) = (place, 0);
        }
        chunks += source.chunks;
    }
    if start < sources.len() {
        parts.push(&sources[start..]);
    }
    parts
}

/// All records of some sources.
async fn collect<'a>(
    from: &dyn VectorStore,
    sources: &[&'a Source],
) -> Result<HashMap<&'a str, Vec<Record>>, StoreError> {
    let mut found: HashMap<&str, Vec<Record>> =
        sources.iter().map(|source| (source.name.as_str(), vec![])).collect();
    let mut after = None;
    loop {
        let page = from.records(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.id);
        for record in page {
            if let Some(records) = found.get_mut(record.payload.source.as_str()) {
                records.push(record);
            }
        }
    }
}

fn failed(error: StoreError) -> EngineError {
    EngineError::run(ENGINE, error)
}
