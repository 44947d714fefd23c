//! How often somebody was refused, and why. In `/metrics`; each one in the log at `debug`.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use voce_telemetry::Telemetry;

/// All that is told apart.
const CODES: [&str; 10] = [
    "sign_in",
    "unknown_credential",
    "wrong_signature",
    "expired_token",
    "key_gone",
    "key_needed",
    "foreign_origin",
    "foreign_host",
    "too_many_requests",
    "limit",
];

/// Cheap to clone.
#[derive(Clone, Default)]
pub struct Refusals(Arc<[AtomicU64; CODES.len()]>);

impl Refusals {
    /// One more. A code that is not told apart is not counted.
    pub fn add(&self, code: &str) {
        if let Some(at) = CODES.iter().position(|known| *known == code) {
            self.0[at].fetch_add(1, Relaxed);
        }
    }

    /// So many of this code.
    fn of(&self, at: usize) -> u64 {
        self.0[at].load(Relaxed)
    }

    /// Shows them in the metrics.
    pub fn register(&self, telemetry: &Telemetry) {
        let words = "Requests that were refused at the door.";
        for (at, code) in CODES.into_iter().enumerate() {
            let refusals = self.clone();
            let count = move || refusals.of(at) as f64;
            telemetry.counter("voce.access.refused", "", words, &[("code", code)], count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_counted_by_itself() {
        let refusals = Refusals::default();
        ["limit", "sign_in", "limit", "unheard of"].into_iter().for_each(|code| refusals.add(code));
        let counts: Vec<u64> = (0..CODES.len()).map(|at| refusals.of(at)).collect();
        assert_eq!(counts, [1, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    }
}
