//! The store in a folder: qdrant-edge, one process at a time.
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use futures_util::FutureExt;
use qdrant_edge::{
    Condition, CountRequest, Distance, EdgeConfigBuilder, EdgeShard, EdgeVectorParamsBuilder, FieldCondition,
    FieldIndexOperations, Filter, Match, MatchValue, NamedQuery, OperationError, PayloadFieldSchema,
    PayloadSchemaType, PointId, PointInsertOperations, PointOperations, PointStruct, QueryEnum, QueryRequest,
    ScoringQuery, ScrollRequest, UpdateOperation, ValueVariants, Vector, VectorInternal, Vectors, WalOptions,
    WithPayloadInterface, WithVector,
};
use voce_core::Passage;

use super::{Contents, DENSE, Payload, Record, Reply, SOURCE, StoreError, VectorStore};

/// Bytes of a segment of the write-ahead log. The default of 32 MiB would make a small knowledge base a large one.
const WAL_SEGMENT_BYTES: usize = 4 << 20;
/// Points of one write.
const BATCH: usize = 256;

/// Opens the collection in `folder`. Blocking.
///
/// A missing collection is made if a `dimension` is given, else it is `None`. The folder stays locked until the
/// store is dropped; while another process holds it this fails with [`StoreError::InUse`].
pub fn open(folder: &Path, dimension: Option<usize>) -> Result<Option<Arc<dyn VectorStore>>, StoreError> {
    let broken = |reason: String| StoreError::Broken { path: folder.to_owned(), reason };
    let is_there = folder.join("edge_config.json").is_file();
    let shard = match (is_there, dimension) {
        (true, _) => EdgeShard::load(folder, None).map_err(|error| refused(folder, &error))?,
        (false, None) => return Ok(None),
        (false, Some(dimension)) => {
            std::fs::create_dir_all(folder).map_err(|error| broken(error.to_string()))?;
            create(folder, dimension).map_err(|error| refused(folder, &error))?
        }
    };
    let vectors = shard.config().vectors.get(DENSE).map(|params| params.size);
    let dimension = vectors.ok_or_else(|| broken("it was not made by `voce ingest`".into()))?;
    Ok(Some(Arc::new(Embedded { shard: Arc::new(shard), folder: folder.to_owned(), dimension })))
}

fn create(folder: &Path, dimension: usize) -> Result<EdgeShard, OperationError> {
    let config = EdgeConfigBuilder::new()
        .vector(DENSE, EdgeVectorParamsBuilder::new(dimension, Distance::Cosine).build())
        .on_disk_payload(false)
        .wal_options(WalOptions { segment_capacity: WAL_SEGMENT_BYTES, ..Default::default() })
        .build();
    let shard = EdgeShard::new(folder, config)?;
    let index = qdrant_edge::CreateIndex {
        field_name: SOURCE.parse().expect("a plain name is a path"),
        field_schema: Some(PayloadFieldSchema::FieldType(PayloadSchemaType::Keyword)),
    };
    shard.update(UpdateOperation::FieldIndexOperation(FieldIndexOperations::CreateIndex(index)))?;
    Ok(shard)
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
}

impl VectorStore for Embedded {
    fn provider(&self) -> &'static str {
        "qdrant-edge"
    }

    fn contents(&self) -> Reply<'_, Contents> {
        let dimension = self.dimension;
        self.run(move |shard| {
            let model = first(shard, None)?.map(|payload| payload.model).unwrap_or_default();
            Ok(Contents { model, dimension })
        })
    }

    fn content_hash(&self, source: String) -> Reply<'_, Option<String>> {
        self.run(move |shard| Ok(first(shard, Some(of_source(source)))?.map(|payload| payload.content_hash)))
    }

    fn replace(&self, source: String, records: Vec<Record>) -> Reply<'_, ()> {
        self.run(move |shard| {
            // Deleted first: cut short between the two, the next run finds nothing of the source and writes it again.
            let old = PointOperations::DeletePointsByFilter(of_source(source));
            shard.update(UpdateOperation::PointOperation(old))?;
            for batch in records.chunks(BATCH) {
                let points = batch.iter().map(point).collect::<Result<Vec<_>, _>>()?;
                let points = points.into_iter().map(Into::into).collect();
                let new = PointOperations::UpsertPoints(PointInsertOperations::PointsList(points));
                shard.update(UpdateOperation::PointOperation(new))?;
            }
            Ok(())
        })
    }

    fn search(&self, vector: Vec<f32>, limit: usize, min_score: f32) -> Reply<'_, Vec<Passage>> {
        self.run(move |shard| {
            let nearest = QueryEnum::Nearest(NamedQuery::new(VectorInternal::from(vector), DENSE));
            let found = shard.query(QueryRequest {
                prefetches: vec![],
                query: Some(ScoringQuery::Vector(nearest)),
                filter: None,
                score_threshold: None,
                limit,
                offset: 0,
                params: None,
                with_vector: WithVector::Bool(false),
                with_payload: WithPayloadInterface::Bool(true),
            })?;
            let near = found.into_iter().filter(|point| point.score >= min_score);
            near.map(|point| Ok(payload(point.payload)?.passage(point.score))).collect()
        })
    }

    fn count(&self) -> Reply<'_, usize> {
        self.run(|shard| shard.count(CountRequest { filter: None, exact: true }))
    }

    fn settle(&self) -> Reply<'_, ()> {
        self.run(|shard| {
            // Builds an index over segments that have grown large; a few thousand chunks are scanned faster.
            shard.optimize()?;
            shard.flush();
            Ok(())
        })
    }
}

fn of_source(source: String) -> Filter {
    let field = SOURCE.parse().expect("a plain name is a path");
    let matching = Match::Value(MatchValue { value: ValueVariants::String(source) });
    Filter::new_must(Condition::Field(FieldCondition::new_match(field, matching)))
}

/// The payload of some point that passes `filter`.
fn first(shard: &EdgeShard, filter: Option<Filter>) -> Result<Option<Payload>, OperationError> {
    let request = ScrollRequest {
        offset: None,
        limit: Some(1),
        filter,
        with_payload: Some(WithPayloadInterface::Bool(true)),
        with_vector: WithVector::Bool(false),
        order_by: None,
    };
    let (records, _) = shard.scroll(request)?;
    records.into_iter().next().map(|record| payload(record.payload)).transpose()
}

fn payload(stored: Option<qdrant_edge::Payload>) -> Result<Payload, OperationError> {
    let fields = serde_json::to_value(stored.unwrap_or_default());
    fields.and_then(serde_json::from_value).map_err(|error| {
        OperationError::service_error(format!("a chunk's payload is not as expected: {error}"))
    })
}

fn point(record: &Record) -> Result<PointStruct, OperationError> {
    let fields = serde_json::to_value(&record.payload)
        .map_err(|error| OperationError::service_error(error.to_string()))?;
    let vectors = Vectors::new_named([(DENSE, Vector::new_dense(record.vector.clone()))]);
    Ok(PointStruct::new(PointId::Uuid(record.id), vectors, fields))
}
