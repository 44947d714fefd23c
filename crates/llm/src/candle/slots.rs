//! Caches kept between answers, so that only the new end of a prompt is computed. Shared by all calls.
use std::sync::Arc;

use parking_lot::Mutex;

use super::{asked::common, network::Cache};

/// A bounded set of caches, least recently used first.
#[derive(Clone)]
pub struct Slots {
    kept: Arc<Mutex<Vec<Cache>>>,
    limit: usize,
}

/// A cache in use. Goes back when dropped.
pub struct Slot {
    slots: Slots,
    /// The cache itself.
    pub cache: Cache,
}

impl Slots {
    /// Keeps at most `limit` caches that nobody uses.
    pub fn new(limit: usize) -> Self {
        Self { kept: Arc::default(), limit: limit.max(1) }
    }

    /// How many of `tokens` some cache begins with.
    pub fn known(&self, tokens: &[u32]) -> usize {
        self.kept.lock().iter().map(|cache| common(cache.tokens(), tokens)).max().unwrap_or_default()
    }

    /// A cache of the longest kept prefix of `tokens`; at least one token is left to read.
    pub fn take(&self, tokens: &[u32]) -> Slot {
        let mut kept = self.kept.lock();
        let usable = |cache: &Cache| common(cache.tokens(), tokens).min(tokens.len().saturating_sub(1));
        let best = (0..kept.len()).max_by_key(|&index| usable(&kept[index]));
        let cache = best.map_or_else(Cache::default, |index| {
            let count = usable(&kept[index]);
            // Moved to the end: it was of use. A copy, because another call may want the same beginning.
            let cache = kept.remove(index);
            let copy = cache.prefix(count);
            kept.push(cache);
            copy
        });
        drop(kept);
        Slot { slots: self.clone(), cache }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let cache = std::mem::take(&mut self.cache);
        let mut kept = self.slots.kept.lock();
        // What begins another cache is kept there.
        kept.retain(|other| !cache.tokens().starts_with(other.tokens()));
        kept.push(cache);
        if kept.len() > self.slots.limit {
            kept.remove(0);
        }
    }
}
