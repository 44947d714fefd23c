//! A knowledge base for the calls of one scenario.
use std::{path::Path, sync::Arc};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use voce_core::Knowledge;
use voce_models::Store;
use voce_rag::StoreKind;

use crate::config::Config;

/// Documents that are known until this is dropped.
pub struct Temporary {
    knowledge: Arc<dyn Knowledge>,
    _folder: TempDir,
}

impl Temporary {
    /// Reads the documents of `documents` into an embedded store of their own.
    pub async fn of(config: &Config, documents: &Path) -> Result<Self> {
        ensure!(
            documents.is_dir(),
            "knowledge {} is not there; expected a folder of documents",
            documents.display()
        );
        let folder = tempfile::tempdir().context("a folder for the scenario's knowledge base")?;
        let path = Some(folder.path().to_owned());
        let knowledge = voce_rag::Config { store: StoreKind::Embedded, path, ..config.knowledge.clone() };
        let store = Store::open(&config.models)?;
        let read = voce_rag::ingest(&knowledge, &store, &[documents.to_owned()], |_| {}).await?;
        if let Some(failure) = read.failed.first() {
            bail!("knowledge {}: {}", failure.path.display(), failure.reason);
        }
        ensure!(read.chunks_in_all > 0, "knowledge {} holds no documents", documents.display());
        let built = tokio::task::spawn_blocking(move || voce_rag::build(&knowledge, &store)).await??;
        let knowledge = built.context("an embedded store is one")?;
        Ok(Self { knowledge, _folder: folder })
    }

    /// What answers stand on.
    pub fn knowledge(&self) -> Arc<dyn Knowledge> {
        self.knowledge.clone()
    }
}
