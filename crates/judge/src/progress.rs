//! How judging goes, for metrics and the log.
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use crate::Trouble;

/// Shared by the loop and its tries.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Turns that waited when MLflow was asked last.
    pub(crate) waiting: AtomicUsize,
    /// Turns that were scored, and put aside, since the start.
    pub(crate) scored: AtomicUsize,
    pub(crate) dead: AtomicUsize,
    in_trouble: AtomicBool,
}

impl Progress {
    /// The model's server failed. Said once, until it answers again.
    pub(crate) fn troubled(&self, trouble: &Trouble) {
        if !self.in_trouble.swap(true, Relaxed) {
            tracing::warn!(
                kind = trouble.kind.as_str(),
                reason = trouble.message,
                "the judge's model cannot be asked; turns wait, and are scored when it answers"
            );
        }
    }

    pub(crate) fn well(&self) {
        if self.in_trouble.swap(false, Relaxed) {
            tracing::info!("the judge's model answers again");
        }
    }
}
