//! The store on a Qdrant server, over gRPC.
use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use qdrant_client::{
    Qdrant, QdrantError,
    qdrant::{
        Condition, CountPointsBuilder, CreateCollectionBuilder, CreateFieldIndexCollectionBuilder,
        DeletePointsBuilder, Distance, FieldType, Filter, NamedVectors, PointStruct, QueryPointsBuilder,
        ScrollPointsBuilder, UpsertPointsBuilder, Value, VectorParamsBuilder, VectorsConfigBuilder,
        vectors_config::Config as VectorsConfig,
    },
};
use voce_core::Passage;

use super::{Contents, DENSE, Payload, Record, Reply, SOURCE, StoreError, VectorStore};

/// A caller waits, so a server that is slower than this counts as failed.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Points of one write.
const BATCH: usize = 256;

/// Opens `collection` on the server at `url`.
///
/// A missing collection is made if a `dimension` is given, else it is `None`.
pub async fn open(
    url: &str,
    api_key: Option<String>,
    collection: &str,
    dimension: Option<usize>,
) -> Result<Option<Arc<dyn VectorStore>>, StoreError> {
    let failed = |error: QdrantError| failure(url, &error);
    let client = connect(url, api_key)?;
    if !client.collection_exists(collection).await.map_err(failed)? {
        let Some(dimension) = dimension else { return Ok(None) };
        create(&client, collection, dimension).await.map_err(failed)?;
    }
    let info = client.collection_info(collection).await.map_err(failed)?;
    let size = info.result.and_then(|info| info.config?.params?.vectors_config?.config);
    let dimension = match size {
        Some(VectorsConfig::ParamsMap(map)) => map.map.get(DENSE).map(|params| params.size as usize),
        _ => None,
    };
    let dimension = dimension.ok_or_else(|| StoreError::Server {
        url: url.to_owned(),
        reason: format!(
            "collection {collection:?} was not made by `voce ingest` (it has no vector named {DENSE:?}); \
             set knowledge.collection to another name"
        ),
    })?;
    Ok(Some(Arc::new(Server { client, url: url.to_owned(), collection: collection.to_owned(), dimension })))
}

/// The same collection for another runtime, without asking the server: a connection lives and dies with the runtime
/// that made it.
pub fn attach(
    url: &str,
    api_key: Option<String>,
    collection: &str,
    dimension: usize,
) -> Result<Arc<dyn VectorStore>, StoreError> {
    let client = connect(url, api_key)?;
    Ok(Arc::new(Server { client, url: url.to_owned(), collection: collection.to_owned(), dimension }))
}

/// A client that connects with its first request.
fn connect(url: &str, api_key: Option<String>) -> Result<Qdrant, StoreError> {
    let mut builder =
        Qdrant::from_url(url).timeout(TIMEOUT).connect_timeout(TIMEOUT).skip_compatibility_check();
    if let Some(key) = api_key {
        builder = builder.api_key(key);
    }
    builder.build().map_err(|error| failure(url, &error))
}

/// Removes `collection`, if it is there.
pub async fn remove(url: &str, api_key: Option<String>, collection: &str) -> Result<(), StoreError> {
    let removed = connect(url, api_key)?.delete_collection(collection).await;
    removed.map(drop).map_err(|error| failure(url, &error))
}

async fn create(client: &Qdrant, collection: &str, dimension: usize) -> Result<(), QdrantError> {
    let mut vectors = VectorsConfigBuilder::default();
    vectors.add_named_vector_params(DENSE, VectorParamsBuilder::new(dimension as u64, Distance::Cosine));
    client.create_collection(CreateCollectionBuilder::new(collection).vectors_config(vectors)).await?;
    let index = CreateFieldIndexCollectionBuilder::new(collection, SOURCE, FieldType::Keyword).wait(true);
    client.create_field_index(index).await?;
    Ok(())
}

/// The status' metadata is noise to an operator; the address and the remedy are not.
fn failure(url: &str, error: &QdrantError) -> StoreError {
    let reason = match error {
        QdrantError::ResponseError { status } => format!(
            "{}: {}; check that it runs, that knowledge.url names its gRPC port (6334 as a rule), and QDRANT_API_KEY",
            status.code(),
            status.message()
        ),
        other => other.to_string(),
    };
    StoreError::Server { url: url.to_owned(), reason }
}

struct Server {
    client: Qdrant,
    url: String,
    collection: String,
    dimension: usize,
}

impl Server {
    fn failed(&self, error: QdrantError) -> StoreError {
        failure(&self.url, &error)
    }

    /// The payload of some point that passes `filter`.
    async fn first(&self, filter: Option<Filter>) -> Result<Option<Payload>, StoreError> {
        let mut request = ScrollPointsBuilder::new(&self.collection).limit(1).with_payload(true);
        if let Some(filter) = filter {
            request = request.filter(filter);
        }
        let found = self.client.scroll(request).await.map_err(|error| self.failed(error))?;
        found.result.into_iter().next().map(|point| self.payload(point.payload)).transpose()
    }

    fn payload(&self, fields: std::collections::HashMap<String, Value>) -> Result<Payload, StoreError> {
        let fields = serde_json::Value::from(qdrant_client::Payload::from(fields));
        serde_json::from_value(fields).map_err(|error| StoreError::Server {
            url: self.url.clone(),
            reason: format!("a chunk's payload is not as expected: {error}"),
        })
    }

    fn point(&self, record: Record) -> Result<PointStruct, StoreError> {
        let unfit = |reason: String| StoreError::Server { url: self.url.clone(), reason };
        let fields = serde_json::to_value(&record.payload).map_err(|error| unfit(error.to_string()))?;
        let fields = qdrant_client::Payload::try_from(fields).map_err(|error| unfit(error.to_string()))?;
        let vectors = NamedVectors::default().add_vector(DENSE, record.vector);
        Ok(PointStruct::new(record.id.to_string(), vectors, fields))
    }
}

fn of_source(source: String) -> Filter {
    Filter::must([Condition::matches(SOURCE, source)])
}

impl VectorStore for Server {
    fn provider(&self) -> &'static str {
        "qdrant"
    }

    fn contents(&self) -> Reply<'_, Contents> {
        async move {
            let model = self.first(None).await?.map(|payload| payload.model).unwrap_or_default();
            Ok(Contents { model, dimension: self.dimension })
        }
        .boxed()
    }

    fn content_hash(&self, source: String) -> Reply<'_, Option<String>> {
        async move { Ok(self.first(Some(of_source(source))).await?.map(|payload| payload.content_hash)) }
            .boxed()
    }

    fn replace(&self, source: String, records: Vec<Record>) -> Reply<'_, ()> {
        async move {
            // Deleted first: cut short between the two, the next run finds nothing of the source and writes it again.
            let old = DeletePointsBuilder::new(&self.collection).points(of_source(source)).wait(true);
            self.client.delete_points(old).await.map_err(|error| self.failed(error))?;
            let points =
                records.into_iter().map(|record| self.point(record)).collect::<Result<Vec<_>, _>>()?;
            for batch in points.chunks(BATCH) {
                let new = UpsertPointsBuilder::new(&self.collection, batch.to_vec()).wait(true);
                self.client.upsert_points(new).await.map_err(|error| self.failed(error))?;
            }
            Ok(())
        }
        .boxed()
    }

    fn search(&self, vector: Vec<f32>, limit: usize, min_score: f32) -> Reply<'_, Vec<Passage>> {
        async move {
            let request = QueryPointsBuilder::new(&self.collection)
                .query(vector)
                .using(DENSE)
                .limit(limit as u64)
                .with_payload(true);
            let found = self.client.query(request).await.map_err(|error| self.failed(error))?;
            let near = found.result.into_iter().filter(|point| point.score >= min_score);
            near.map(|point| Ok(self.payload(point.payload)?.passage(point.score))).collect()
        }
        .boxed()
    }

    fn count(&self) -> Reply<'_, usize> {
        async move {
            let request = CountPointsBuilder::new(&self.collection).exact(true);
            let counted = self.client.count(request).await.map_err(|error| self.failed(error))?;
            Ok(counted.result.map_or(0, |result| result.count as usize))
        }
        .boxed()
    }

    fn settle(&self) -> Reply<'_, ()> {
        // The server looks after its own files.
        async { Ok(()) }.boxed()
    }
}
