//! One contract for every store.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::sync::Arc;

use voce_rag::{Payload, Record, Sparse, StoreError, VectorStore, open_embedded, open_server};

const DIMENSION: usize = 4;

fn record(source: &str, chunk: u32, hash: &str, vector: [f32; DIMENSION]) -> Record {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    let name = format!("{source}/{chunk}/{hash}");
    Record {
        id: uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, name.as_bytes()),
        vector: vector.iter().map(|value| value / length).collect(),
        sparse: Sparse::default(),
        payload: Payload {
            text: format!("text {chunk} of {source}"),
            source: source.into(),
            heading: "Title > Part".into(),
            chunk,
            content_hash: hash.into(),
            model: "test-model".into(),
            tags: Default::default(),
        },
    }
}

/// What a store must keep, whatever it is. `store` is new and empty.
async fn contract(store: Arc<dyn VectorStore>) {
    let contents = store.contents().await.unwrap();
    assert_eq!((contents.model.as_str(), contents.dimension), ("", DIMENSION));
    assert_eq!(store.count().await.unwrap(), 0);
    assert!(store.search(vec![1.0, 0.0, 0.0, 0.0], 3, -1.0).await.unwrap().is_empty());
    assert_eq!(store.content_hash("a.md".into()).await.unwrap(), None);

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

    // More than one write's worth, searched by many at once.
    let many = (0..600).map(|chunk| record("many.md", chunk, "m", [0.0, 1.0, chunk as f32 / 600.0, 0.0]));
    store.replace("many.md".into(), many.collect()).await.unwrap();
    store.settle().await.unwrap();
    let searches = (0..16).map(|_| store.search(vec![0.0, 1.0, 0.0, 0.0], 3, 0.0));
    for found in futures_util::future::join_all(searches).await {
        assert_eq!(found.unwrap()[0].source, "many.md");
    }
}

#[tokio::test]
async fn the_embedded_store_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    contract(open_embedded(folder.path(), Some(DIMENSION)).unwrap().unwrap()).await;
}

#[tokio::test]
async fn the_server_store_keeps_the_contract() {
    let Ok(url) = std::env::var("QDRANT_URL") else {
        println!("SKIPPED: set QDRANT_URL to a Qdrant server's gRPC address to test against it");
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
