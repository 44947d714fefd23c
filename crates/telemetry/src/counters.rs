//! How much went where: counts since the start, and what waits now.
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use crate::{SinkKind, batch::Counted};

/// Counts of one sink since the start; or of the queue before all of them, which can only drop.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    exported: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
    spooled: AtomicU64,
    attachments_sent: AtomicU64,
    attachments_dropped: AtomicU64,
}

/// How many spans went where, since the start, over all sinks; with several sinks a span counts once in each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Taken by a sink.
    pub exported: u64,
    /// Given up because a queue, or the room for an absent sink, was full.
    pub dropped: u64,
    /// Refused by a sink as bad.
    pub failed: u64,
}

/// What one sink has taken since the start, and what waits for it now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SinkFigures {
    /// Its address.
    pub sink: String,
    /// What it is.
    pub kind: SinkKind,
    /// Whether it answered last; `None` before the first try.
    pub up: Option<bool>,
    /// Spans that it has taken.
    pub exported: u64,
    /// Spans given up because there was no room for them any more, or for their age.
    pub dropped: u64,
    /// Spans that it refused as bad.
    pub refused: u64,
    /// Spans that were written to disk.
    pub spooled: u64,
    /// Spans that wait for it, on disk and in memory.
    pub waiting_spans: u64,
    /// Bytes that wait for it, on disk and in memory.
    pub waiting_bytes: u64,
    /// Age of the oldest on disk, seconds; `None` when nothing waits there.
    pub oldest_seconds: Option<f64>,
    /// Whether what waits is on disk, and so outlives the program.
    pub on_disk: bool,
    /// Recordings that it has taken.
    pub attachments_sent: u64,
    /// Recordings that were given up or refused.
    pub attachments_dropped: u64,
    /// Recordings that wait for it on disk.
    pub attachments_waiting: u64,
}

/// What waits in a spool file, readable without waiting for the disk.
#[derive(Debug, Default)]
pub(crate) struct Spooled {
    pub(crate) spans: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) attachments: AtomicU64,
    /// Milliseconds since 1970; 0 when nothing waits.
    pub(crate) oldest_ms: AtomicU64,
}

impl Counters {
    pub(crate) fn exported(&self) -> u64 {
        self.exported.load(Relaxed)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    pub(crate) fn spooled(&self) -> u64 {
        self.spooled.load(Relaxed)
    }

    pub(crate) fn attachments_sent(&self) -> u64 {
        self.attachments_sent.load(Relaxed)
    }

    pub(crate) fn attachments_dropped(&self) -> u64 {
        self.attachments_dropped.load(Relaxed)
    }

    pub(crate) fn add_exported(&self, spans: usize) {
        self.exported.fetch_add(spans as u64, Relaxed);
    }

    pub(crate) fn add_dropped(&self, spans: usize) {
        self.dropped.fetch_add(spans as u64, Relaxed);
    }

    pub(crate) fn add_refused(&self, spans: usize) {
        self.refused.fetch_add(spans as u64, Relaxed);
    }

    pub(crate) fn add_spooled(&self, spans: usize) {
        self.spooled.fetch_add(spans as u64, Relaxed);
    }

    pub(crate) fn add_attachment_sent(&self) {
        self.attachments_sent.fetch_add(1, Relaxed);
    }

    pub(crate) fn add_attachments_dropped(&self, attachments: usize) {
        self.attachments_dropped.fetch_add(attachments as u64, Relaxed);
    }

    pub(crate) fn add_given_up(&self, counted: Counted) {
        self.add_dropped(counted.spans);
        self.add_attachments_dropped(counted.attachments);
    }
}

/// Seconds from a time in milliseconds since 1970 to now.
pub(crate) fn seconds_since(at_ms: u64) -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (now.as_secs_f64() - at_ms as f64 / 1_000.0).max(0.0)
}
