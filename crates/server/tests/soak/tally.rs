//! What callers were told and what became of what they did, counted together.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use serde_json::Value;

/// Shared by all callers.
#[derive(Default)]
pub struct Tally(Mutex<Counts>);

/// The counts.
#[derive(Clone, Default)]
pub struct Counts {
    /// What callers did, by name.
    pub acts: BTreeMap<&'static str, u64>,
    /// How the turns ended that callers were told of.
    pub ends: BTreeMap<String, u64>,
    /// Their traces.
    pub traces: BTreeSet<String>,
    /// End of speech to first sample, seconds.
    pub waits: Vec<f64>,
    pub late_frames: u64,
    /// Answers that took longer than a minute, or never came.
    pub late: u64,
    /// What went wrong for a caller who had done nothing to deserve it.
    pub unasked: BTreeMap<String, u64>,
}

impl Tally {
    pub fn act(&self, name: &'static str) {
        *self.0.lock().unwrap().acts.entry(name).or_default() += 1;
    }

    pub fn unasked(&self, what: impl ToString) {
        *self.0.lock().unwrap().unasked.entry(what.to_string()).or_default() += 1;
    }

    /// An answer that was waited for did not come.
    pub fn late(&self) {
        self.0.lock().unwrap().late += 1;
    }

    /// A turn's report.
    pub fn turn(&self, report: &Value) {
        let mut counts = self.0.lock().unwrap();
        let trace = report["trace_id"].as_str().unwrap_or_default();
        // Callers look at all that they were told, again and again.
        if trace.is_empty() || !counts.traces.insert(trace.to_owned()) {
            return;
        }
        let end = report["end_reason"].as_str().unwrap_or("none").to_owned();
        if end == "completed" {
            counts.waits.extend(report["voice_to_voice_seconds"].as_f64());
        }
        *counts.ends.entry(end).or_default() += 1;
        counts.late_frames += report["late_frames"].as_u64().unwrap_or_default();
    }

    pub fn counts(&self) -> Counts {
        self.0.lock().unwrap().clone()
    }
}

impl Counts {
    /// A percentile of the waits of answers that were heard to their end.
    pub fn wait(&self, percent: usize) -> Option<f64> {
        let mut waits = self.waits.clone();
        waits.sort_by(f64::total_cmp);
        let rank = (waits.len() * percent).div_ceil(100);
        waits.get(rank.saturating_sub(1)).copied()
    }
}
