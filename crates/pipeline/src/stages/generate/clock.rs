//! How long the language model takes.
use tokio::time::Instant;
use tracing::Span;
use voce_core::Usage;

use crate::spans;

/// Times the model alone: neither what it takes to hand a piece on is counted, nor what its tools take.
pub(super) struct Clock {
    asked: Instant,
    waiting: f64,
    elsewhere: f64,
    pub(super) first: Option<f64>,
    first_token: Option<Span>,
    /// The next piece is the first of its request, and so its wait is no gap between two.
    begins: bool,
    gaps: Vec<f64>,
    requests: u32,
}

impl Clock {
    pub(super) fn start(llm: &Span) -> Self {
        let first_token = Some(spans::llm_first_token(llm));
        Self {
            asked: Instant::now(),
            waiting: 0.0,
            elsewhere: 0.0,
            first: None,
            first_token,
            begins: true,
            gaps: vec![],
            requests: 0,
        }
    }

    /// A request begins.
    pub(super) fn request(&mut self) {
        (self.begins, self.waiting) = (true, 0.0);
        self.requests += 1;
    }

    pub(super) async fn time<T>(&mut self, next: impl Future<Output = T>) -> T {
        let from = Instant::now();
        let item = next.await;
        self.waiting += from.elapsed().as_secs_f64();
        item
    }

    /// Something that is not the model's time.
    pub(super) async fn elsewhere<T>(&mut self, other: impl Future<Output = T>) -> T {
        let from = Instant::now();
        let done = other.await;
        self.elsewhere += from.elapsed().as_secs_f64();
        done
    }

    /// A piece is there.
    pub(super) fn token(&mut self) {
        let waited = std::mem::take(&mut self.waiting);
        self.first_token = None;
        match std::mem::take(&mut self.begins) {
            true => drop(self.first.get_or_insert(waited)),
            false => self.gaps.push(waited),
        }
    }

    /// From the first request to the end of the last, without tools.
    pub(super) fn seconds(&self) -> f64 {
        (self.asked.elapsed().as_secs_f64() - self.elsewhere).max(0.0)
    }

    /// Mean and 95th percentile of the time between two pieces, seconds.
    pub(super) fn gaps(&self) -> Option<(f64, f64)> {
        let mut sorted = self.gaps.clone();
        sorted.sort_by(f64::total_cmp);
        let p95 = *sorted.get((sorted.len() * 95 / 100).min(sorted.len().checked_sub(1)?))?;
        Some((sorted.iter().sum::<f64>() / sorted.len() as f64, p95))
    }

    /// Absent where pieces hold many tokens each: a sentence that is quoted as a whole was not written at a rate. Of
    /// an answer with calls, whose tokens come in one piece, the pieces are counted.
    pub(super) fn tokens_per_second(&self, usage: Option<Usage>) -> Option<f64> {
        let after_first: f64 = self.gaps.iter().sum();
        let pieces = self.gaps.len() as u32;
        let usage = usage.filter(|_| self.requests < 2);
        let tokens = usage.map_or(pieces, |usage| usage.completion_tokens.saturating_sub(1));
        (after_first > 0.0 && tokens > 0 && tokens < 2 * pieces).then(|| f64::from(tokens) / after_first)
    }
}
