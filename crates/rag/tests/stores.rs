//! One contract for every store.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::{collections::BTreeMap, sync::Arc};

use voce_core::Passage;
use voce_rag::{
    Payload, Query, Record, StoreError, VectorStore, of_document, of_question, open_embedded, open_server,
};

const DIMENSION: usize = 4;

fn record(source: &str, chunk: u32, hash: &str, vector: [f32; DIMENSION]) -> Record {
    worded(source, chunk, hash, vector, &format!("text {chunk} of {source}"))
}

fn worded(source: &str, chunk: u32, hash: &str, vector: [f32; DIMENSION], text: &str) -> Record {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    let name = format!("{source}/{chunk}/{hash}");
    Record {
        id: uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, name.as_bytes()),
        vector: vector.iter().map(|value| value / length).collect(),
        sparse: of_document(text),
        payload: Payload {
            text: text.into(),
            source: source.into(),
            heading: "Title > Part".into(),
            chunk,
            content_hash: hash.into(),
            model: "test-model".into(),
            tags: BTreeMap::default(),
        },
    }
}

fn tagged(record: Record, tags: &[(&str, &str)]) -> Record {
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Record { payload: Payload { tags, ..record.payload.clone() }, ..record }
}

fn places(found: &[Passage]) -> Vec<(&str, u32)> {
    found.iter().map(|passage| (passage.source.as_str(), passage.chunk)).collect()
}

/// What a store must keep, whatever it is. `store` is new and empty.
async fn contract(store: Arc<dyn VectorStore>) {
    is_empty_at_first(&*store).await;
    finds_by_meaning_and_replaces(&*store).await;
    finds_by_words(&*store).await;
    filters_by_tags(&*store).await;
    knows_neighbours_sources_and_records(&*store).await;
    counts_a_source_cut_short_as_not_stored(&*store).await;
    takes_many_at_once(&store).await;
}

async fn is_empty_at_first(store: &dyn VectorStore) {
    let contents = store.contents().await.unwrap();
    assert_eq!((contents.model.as_str(), contents.dimension), ("", DIMENSION));
    assert_eq!(store.count().await.unwrap(), 0);
    assert!(store.search(vec![1.0, 0.0, 0.0, 0.0], 3, -1.0).await.unwrap().is_empty());
    assert_eq!(store.content_hash("a.md".into()).await.unwrap(), None);
    let words = Query { sparse: of_question("pump"), limit: 3, ..Query::default() };
    assert!(store.query(words).await.unwrap().is_empty());
    assert!(store.query(Query { limit: 3, ..Query::default() }).await.unwrap().is_empty());
    assert!(store.sources().await.unwrap().is_empty());
    assert_eq!(store.remove("a.md".into()).await.unwrap(), 0);
    assert!(store.neighbours("a.md".into(), 0, 9).await.unwrap().is_empty());
    assert!(store.records(None, 9).await.unwrap().is_empty());
    store.flush().await.unwrap();
    store.settle().await.unwrap();
}

async fn finds_by_meaning_and_replaces(store: &dyn VectorStore) {
    let a =
        vec![record("a.md", 0, "one", [1.0, 0.0, 0.0, 0.0]), record("a.md", 1, "one", [1.0, 1.0, 0.0, 0.0])];
    store.replace("a.md".into(), a).await.unwrap();
    store
        .replace("b \"c\".md".into(), vec![record("b \"c\".md", 0, "x", [0.0, 0.0, 1.0, 0.0])])
        .await
        .unwrap();
    store.settle().await.unwrap();
    assert_eq!(store.contents().await.unwrap().model, "test-model");
    assert_eq!(store.count().await.unwrap(), 3);
    assert_eq!(store.content_hash("a.md".into()).await.unwrap().as_deref(), Some("one"));
    assert_eq!(store.content_hash("b \"c\".md".into()).await.unwrap().as_deref(), Some("x"));
    assert_eq!(store.content_hash("a".into()).await.unwrap(), None, "a name is matched whole");

    // Best first, with all fields, within the limit and not below the score.
    let found = store.search(vec![1.0, 0.0, 0.0, 0.0], 10, 0.5).await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].text, "text 0 of a.md");
    assert_eq!(
        (found[1].source.as_str(), found[1].heading.as_str(), found[1].chunk),
        ("a.md", "Title > Part", 1)
    );
    assert!((found[0].score - 1.0).abs() < 1e-4 && (found[1].score - 0.5f32.sqrt()).abs() < 1e-4);
    assert_eq!(store.search(vec![1.0, 0.0, 0.0, 0.0], 1, -1.0).await.unwrap().len(), 1);

    // Replacing leaves nothing of the old and all of the others.
    store.replace("a.md".into(), vec![record("a.md", 0, "two", [0.0, 1.0, 0.0, 0.0])]).await.unwrap();
    assert_eq!(store.count().await.unwrap(), 2);
    assert_eq!(store.content_hash("a.md".into()).await.unwrap().as_deref(), Some("two"));
    assert!(store.search(vec![1.0, 0.0, 0.0, 0.0], 10, 0.5).await.unwrap().is_empty());
    store.replace("a.md".into(), Vec::new()).await.unwrap();
    assert_eq!(store.count().await.unwrap(), 1);
    assert_eq!(store.content_hash("a.md".into()).await.unwrap(), None);
    assert_eq!(store.remove("b \"c\".md".into()).await.unwrap(), 1);
}

async fn finds_by_words(store: &dyn VectorStore) {
    let texts = [
        "The pump WP-200 has 800 watts.",
        "The pump of the other type has 600 watts.",
        "A filter for the pump.",
        "The shop opens at eight, the pump stays outside.",
    ];
    let words =
        texts.iter().zip(0..).map(|(text, chunk)| worded("words.md", chunk, "w", [0.0, 0.3, 1.0, 0.0], text));
    store.replace("words.md".into(), words.collect()).await.unwrap();
    let asked = |question: &str| Query { sparse: of_question(question), limit: 2, ..Query::default() };
    let found = store.query(asked("What is the WP200 pump?")).await.unwrap();
    assert_eq!(
        (found[0].chunk, found[0].score),
        (0, 0.0),
        "rare words count most, and there is no similarity"
    );
    assert_eq!(found.len(), 2);
    assert_eq!(store.query(asked("filters")).await.unwrap()[0].chunk, 2);
    assert!(store.query(asked("bicycle")).await.unwrap().is_empty());

    // By both: the words decide among what means the same, and the score is the similarity.
    let both = Query { dense: vec![0.0, 0.0, 1.0, 0.0], min_score: 0.5, ..asked("When does the shop open?") };
    let found = store.query(both).await.unwrap();
    assert_eq!(found[0].chunk, 3);
    assert!((found[0].score - 1.0 / 1.09f32.sqrt()).abs() < 1e-4, "{}", found[0].score);
    let unlike = Query { dense: vec![1.0, 0.0, 0.0, 0.0], min_score: 0.5, ..asked("shop open") };
    assert!(store.query(unlike).await.unwrap().is_empty(), "nothing relevant is an answer");
    store.remove("words.md".into()).await.unwrap();
}

async fn filters_by_tags(store: &dyn VectorStore) {
    let vector = [1.0, 0.0, 0.0, 0.0];
    for (source, tags) in [
        ("en.md", vec![("language", "en"), ("a key \"of\" ours", "x=y")]),
        ("de.md", vec![("language", "de")]),
        ("any.md", vec![]),
    ] {
        let tagged = tagged(worded(source, 0, "t", vector, "the pump"), &tags);
        store.replace(source.into(), vec![tagged]).await.unwrap();
    }
    for (tags, expected) in [
        (vec![], vec!["any.md", "de.md", "en.md"]),
        (vec![("language", "en")], vec!["en.md"]),
        (vec![("language", "en"), ("a key \"of\" ours", "x=y")], vec!["en.md"]),
        (vec![("language", "de"), ("a key \"of\" ours", "x=y")], vec![]),
        (vec![("language", "fr")], vec![]),
    ] {
        let tags = tags.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let by_both =
            Query { dense: vector.to_vec(), sparse: of_question("pumps"), tags, limit: 9, min_score: 0.0 };
        for query in [Query { dense: vec![], ..by_both.clone() }, by_both] {
            let mut found = store.query(query).await.unwrap();
            found.sort_by(|one, other| one.source.cmp(&other.source));
            let found: Vec<&str> = found.iter().map(|passage| passage.source.as_str()).collect();
            assert_eq!(found, expected);
        }
    }
    let sources = store.sources().await.unwrap();
    let tags: Vec<_> = sources.iter().map(|source| source.tags.get("language").map(String::as_str)).collect();
    assert_eq!(tags, [None, Some("de"), Some("en")]);
    for source in sources {
        assert_eq!(store.remove(source.name).await.unwrap(), 1);
    }
}

async fn knows_neighbours_sources_and_records(store: &dyn VectorStore) {
    let names = ["Straße/über uns.md", "文書/営業時間.md", "https://example.com/a?b=c&d#e", "a/../b 🙂.md"];
    for name in names {
        let records = (0..5).map(|chunk| record(name, chunk, "n", [1.0, chunk as f32, 0.0, 0.0]));
        store.replace(name.into(), records.collect()).await.unwrap();
    }
    let sources = store.sources().await.unwrap();
    let mut expected = names;
    expected.sort_unstable();
    assert_eq!(sources.iter().map(|source| source.name.as_str()).collect::<Vec<_>>(), expected);
    assert!(sources.iter().all(|source| source.chunks == 5 && source.content_hash == "n"));

    for name in names {
        let near = |first, last| store.neighbours(name.into(), first, last);
        assert_eq!(places(&near(1, 3).await.unwrap()), [(name, 1), (name, 2), (name, 3)]);
        assert_eq!(places(&near(4, 9).await.unwrap()), [(name, 4)]);
        assert!(near(7, 9).await.unwrap().is_empty());
    }

    // Page by page, each once, as it was written.
    let mut all: Vec<Record> = Vec::new();
    loop {
        let page = store.records(all.last().map(|record| record.id), 7).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 7);
        all.extend(page);
    }
    assert_eq!(all.len(), 20);
    assert!(all.is_sorted_by(|one, other| one.id < other.id));
    let written = record(names[1], 2, "n", [1.0, 2.0, 0.0, 0.0]);
    let read = all.iter().find(|record| record.id == written.id).unwrap();
    assert_eq!((&read.sparse, &read.payload), (&written.sparse, &written.payload));
    assert!(read.vector.iter().zip(&written.vector).all(|(one, other)| (one - other).abs() < 1e-6));
    for name in names {
        assert_eq!(store.remove(name.into()).await.unwrap(), 5);
    }
    assert_eq!(store.count().await.unwrap(), 0);
}

async fn counts_a_source_cut_short_as_not_stored(store: &dyn VectorStore) {
    // What stands there when a first ingestion stopped before the end: all but the first chunk.
    let rest = vec![record("cut.md", 1, "new", [1.0, 0.0, 0.0, 0.0])];
    store.replace("cut.md".into(), rest).await.unwrap();
    assert_eq!(store.content_hash("cut.md".into()).await.unwrap(), None);
    let whole = (0..3).map(|chunk| record("cut.md", chunk, "new", [1.0, 0.0, 0.0, 0.0]));
    store.replace("cut.md".into(), whole.collect()).await.unwrap();
    assert_eq!(store.content_hash("cut.md".into()).await.unwrap().as_deref(), Some("new"));
    assert_eq!(store.remove("cut.md".into()).await.unwrap(), 3);
}

/// More than one write's worth, searched by many at once, also while it is replaced.
async fn takes_many_at_once(store: &Arc<dyn VectorStore>) {
    let many = |hash: &'static str| {
        let many = (0..600).map(move |chunk| {
            let vector = [0.0, 1.0, chunk as f32 / 600.0, 0.0];
            worded("many.md", chunk, hash, vector, &format!("chunk {hash}"))
        });
        many.collect::<Vec<_>>()
    };
    store.replace("many.md".into(), many("first")).await.unwrap();
    store.settle().await.unwrap();
    let mut replacing = tokio::task::JoinSet::new();
    let (replaced, seconds) = (store.clone(), many("second"));
    replacing.spawn(async move {
        replaced.replace("many.md".into(), seconds).await.unwrap();
        replaced.settle().await.unwrap();
    });
    let question = Query {
        dense: vec![0.0, 1.0, 0.0, 0.0],
        sparse: of_question("first or second chunk"),
        limit: 20,
        ..Query::default()
    };
    loop {
        let last = replacing.try_join_next().map(Result::unwrap).is_some();
        let searches = (0..4).map(|_| store.query(question.clone()));
        for found in futures_util::future::join_all(searches).await {
            let found = found.unwrap();
            let texts: std::collections::BTreeSet<&str> =
                found.iter().map(|passage| passage.text.as_str()).collect();
            assert_eq!((found.len(), texts.len()), (20, 1), "old and new are not mixed: {texts:?}");
            assert!(!last || texts.contains("chunk second"), "{texts:?}");
        }
        if last {
            break;
        }
    }
    assert_eq!(store.count().await.unwrap(), 600);
    store.remove("many.md".into()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_store_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    contract(open_embedded(folder.path(), Some(DIMENSION)).unwrap().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_store_keeps_the_contract() {
    let Ok(url) = std::env::var("QDRANT_URL") else {
        eprintln!("SKIPPED: set QDRANT_URL to a Qdrant server's gRPC address to test against it");
        return;
    };
    let collection = format!("voce-contract-{}", std::process::id());
    let key = std::env::var("QDRANT_API_KEY").ok();
    assert!(open_server(&url, key.clone(), &collection, None).await.unwrap().is_none());
    let store = open_server(&url, key.clone(), &collection, Some(DIMENSION)).await.unwrap().unwrap();
    contract(store).await;
    voce_rag::remove_server(&url, key, &collection).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_that_says_what_to_check() {
    let error = open_server("http://127.0.0.1:9", None, "any", None).await.err().unwrap().to_string();
    assert!(error.contains("http://127.0.0.1:9") && error.contains("knowledge.url"), "{error}");
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening_and_takes_little_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_embedded(folder.path(), Some(DIMENSION)).unwrap().unwrap();
    store.replace("a.md".into(), vec![record("a.md", 0, "one", [1.0, 0.0, 0.0, 0.0])]).await.unwrap();
    store.settle().await.unwrap();
    drop(store);
    let store = open_embedded(folder.path(), None).unwrap().unwrap();
    assert_eq!(store.count().await.unwrap(), 1);
    assert_eq!(store.content_hash("a.md".into()).await.unwrap().as_deref(), Some("one"));
    let log: u64 = std::fs::read_dir(folder.path().join("wal"))
        .unwrap()
        .flatten()
        .map(|entry| entry.metadata().unwrap().len())
        .sum();
    assert!(log <= 12 << 20, "the write-ahead log takes {log} bytes");
}

/// The folder as it stands when a process is killed: what was not flushed is lost, what was is whole.
#[tokio::test]
async fn what_was_flushed_survives_a_process_that_does_not_close() {
    let (folder, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open_embedded(folder.path(), Some(DIMENSION)).unwrap().unwrap();
    let written = |source: &str, count| {
        (0..count)
            .map(|chunk| record(source, chunk, "one", [1.0, chunk as f32, 0.0, 0.0]))
            .collect::<Vec<_>>()
    };
    store.replace("kept.md".into(), written("kept.md", 300)).await.unwrap();
    store.flush().await.unwrap();
    store.replace("cut.md".into(), written("cut.md", 300)).await.unwrap();
    copied(folder.path(), copy.path());

    let store = open_embedded(copy.path(), None).unwrap().unwrap();
    assert_eq!(store.content_hash("kept.md".into()).await.unwrap().as_deref(), Some("one"));
    assert_eq!(store.neighbours("kept.md".into(), 0, 999).await.unwrap().len(), 300);
    if store.content_hash("cut.md".into()).await.unwrap().is_some() {
        assert_eq!(store.neighbours("cut.md".into(), 0, 999).await.unwrap().len(), 300);
    }
    store.replace("cut.md".into(), written("cut.md", 2)).await.unwrap();
    assert_eq!(store.count().await.unwrap(), 302);
}

fn copied(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A collection as the version before made it: without words.
fn of_an_earlier_version(folder: &std::path::Path) {
    use qdrant_edge::{
        Distance, EdgeConfigBuilder, EdgeShard, EdgeVectorParamsBuilder, PointId, PointInsertOperations,
        PointOperations, PointStruct, UpdateOperation, Vector, Vectors,
    };
    let dense = EdgeVectorParamsBuilder::new(DIMENSION, Distance::Cosine).build();
    let shard = EdgeShard::new(folder, EdgeConfigBuilder::new().vector("dense", dense).build()).unwrap();
    let points = (0..300).map(|chunk| {
        let Record { id, vector, payload, .. } =
            record("old.md", chunk, "one", [1.0, chunk as f32, 0.0, 0.0]);
        let mut fields = serde_json::to_value(&payload).unwrap();
        fields.as_object_mut().unwrap().remove("tags");
        let vectors = Vectors::new_named([("dense", Vector::new_dense(vector))]);
        PointStruct::new(PointId::Uuid(id), vectors, fields).into()
    });
    let new = PointOperations::UpsertPoints(PointInsertOperations::PointsList(points.collect()));
    shard.update(UpdateOperation::PointOperation(new)).unwrap();
    shard.flush();
}

#[tokio::test]
async fn a_collection_of_an_earlier_version_is_refused_by_readers_and_renewed_by_ingestion() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("knowledge");
    std::fs::create_dir(&folder).unwrap();
    of_an_earlier_version(&folder);
    let error = open_embedded(&folder, None).err().unwrap();
    assert!(matches!(error, StoreError::Old { .. }) && error.to_string().contains("voce ingest"), "{error}");

    let store = open_embedded(&folder, Some(DIMENSION)).unwrap().unwrap();
    assert_eq!(store.count().await.unwrap(), 300);
    assert_eq!(store.content_hash("old.md".into()).await.unwrap().as_deref(), Some("one"));
    let words = Query { sparse: of_question("text 123"), limit: 1, ..Query::default() };
    assert_eq!(store.query(words.clone()).await.unwrap()[0].chunk, 123);
    drop(store);
    let store = open_embedded(&folder, None).unwrap().unwrap();
    assert_eq!(store.query(words).await.unwrap()[0].chunk, 123);
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[tokio::test]
async fn a_folder_that_is_open_elsewhere_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let first = open_embedded(folder.path(), Some(DIMENSION)).unwrap().unwrap();
    let error = open_embedded(folder.path(), None).err().unwrap();
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("in use by another process"));
    drop(first);
    assert!(open_embedded(folder.path(), None).unwrap().is_some());
}

#[tokio::test]
async fn a_folder_never_ingested_into_holds_nothing_and_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("knowledge");
    assert!(open_embedded(&missing, None).unwrap().is_none());
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_broken_folder_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("edge_config.json"), "{").unwrap();
    let error = open_embedded(folder.path(), None).err().unwrap().to_string();
    assert!(error.contains(&folder.path().display().to_string()), "{error}");
}
