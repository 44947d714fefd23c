//! What an operator can set about the knowledge base.
use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};
use voce_models::Device;

/// Where the vectors stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// In a folder, opened by this process alone.
    #[default]
    Embedded,
    /// On a Qdrant server.
    Qdrant,
    /// Nowhere: the assistant answers from the language model alone.
    None,
}

/// `[knowledge]`: the documents that answers stand on. The key for a Qdrant server comes from the environment
/// variable `QDRANT_API_KEY` only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `embedded`, `qdrant` or `none`.
    pub store: StoreKind,
    /// Folder of the embedded store. Empty: `voce/knowledge` in the user's data folder.
    pub path: Option<PathBuf>,
    /// Address of the Qdrant server's gRPC port, for `store = "qdrant"`.
    pub url: String,
    /// Name of the collection.
    pub collection: String,
    /// Cosine similarity, -1 to 1, below which a passage counts as unrelated, unless it has most of the question's words.
    /// Fits the model: another one needs another value.
    pub min_score: f32,
    /// Chunks before and after a passage that are given with it, where they stand under the same heading.
    pub neighbours: u32,
    /// Embedding model in the model store: a BERT with `model.safetensors`, `config.json`, `tokenizer.json`, pooled by
    /// its mean. Whoever changes it must ingest again.
    pub model: String,
    /// Where embeddings are computed: `auto`, `cpu`, or `cuda`, for which the binary has to be built with the feature of that
    /// name; otherwise `auto` is the CPU.
    pub device: Device,
    /// Threads of one embedding. One is best for questions; two help with long documents only.
    pub threads: usize,
    /// Model in the model store that reads question and passage together to put the best first, e.g.
    /// `ms-marco-minilm-l6-v2`: a BERT with one output. Empty: none.
    pub reranker: String,
    /// Longest wait for it, ms; when it is over the passages stay as they were found.
    pub reranker_ms: u64,
    /// Tags that a passage's source must have, all of them (`voce ingest --tag language=en`).
    pub tags: BTreeMap<String, String>,
    /// The largest document that is ingested, bytes.
    pub max_file_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            store: StoreKind::Embedded,
            path: None,
            url: "http://127.0.0.1:6334".into(),
            collection: "knowledge".into(),
            min_score: 0.36,
            neighbours: 0,
            model: "all-minilm-l6-v2".into(),
            device: Device::Auto,
            threads: 1,
            reranker: String::new(),
            reranker_ms: 200,
            tags: BTreeMap::new(),
            max_file_bytes: 32 << 20,
        }
    }
}

impl Config {
    /// The folder of the embedded store: `path`, else `voce/knowledge` under `$XDG_DATA_HOME` or `~/.local/share`.
    pub fn folder(&self) -> PathBuf {
        self.path.clone().unwrap_or_else(|| {
            let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
            let data = std::env::var_os("XDG_DATA_HOME").filter(|value| !value.is_empty());
            data.map_or_else(|| home().join(".local/share"), PathBuf::from).join("voce/knowledge")
        })
    }

    /// Where the collection is, in words for messages.
    pub fn place(&self) -> String {
        match self.store {
            StoreKind::Embedded => self.folder().join(&self.collection).display().to_string(),
            StoreKind::Qdrant => format!("{} (collection {:?})", self.url, self.collection),
            StoreKind::None => "nowhere".into(),
        }
    }
}
