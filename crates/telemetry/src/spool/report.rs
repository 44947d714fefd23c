//! What lies in the spool's folder, for those who ask while nothing runs: `voce doctor`.
use std::path::PathBuf;

use super::{
    slots::{files_in, sink_of},
    store::{Store, StoreError},
};
use crate::{Config, environment};

/// One spool file.
#[derive(Clone, Debug, serde::Serialize)]
pub struct SpoolFile {
    /// Where it is.
    pub path: PathBuf,
    /// The sink that it is for, as files call it.
    pub sink: String,
    /// The address of that sink, if it is still configured.
    pub url: Option<String>,
    /// Whether a running process has it; then what is in it is not known.
    pub in_use: bool,
    /// Spans that wait in it.
    pub spans: u64,
    /// Bytes that wait in it.
    pub bytes: u64,
    /// Age of the oldest, seconds; `None` when nothing waits.
    pub oldest_seconds: Option<f64>,
    /// Why it cannot be read.
    pub problem: Option<String>,
}

/// The spool files of this configuration and what waits in them. Blocking. Without a folder there are none.
pub fn spool_files(config: &Config) -> Vec<SpoolFile> {
    let settings = environment::settings(config, &environment::process).ok().flatten();
    let sinks: Vec<(String, String)> = settings
        .map(|settings| settings.sinks)
        .unwrap_or_default()
        .iter()
        .map(|sink| (sink.name(), sink.base.to_string()))
        .collect();
    let files = files_in(&config.spool.folder()).unwrap_or_default();
    files
        .into_iter()
        .filter_map(|path| {
            let sink = sink_of(&path)?;
            let url = sinks.iter().find(|(name, _)| *name == sink).map(|(_, url)| url.clone());
            Some(read(path, sink, url))
        })
        .collect()
}

fn read(path: PathBuf, sink: String, url: Option<String>) -> SpoolFile {
    let mut file =
        SpoolFile { path, sink, url, in_use: false, spans: 0, bytes: 0, oldest_seconds: None, problem: None };
    match Store::open(&file.path, u64::MAX) {
        Ok(store) => {
            file.spans = store.spans();
            file.bytes = store.bytes();
            file.oldest_seconds = store.oldest_ms().map(crate::counters::seconds_since);
        }
        Err(StoreError::InUse) => file.in_use = true,
        Err(StoreError::Damaged(reason) | StoreError::Disk(reason)) => file.problem = Some(reason),
    }
    file
}
