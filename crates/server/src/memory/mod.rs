//! What is remembered of callers between their calls: one small file each, off unless it is turned on.
mod config;
mod files;

use std::sync::Arc;

use anyhow::{Context, Result};
use voce_core::Memory;
use voce_telemetry::{Pattern, RedactConfig, Redactor};

use crate::config::Config;

pub use config::MemoryConfig;
pub use files::Files;

/// The memory that a configuration asks for; none where it is off. Deletes what is too old. Blocking.
pub fn of(config: &Config) -> Result<Option<Arc<dyn Memory>>> {
    if !config.memory.enabled {
        return Ok(None);
    }
    let files = open(config)?;
    files.delete_old().context("deleting what was remembered too long ago")?;
    Ok(Some(Arc::new(files)))
}

/// The memory's files, whether or not it is on.
pub fn open(config: &Config) -> Result<Files> {
    // What may not leave in a trace is not kept here either; cards and accounts never are.
    let mut telemetry = config.telemetry.clone();
    let RedactConfig { patterns, .. } = &mut telemetry.redact;
    patterns.extend([Pattern::Card, Pattern::Iban]);
    Ok(Files::new(config.memory.folder(), &config.memory, Redactor::new(&telemetry)?))
}
