//! Whether the model answers: when to ask it next, and whose fault a failure was. Pure but for the clock.
use std::time::Duration;

use tokio::time::Instant;

use crate::Trouble;

/// Pauses after failures of the server: this long, then twice as long, and so on.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A server that has answered so recently is taken to work: a failure is then held against the turn as well.
const STILL_WELL: Duration = Duration::from_secs(600);

/// The worker's view of the model's server.
///
/// A server that is away, overloaded or refuses our key fails on every turn, and no turn is to be put aside for it. One
/// that fails on a single turn (too long for it, say) answers the others meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Health {
    answered: Option<Instant>,
    failures: u32,
    until: Option<Instant>,
}

impl Health {
    /// It answered, if only with nonsense. Returns whether it was in trouble before.
    pub(crate) fn answered(&mut self, now: Instant) -> bool {
        self.answered = Some(now);
        self.until = None;
        std::mem::take(&mut self.failures) > 0
    }

    /// It failed; nothing is asked of it for a while. Returns whether this is held against the turn.
    pub(crate) fn failed(&mut self, now: Instant, trouble: &Trouble) -> bool {
        let doubled = FIRST_PAUSE.saturating_mul(1_u32 << self.failures.min(16)).min(LONGEST_PAUSE);
        let pause = trouble.wait.unwrap_or_default().max(jittered(doubled));
        self.failures += 1;
        self.until = Some(self.until.unwrap_or(now).max(now + pause));
        self.answered.is_some_and(|at| now - at < STILL_WELL)
    }

    /// When it may be asked again; `None`: now.
    pub(crate) fn paused_until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// How often it failed since it answered last.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether it ever answered.
    pub(crate) fn has_answered(&self) -> bool {
        self.answered.is_some()
    }

    /// How many turns may be under way: after a failure one, to try whether it is back.
    pub(crate) fn at_once(&self, configured: usize) -> usize {
        if self.failures > 0 { 1 } else { configured.max(1) }
    }
}

/// How long a turn waits after its failed try `attempt` (from 1): `first`, doubled with each, an hour at most.
pub(crate) fn back_off(first: Duration, attempt: u32, asked: Option<Duration>) -> Duration {
    let doubled =
        first.saturating_mul(1_u32 << attempt.saturating_sub(1).min(16)).min(Duration::from_secs(3_600));
    jittered(doubled).max(asked.unwrap_or_default())
}

/// 80 to 120 % of it, so that several workers do not come back in step.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let random = uuid::Uuid::new_v4().as_u128() as u16;
    pause.mul_f64(0.8 + 0.4 * f64::from(random) / f64::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::TroubleKind;

    fn trouble(wait: Option<u64>) -> Trouble {
        Trouble { kind: TroubleKind::Away, message: "away".into(), wait: wait.map(Duration::from_secs) }
    }

    #[tokio::test(start_paused = true)]
    async fn no_turn_pays_for_a_server_that_is_away() {
        let mut health = Health::default();
        assert!(!health.failed(Instant::now(), &trouble(None)), "it never answered");
        assert!(health.paused_until(Instant::now()).is_some());
        assert_eq!(health.at_once(4), 1);
        assert!(health.answered(Instant::now()), "it had failed before");
        assert_eq!((health.at_once(4), health.paused_until(Instant::now())), (4, None));
        assert!(health.failed(Instant::now(), &trouble(None)), "it works for others");
        advance(STILL_WELL).await;
        assert!(!health.failed(Instant::now(), &trouble(None)), "it has been away for long");
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_to_a_bound_and_are_as_long_as_asked() {
        let mut health = Health::default();
        let mut pause = |wait| {
            health.failed(Instant::now(), &trouble(wait));
            health.paused_until(Instant::now()).unwrap() - Instant::now()
        };
        assert!(pause(None) <= Duration::from_millis(1_200));
        assert!(pause(Some(40)) >= Duration::from_secs(40));
        for _ in 0..20 {
            pause(None);
        }
        assert!(pause(None) <= LONGEST_PAUSE.mul_f64(1.2));
    }

    #[test]
    fn a_turn_waits_longer_after_each_try() {
        let first = Duration::from_secs(10);
        for (attempt, seconds) in [(1, 10.0), (2, 20.0), (3, 40.0), (40, 3_600.0)] {
            let wait = back_off(first, attempt, None).as_secs_f64();
            assert!((0.8..=1.2).contains(&(wait / seconds)), "{attempt}: {wait}");
        }
        assert_eq!(back_off(first, 1, Some(Duration::from_secs(90))).as_secs(), 90);
    }
}
