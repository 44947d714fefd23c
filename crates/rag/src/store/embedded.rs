//! The store in a folder: qdrant-edge, one process at a time.
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::FutureExt;
use parking_lot::{Mutex, RwLock};
use qdrant_edge::{
    CountRequest, Distance, EdgeConfigBuilder, EdgeShard, EdgeSparseVectorParamsBuilder,
    EdgeVectorParamsBuilder, FieldIndexOperations, Filter, Modifier, NamedQuery, OperationError,
    PayloadFieldSchema, PayloadSchemaType, PointId, PointInsertOperations, PointOperations, QueryEnum,
    QueryRequest, ScoringQuery, ScrollRequest, SparseVector, UpdateOperation, VectorInternal, WalOptions,
    WithPayloadInterface, WithVector,
};
use uuid::Uuid;
use voce_core::Passage;

use super::{
    Contents, DENSE, LABELS, Payload, Query, Record, Reply, SOURCE, SPARSE, Source, StoreError, VectorStore,
    agreed, gather, in_order, sealed,
};
use crate::fuse;

mod hold;
mod points;
pub use hold::{HeldCollection, hold};
use points::{not_among, numbered, payload, point, record, with_tags, within};

/// The file that makes a folder a collection.
const CONFIG: &str = "edge_config.json";
/// Bytes of a segment of the write-ahead log. The default of 32 MiB would make a small knowledge base a large one.
const WAL_SEGMENT_BYTES: usize = 4 << 20;
/// Points of one write or read.
const BATCH: usize = 256;

/// Opens the collection in `folder`. Blocking.
///
/// A missing collection is made if a `dimension` is given, and one of an earlier version is brought up to date; else
/// these are `None` and [`StoreError::Old`]. The folder stays locked until the store is dropped; while another process
/// holds it this fails with [`StoreError::InUse`].
pub fn open(folder: &Path, dimension: Option<usize>) -> Result<Option<Arc<dyn VectorStore>>, StoreError> {
    let broken = |reason: String| StoreError::Broken { path: folder.to_owned(), reason };
    let is_there = folder.join(CONFIG).is_file();
    let mut shard = match (is_there, dimension) {
        (true, _) => EdgeShard::load(folder, None).map_err(|error| refused(folder, &error))?,
        (false, None) => return Ok(None),
        (false, Some(dimension)) => create(folder, dimension)?,
    };
    let stored = shard.config().vectors.get(DENSE).map(|params| params.size);
    let stored = stored.ok_or_else(|| broken("it was not made by `voce ingest`".into()))?;
    let has_words = shard.config().sparse_vectors.contains_key(SPARSE);
    if !has_words {
        if dimension.is_none() {
            return Err(StoreError::Old { place: folder.display().to_string() });
        }
        shard = renewed(shard, folder, stored)?;
    }
    Ok(Some(Arc::new(Embedded {
        shard: Arc::new(shard),
        folder: folder.to_owned(),
        dimension: stored,
        writing: Arc::default(),
        replacing: Arc::default(),
    })))
}

fn create(folder: &Path, dimension: usize) -> Result<EdgeShard, StoreError> {
    let broken = |reason: String| StoreError::Broken { path: folder.to_owned(), reason };
    std::fs::create_dir_all(folder).map_err(|error| broken(error.to_string()))?;
    let config = EdgeConfigBuilder::new()
        .vector(DENSE, EdgeVectorParamsBuilder::new(dimension, Distance::Cosine).build())
        .sparse_vector(SPARSE, EdgeSparseVectorParamsBuilder::new().modifier(Modifier::Idf).build())
        .on_disk_payload(false)
        .wal_options(WalOptions { segment_capacity: WAL_SEGMENT_BYTES, ..Default::default() })
        .build();
    let made = EdgeShard::new(folder, config).and_then(|shard| {
        for field in [SOURCE, LABELS] {
            let index = qdrant_edge::CreateIndex {
                field_name: field.parse().expect("a plain name is a path"),
                field_schema: Some(PayloadFieldSchema::FieldType(PayloadSchemaType::Keyword)),
            };
            shard.update(UpdateOperation::FieldIndexOperation(FieldIndexOperations::CreateIndex(index)))?;
        }
        Ok(shard)
    });
    made.map_err(|error| refused(folder, &error))
}

/// The collection of an earlier version with the words of its chunks. It is made beside the old one and takes its place
/// when it is whole.
fn renewed(old: EdgeShard, folder: &Path, dimension: usize) -> Result<EdgeShard, StoreError> {
    let broken = |reason: String| StoreError::Broken { path: folder.to_owned(), reason };
    let beside = |ending: &str| {
        let mut name = folder.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        folder.with_file_name(name)
    };
    let (new, retired) = (beside(".new"), beside(".old"));
    let cleared = |path: &Path| match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(broken(error.to_string())),
        _ => Ok(()),
    };
    cleared(&new)?;
    cleared(&retired)?;
    let shard = create(&new, dimension)?;
    let mut after = None;
    loop {
        let page = read(&old, after, BATCH).map_err(|error| refused(folder, &error))?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        let page: Vec<Record> = page.into_iter().map(Record::with_words).collect();
        write(&shard, &page).map_err(|error| refused(&new, &error))?;
    }
    drop((old, shard));
    let moved = std::fs::rename(folder, &retired).and_then(|()| std::fs::rename(&new, folder));
    moved.map_err(|error| broken(error.to_string()))?;
    cleared(&retired)?;
    EdgeShard::load(folder, None).map_err(|error| refused(folder, &error))
}

/// The lock of the write-ahead log tells of another process by an I/O error of this name only.
fn refused(folder: &Path, error: &OperationError) -> StoreError {
    let (path, reason) = (folder.to_owned(), error.to_string());
    if reason.contains("WouldBlock") {
        StoreError::InUse { path }
    } else {
        StoreError::Broken { path, reason }
    }
}

struct Embedded {
    shard: Arc<EdgeShard>,
    folder: PathBuf,
    dimension: usize,
    /// Who writes holds it: the shard's own flush panics beside another writer.
    writing: Arc<Mutex<()>>,
    /// A source's chunks are exchanged behind it, so that nobody sees half of them.
    replacing: Arc<RwLock<()>>,
}

impl Embedded {
    /// Runs `work` on a blocking thread.
    fn run<T, F>(&self, work: F) -> Reply<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&EdgeShard) -> Result<T, OperationError> + Send + 'static,
    {
        let (shard, folder) = (self.shard.clone(), self.folder.clone());
        async move {
            match tokio::task::spawn_blocking(move || work(&shard)).await {
                Ok(outcome) => {
                    outcome.map_err(|error| StoreError::Broken { path: folder, reason: error.to_string() })
                }
                Err(join) if join.is_panic() => std::panic::resume_unwind(join.into_panic()),
                Err(_) => Err(StoreError::Ending),
            }
        }
        .boxed()
    }

    /// As `run`, while nothing is being replaced.
    fn look<T, F>(&self, work: F) -> Reply<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&EdgeShard) -> Result<T, OperationError> + Send + 'static,
    {
        let replacing = self.replacing.clone();
        self.run(move |shard| {
            let _whole = replacing.read();
            work(shard)
        })
    }

    /// As `run`, one at a time.
    fn change<T, F>(&self, work: F) -> Reply<'_, T>
    where
        T: Send + 'static,
        F: FnOnce(&EdgeShard, &RwLock<()>) -> Result<T, OperationError> + Send + 'static,
    {
        let (writing, replacing) = (self.writing.clone(), self.replacing.clone());
        self.run(move |shard| {
            let _alone = writing.lock();
            work(shard, &replacing)
        })
    }
}

impl VectorStore for Embedded {
    fn provider(&self) -> &'static str {
        "qdrant-edge"
    }

    fn contents(&self) -> Reply<'_, Contents> {
        let dimension = self.dimension;
        self.look(move |shard| {
            let first = payloads(shard, None, None, 1)?.pop();
            Ok(Contents { model: first.map(|(_, payload)| payload.model).unwrap_or_default(), dimension })
        })
    }

    fn content_hash(&self, source: String) -> Reply<'_, Option<String>> {
        self.look(move |shard| {
            let seals = payloads(shard, Some(numbered(&source, 0, 0)), None, 2)?;
            Ok(agreed(seals.into_iter().map(|(_, payload)| payload).collect()))
        })
    }

    fn replace(&self, source: String, records: Vec<Record>) -> Reply<'_, ()> {
        self.change(move |shard, replacing| {
            let ids: Vec<Uuid> = records.iter().map(|record| record.id).collect();
            let (most, seal) = sealed(records);
            let _unseen = replacing.write();
            write(shard, &most)?;
            delete(shard, not_among(within(&source), &ids, true))?;
            write(shard, &seal)?;
            delete(shard, not_among(within(&source), &ids, false))
        })
    }

    fn sources(&self) -> Reply<'_, Vec<Source>> {
        self.look(|shard| {
            let (mut sources, mut after) = (Default::default(), None);
            loop {
                let page = payloads(shard, None, after, BATCH + 1)?;
                let page: Vec<_> = page.into_iter().filter(|(id, _)| Some(*id) != after).collect();
                let Some((last, _)) = page.last() else { break };
                after = Some(*last);
                gather(&mut sources, page.into_iter().map(|(_, payload)| payload));
            }
            Ok(sources.into_values().collect())
        })
    }

    fn remove(&self, source: String) -> Reply<'_, usize> {
        self.change(move |shard, replacing| {
            let _unseen = replacing.write();
            let there = shard.count(CountRequest { filter: Some(within(&source)), exact: true })?;
            delete(shard, within(&source))?;
            Ok(there)
        })
    }

    fn neighbours(&self, source: String, first: u32, last: u32) -> Reply<'_, Vec<Passage>> {
        self.look(move |shard| {
            let limit = last.saturating_sub(first) as usize + 1;
            let found = payloads(shard, Some(numbered(&source, first, last)), None, limit)?;
            Ok(in_order(found.into_iter().map(|(_, payload)| payload).collect()))
        })
    }

    fn records(&self, after: Option<Uuid>, limit: usize) -> Reply<'_, Vec<Record>> {
        self.look(move |shard| read(shard, after, limit))
    }

    fn query(&self, query: Query) -> Reply<'_, Vec<Passage>> {
        async move {
            let looked_for = query.clone();
            let found = self.look(move |shard| {
                let Query { dense, sparse, tags, limit, .. } = looked_for;
                let dense = (!dense.is_empty()).then(|| NamedQuery::new(VectorInternal::from(dense), DENSE));
                let sparse = (!sparse.is_empty()).then(|| {
                    let words = SparseVector { indices: sparse.indices, values: sparse.values };
                    NamedQuery::new(VectorInternal::from(words), SPARSE)
                });
                let ranking = |wanted: Option<NamedQuery<VectorInternal>>| match wanted {
                    Some(wanted) => nearest(shard, wanted, with_tags(&tags), fuse::depth(limit)),
                    None => Ok(Vec::new()),
                };
                Ok((ranking(dense)?, ranking(sparse)?))
            });
            let (by_meaning, by_words) = found.await?;
            Ok(fuse::fuse(&query, by_meaning, by_words))
        }
        .boxed()
    }

    fn count(&self) -> Reply<'_, usize> {
        self.look(|shard| shard.count(CountRequest { filter: None, exact: true }))
    }

    fn flush(&self) -> Reply<'_, ()> {
        self.change(|shard, _| {
            shard.flush();
            Ok(())
        })
    }

    fn settle(&self) -> Reply<'_, ()> {
        self.change(|shard, _| {
            // Builds an index over segments that have grown large; a few thousand chunks are scanned faster.
            shard.optimize()?;
            shard.flush();
            Ok(())
        })
    }
}

fn write(shard: &EdgeShard, records: &[Record]) -> Result<(), OperationError> {
    for batch in records.chunks(BATCH) {
        let points =
            batch.iter().map(|record| point(record).map(Into::into)).collect::<Result<Vec<_>, _>>()?;
        let new = PointOperations::UpsertPoints(PointInsertOperations::PointsList(points));
        shard.update(UpdateOperation::PointOperation(new))?;
    }
    Ok(())
}

fn delete(shard: &EdgeShard, filter: Filter) -> Result<(), OperationError> {
    shard.update(UpdateOperation::PointOperation(PointOperations::DeletePointsByFilter(filter)))
}

/// Records in the order of their ids.
fn read(shard: &EdgeShard, after: Option<Uuid>, limit: usize) -> Result<Vec<Record>, OperationError> {
    let request = ScrollRequest {
        // The offset itself is given back too.
        limit: Some(limit.saturating_add(usize::from(after.is_some()))),
        offset: after.map(PointId::Uuid),
        filter: None,
        with_payload: Some(WithPayloadInterface::Bool(true)),
        with_vector: WithVector::Bool(true),
        order_by: None,
    };
    let (found, _) = shard.scroll(request)?;
    let found = found.into_iter().filter(|found| Some(found.id) != after.map(PointId::Uuid));
    found.take(limit).map(|found| record(found.id, found.payload, found.vector)).collect()
}

/// Payloads in the order of their ids, the one of `from` included.
fn payloads(
    shard: &EdgeShard,
    filter: Option<Filter>,
    from: Option<Uuid>,
    limit: usize,
) -> Result<Vec<(Uuid, Payload)>, OperationError> {
    let request = ScrollRequest {
        offset: from.map(PointId::Uuid),
        limit: Some(limit),
        filter,
        with_payload: Some(WithPayloadInterface::Bool(true)),
        with_vector: WithVector::Bool(false),
        order_by: None,
    };
    let (found, _) = shard.scroll(request)?;
    found.into_iter().map(|found| Ok((points::id(found.id)?, payload(found.payload)?))).collect()
}

fn nearest(
    shard: &EdgeShard,
    wanted: NamedQuery<VectorInternal>,
    filter: Option<Filter>,
    limit: usize,
) -> Result<Vec<Record>, OperationError> {
    let found = shard.query(QueryRequest {
        prefetches: vec![],
        query: Some(ScoringQuery::Vector(QueryEnum::Nearest(wanted))),
        filter,
        score_threshold: None,
        limit,
        offset: 0,
        params: None,
        with_vector: WithVector::Bool(true),
        with_payload: WithPayloadInterface::Bool(true),
    })?;
    found.into_iter().map(|found| record(found.id, found.payload, found.vector)).collect()
}
