//! How many spans went where, since the start.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts of spans, over all sinks; with several sinks a span counts once in each.
#[derive(Debug, Default)]
pub struct Counters {
    exported: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

/// [`Counters`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Figures {
    /// Taken by a sink.
    pub exported: u64,
    /// Given up because a queue or the memory for an absent sink was full.
    pub dropped: u64,
    /// Refused by a sink as bad.
    pub failed: u64,
}

impl Counters {
    /// The counts now.
    pub fn figures(&self) -> Figures {
        Figures {
            exported: self.exported.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            failed: self.failed.load(Relaxed),
        }
    }

    pub(crate) fn add_exported(&self, spans: usize) {
        self.exported.fetch_add(spans as u64, Relaxed);
    }

    pub(crate) fn add_dropped(&self, spans: usize) {
        self.dropped.fetch_add(spans as u64, Relaxed);
    }

    pub(crate) fn add_failed(&self, spans: usize) {
        self.failed.fetch_add(spans as u64, Relaxed);
    }
}
