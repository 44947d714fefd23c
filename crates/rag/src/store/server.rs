//! The store on a Qdrant server, over gRPC.
use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use qdrant_client::{
    Qdrant, QdrantError,
    qdrant::{
        CountPointsBuilder, CreateCollectionBuilder, CreateFieldIndexCollectionBuilder, DeletePointsBuilder,
        Distance, FieldType, Filter, Modifier, QueryPointsBuilder, RetrievedPoint, ScrollPointsBuilder,
        SparseVectorParamsBuilder, SparseVectorsConfigBuilder, UpsertPointsBuilder, VectorParamsBuilder,
        VectorsConfigBuilder, vectors_config::Config as VectorsConfig,
    },
};
use uuid::Uuid;
use voce_core::Passage;

use super::{
    Contents, DENSE, LABELS, Payload, Query, Record, Reply, SOURCE, SPARSE, Source, StoreError, VectorStore,
    agreed, gather, in_order, sealed,
};
use crate::fuse;

mod points;
use points::{Wanted, id, not_among, numbered, payload, point, record, with_tags, within};

/// A caller waits, so a server that is slower than this counts as failed.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Points of one write.
const BATCH: usize = 256;

/// Opens `collection` on the server at `url`.
///
/// A missing collection is made if a `dimension` is given, and one of an earlier version is brought up to date; else these
/// are `None` and [`StoreError::Old`].
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
    let params = info.result.and_then(|info| info.config?.params).unwrap_or_default();
    let size = match params.vectors_config.and_then(|vectors| vectors.config) {
        Some(VectorsConfig::ParamsMap(map)) => map.map.get(DENSE).map(|params| params.size as usize),
        _ => None,
    };
    let size = size.ok_or_else(|| StoreError::Server {
        url: url.to_owned(),
        reason: format!(
            "collection {collection:?} was not made by `voce ingest` (it has no vector named {DENSE:?}); \
             set knowledge.collection to another name"
        ),
    })?;
    let store = Server { client, url: url.to_owned(), collection: collection.to_owned(), dimension: size };
    let has_words = params.sparse_vectors_config.is_some_and(|vectors| vectors.map.contains_key(SPARSE));
    if !has_words {
        if dimension.is_none() {
            return Err(StoreError::Old { place: format!("{url} (collection {collection:?})") });
        }
        store.renew().await?;
    }
    Ok(Some(Arc::new(store)))
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
    client.create_collection(made(collection, dimension)).await?;
    for field in [SOURCE, LABELS] {
        let index = CreateFieldIndexCollectionBuilder::new(collection, field, FieldType::Keyword).wait(true);
        client.create_field_index(index).await?;
    }
    Ok(())
}

fn made(collection: &str, dimension: usize) -> CreateCollectionBuilder {
    let mut vectors = VectorsConfigBuilder::default();
    vectors.add_named_vector_params(DENSE, VectorParamsBuilder::new(dimension as u64, Distance::Cosine));
    let mut words = SparseVectorsConfigBuilder::default();
    words.add_named_vector_params(SPARSE, SparseVectorParamsBuilder::default().modifier(Modifier::Idf));
    CreateCollectionBuilder::new(collection).vectors_config(vectors).sparse_vectors_config(words)
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

    /// What a point holds is not as it was written.
    fn unfit(&self, reason: String) -> StoreError {
        StoreError::Server { url: self.url.clone(), reason }
    }

    /// The collection of an earlier version, made anew with the words of its chunks. Cut short after the removal, the
    /// documents have to be ingested again.
    async fn renew(&self) -> Result<(), StoreError> {
        let mut all: Vec<Record> = Vec::new();
        loop {
            let page = self.records(all.last().map(|record| record.id), BATCH).await?;
            if page.is_empty() {
                break;
            }
            all.extend(page.into_iter().map(Record::with_words));
        }
        self.client.delete_collection(&self.collection).await.map_err(|error| self.failed(error))?;
        let made = create(&self.client, &self.collection, self.dimension).await;
        made.map_err(|error| self.failed(error))?;
        self.write(all).await
    }

    async fn write(&self, records: Vec<Record>) -> Result<(), StoreError> {
        let points = records.iter().map(point).collect::<Result<Vec<_>, _>>();
        let points = points.map_err(|reason| self.unfit(reason))?;
        for batch in points.chunks(BATCH) {
            let new = UpsertPointsBuilder::new(&self.collection, batch.to_vec()).wait(true);
            self.client.upsert_points(new).await.map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    async fn delete(&self, filter: Filter) -> Result<(), StoreError> {
        let old = DeletePointsBuilder::new(&self.collection).points(filter).wait(true);
        self.client.delete_points(old).await.map(drop).map_err(|error| self.failed(error))
    }

    async fn counted(&self, filter: Option<Filter>) -> Result<usize, StoreError> {
        let mut request = CountPointsBuilder::new(&self.collection).exact(true);
        if let Some(filter) = filter {
            request = request.filter(filter);
        }
        let counted = self.client.count(request).await.map_err(|error| self.failed(error))?;
        Ok(counted.result.map_or(0, |result| result.count as usize))
    }

    /// Points in the order of their ids, after one of them.
    async fn page(
        &self,
        filter: Option<Filter>,
        after: Option<Uuid>,
        limit: usize,
        vectors: bool,
    ) -> Result<Vec<RetrievedPoint>, StoreError> {
        // The offset itself is given back too.
        let more = limit.saturating_add(usize::from(after.is_some())).min(u32::MAX as usize) as u32;
        let mut request =
            ScrollPointsBuilder::new(&self.collection).limit(more).with_payload(true).with_vectors(vectors);
        if let Some(filter) = filter {
            request = request.filter(filter);
        }
        if let Some(after) = after {
            request = request.offset(after.to_string());
        }
        let found = self.client.scroll(request).await.map_err(|error| self.failed(error))?.result;
        let is_after = |point: &RetrievedPoint| after.is_none() || id(point.id.clone()).ok() != after;
        Ok(found.into_iter().filter(is_after).take(limit).collect())
    }

    async fn payloads(&self, filter: Filter, limit: usize) -> Result<Vec<Payload>, StoreError> {
        let found = self.page(Some(filter), None, limit, false).await?;
        let found = found.into_iter().map(|point| payload(point.payload));
        found.collect::<Result<_, _>>().map_err(|reason| self.unfit(reason))
    }

    async fn nearest(&self, query: &Query, wanted: Wanted) -> Result<Vec<Record>, StoreError> {
        let Some(request) = nearest(&self.collection, query, wanted) else { return Ok(Vec::new()) };
        let found = self.client.query(request).await.map_err(|error| self.failed(error))?.result;
        let found = found.into_iter().map(|found| record(found.id, found.payload, found.vectors));
        found.collect::<Result<_, _>>().map_err(|reason| self.unfit(reason))
    }
}

/// The request for one ranking, if it is looked for.
fn nearest(collection: &str, query: &Query, wanted: Wanted) -> Option<QueryPointsBuilder> {
    let (vector, name) = wanted.of(query)?;
    let request = QueryPointsBuilder::new(collection)
        .query(vector)
        .using(name)
        .limit(fuse::depth(query.limit) as u64)
        .with_payload(true)
        .with_vectors(true);
    Some(match with_tags(&query.tags) {
        Some(filter) => request.filter(filter),
        None => request,
    })
}

impl VectorStore for Server {
    fn provider(&self) -> &'static str {
        "qdrant"
    }

    fn contents(&self) -> Reply<'_, Contents> {
        async move {
            let first = self.page(None, None, 1, false).await?.pop();
            let first =
                first.map(|point| payload(point.payload)).transpose().map_err(|reason| self.unfit(reason))?;
            Ok(Contents {
                model: first.map(|payload| payload.model).unwrap_or_default(),
                dimension: self.dimension,
            })
        }
        .boxed()
    }

    fn content_hash(&self, source: String) -> Reply<'_, Option<String>> {
        async move { Ok(agreed(self.payloads(numbered(&source, 0, 0), 2).await?)) }.boxed()
    }

    fn replace(&self, source: String, records: Vec<Record>) -> Reply<'_, ()> {
        async move {
            let ids: Vec<Uuid> = records.iter().map(|record| record.id).collect();
            let (most, seal) = sealed(records);
            self.write(most).await?;
            self.delete(not_among(&source, &ids, true)).await?;
            self.write(seal).await?;
            self.delete(not_among(&source, &ids, false)).await
        }
        .boxed()
    }

    fn sources(&self) -> Reply<'_, Vec<Source>> {
        async move {
            let (mut sources, mut after) = (Default::default(), None);
            loop {
                let page = self.page(None, after, BATCH, false).await?;
                let Some(last) = page.last() else { break };
                after = Some(id(last.id.clone()).map_err(|reason| self.unfit(reason))?);
                let page =
                    page.into_iter().map(|point| payload(point.payload)).collect::<Result<Vec<_>, _>>();
                gather(&mut sources, page.map_err(|reason| self.unfit(reason))?);
            }
            Ok(sources.into_values().collect())
        }
        .boxed()
    }

    fn remove(&self, source: String) -> Reply<'_, usize> {
        async move {
            let there = self.counted(Some(within(&source))).await?;
            self.delete(within(&source)).await?;
            Ok(there)
        }
        .boxed()
    }

    fn neighbours(&self, source: String, first: u32, last: u32) -> Reply<'_, Vec<Passage>> {
        async move {
            let limit = last.saturating_sub(first) as usize + 1;
            Ok(in_order(self.payloads(numbered(&source, first, last), limit).await?))
        }
        .boxed()
    }

    fn records(&self, after: Option<Uuid>, limit: usize) -> Reply<'_, Vec<Record>> {
        async move {
            let found = self.page(None, after, limit, true).await?;
            let found = found.into_iter().map(|point| record(point.id, point.payload, point.vectors));
            found.collect::<Result<_, _>>().map_err(|reason| self.unfit(reason))
        }
        .boxed()
    }

    fn query(&self, query: Query) -> Reply<'_, Vec<Passage>> {
        async move {
            let (by_meaning, by_words) =
                tokio::try_join!(self.nearest(&query, Wanted::Meaning), self.nearest(&query, Wanted::Words))?;
            Ok(fuse::fuse(&query, by_meaning, by_words))
        }
        .boxed()
    }

    fn count(&self) -> Reply<'_, usize> {
        self.counted(None).boxed()
    }

    fn flush(&self) -> Reply<'_, ()> {
        // The server looks after its own files: what it answered is in its log.
        async { Ok(()) }.boxed()
    }

    fn settle(&self) -> Reply<'_, ()> {
        async { Ok(()) }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use qdrant_client::qdrant::{CreateCollection, QueryPoints};

    use super::*;
    use crate::Sparse;

    #[test]
    fn a_collection_is_made_with_both_vectors_and_words_weigh_by_their_rarity() {
        let made: CreateCollection = made("knowledge", 384).into();
        let words = &made.sparse_vectors_config.unwrap().map[SPARSE];
        assert_eq!(words.modifier, Some(Modifier::Idf as i32));
        let Some(VectorsConfig::ParamsMap(map)) = made.vectors_config.unwrap().config else { panic!() };
        assert_eq!((map.map[DENSE].size, map.map[DENSE].distance), (384, Distance::Cosine as i32));
    }

    #[test]
    fn each_ranking_has_its_request_with_all_tags_and_no_request_for_nothing() {
        let query = Query {
            dense: vec![1.0, 0.0],
            sparse: Sparse { indices: vec![3, 7], values: vec![1.0, 1.0] },
            tags: [("language", "en"), ("shop", "south \"1\"")]
                .map(|(key, value)| (key.into(), value.into()))
                .into(),
            limit: 3,
            min_score: 0.3,
        };
        for (wanted, name) in [(Wanted::Meaning, DENSE), (Wanted::Words, SPARSE)] {
            let request: QueryPoints = nearest("knowledge", &query, wanted).unwrap().into();
            assert_eq!((request.using.as_deref(), request.limit), (Some(name), Some(fuse::depth(3) as u64)));
            let conditions = format!("{:?}", request.filter.unwrap().must);
            assert!(
                conditions.contains(r#"Keyword("language=en")"#)
                    && conditions.contains(r#"Keyword("shop=south \"1\"")"#),
                "{conditions}"
            );
        }
        let nothing = Query { limit: 3, ..Query::default() };
        assert!(nearest("knowledge", &nothing, Wanted::Meaning).is_none());
        assert!(nearest("knowledge", &nothing, Wanted::Words).is_none());
    }
}
