//! Documents that were read go into the store some at a time: what is embedded together uses all cores, and what is
//! flushed together costs one wait for the disk.
use std::{collections::HashMap, path::PathBuf, sync::Arc};

use uuid::Uuid;
use voce_core::EngineError;

use super::{Outcome, blocking, failed, read::Fresh};
use crate::{
    Embedder,
    files::hash,
    sparse,
    store::{Payload, Record, VectorStore},
};

/// Texts that are embedded before it is told.
const EMBEDDED: usize = 64;

/// Writes `documents` and waits until they would outlast a crash. `embedded` hears of so many chunks more.
pub async fn write(
    documents: Vec<Fresh>,
    store: &dyn VectorStore,
    embedder: &Arc<Embedder>,
    mut embedded: impl FnMut(usize),
) -> Result<Vec<(PathBuf, Outcome)>, EngineError> {
    let texts = documents.iter().flat_map(|document| &document.chunks).map(|chunk| chunk.embedded_text());
    let texts: Vec<String> = texts.collect();
    let mut vectors = Vec::with_capacity(texts.len());
    for texts in texts.chunks(EMBEDDED) {
        let (texts, embedder) = (texts.to_vec(), embedder.clone());
        let count = texts.len();
        vectors.extend(blocking(move || embedder.embed_all(&texts)).await??);
        embedded(count);
    }
    let mut vectors = vectors.into_iter();
    let mut outcomes = Vec::with_capacity(documents.len());
    for document in documents {
        let count = document.chunks.len();
        let outcome = if document.is_stored { Outcome::Replaced(count) } else { Outcome::Added(count) };
        let source = document.source.clone();
        let records = records(document, embedder.name(), &mut vectors);
        store.replace(source.clone(), records).await.map_err(failed)?;
        outcomes.push((PathBuf::from(source), outcome));
    }
    store.flush().await.map_err(failed)?;
    Ok(outcomes)
}

fn records(document: Fresh, model: &str, vectors: &mut impl Iterator<Item = Vec<f32>>) -> Vec<Record> {
    let Fresh { source, content_hash, tags, chunks, .. } = document;
    let mut seen: HashMap<String, usize> = HashMap::new();
    let records = chunks.into_iter().zip(vectors).zip(0..).map(|((chunk, vector), place)| {
        let chunk_hash = hash(&[chunk.heading.as_bytes(), chunk.text.as_bytes()]);
        let before = seen.entry(chunk_hash.clone()).or_default();
        // The second of two equal chunks is another one: neighbours are found by their places.
        let identity = match *before {
            0 => format!("{source}\n{chunk_hash}"),
            again => format!("{source}\n{chunk_hash}\n{again}"),
        };
        *before += 1;
        Record {
            id: Uuid::new_v5(&Uuid::NAMESPACE_URL, identity.as_bytes()),
            vector,
            sparse: sparse::of_document(&chunk.embedded_text()),
            payload: Payload {
                text: chunk.text,
                source: source.clone(),
                heading: chunk.heading,
                chunk: place,
                content_hash: content_hash.clone(),
                model: model.to_owned(),
                tags: tags.clone(),
            },
        }
    });
    records.collect()
}
