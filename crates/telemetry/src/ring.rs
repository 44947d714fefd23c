//! Batches that a sink has not taken yet, bounded in memory: the oldest give way.
use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::batch::{Batch, Counted};

/// Filled by the export thread, emptied by one sink.
#[derive(Debug)]
pub(crate) struct Ring {
    waiting: Mutex<Waiting>,
    longest_bytes: usize,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    batches: VecDeque<Batch>,
    bytes: usize,
}

impl Ring {
    pub(crate) fn new(longest_bytes: usize) -> Self {
        Self { waiting: Mutex::default(), longest_bytes, filled: Notify::new() }
    }

    /// Adds the newest batch. Returns what of the oldest had to go for it.
    pub(crate) fn push(&self, batch: Batch) -> Counted {
        let dropped = {
            let mut waiting = self.waiting.lock();
            waiting.bytes += batch.body.len();
            waiting.batches.push_back(batch);
            waiting.trim(self.longest_bytes)
        };
        self.filled.notify_one();
        dropped
    }

    /// Takes the oldest.
    pub(crate) fn pop(&self) -> Option<Batch> {
        let mut waiting = self.waiting.lock();
        let batch = waiting.batches.pop_front()?;
        waiting.bytes -= batch.body.len();
        Some(batch)
    }

    /// Puts a batch back that was taken but not delivered. Returns what had to go.
    pub(crate) fn put_back(&self, batch: Batch) -> Counted {
        let mut waiting = self.waiting.lock();
        waiting.bytes += batch.body.len();
        waiting.batches.push_front(batch);
        waiting.trim(self.longest_bytes)
    }

    /// Spans that wait.
    pub(crate) fn spans(&self) -> usize {
        self.waiting.lock().batches.iter().map(|batch| batch.spans).sum()
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.waiting.lock().bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.lock().batches.is_empty()
    }

    /// Returns once something was pushed since the last call.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }
}

impl Waiting {
    fn trim(&mut self, longest_bytes: usize) -> Counted {
        let mut dropped = Counted::default();
        while self.bytes > longest_bytes {
            let Some(oldest) = self.batches.pop_front() else { break };
            self.bytes -= oldest.body.len();
            dropped.add(&oldest);
        }
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{Kind, Topic};

    fn batch(mark: u8) -> Batch {
        Batch {
            kind: Kind::Spans { compressed: false, topic: Topic::Turns },
            body: vec![mark; 10].into(),
            spans: 3,
        }
    }

    #[test]
    fn the_oldest_give_way_and_are_counted() {
        let ring = Ring::new(25);
        assert_eq!(ring.push(batch(1)).spans + ring.push(batch(2)).spans, 0);
        assert_eq!(ring.push(batch(3)).spans, 3);
        assert_eq!(ring.pop().unwrap().body[0], 2);
        assert_eq!(ring.put_back(batch(2)).spans, 0);
        assert_eq!(ring.spans(), 6);
        assert_eq!(ring.pop().unwrap().body[0], 2);
    }

    #[test]
    fn a_batch_larger_than_all_memory_does_not_stay() {
        let ring = Ring::new(5);
        assert_eq!(ring.push(batch(1)).spans, 3);
        assert!(ring.is_empty());
    }
}
