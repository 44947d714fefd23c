//! How this caller pauses: some think in mid-sentence, some never do. Pure.
use std::time::Duration;

use crate::ListeningConfig;

/// How much a pause that turned out to be none moves the expectation. Quickly: a caller who is cut off twice hangs up.
const LEARN: f32 = 0.5;
/// How much a turn without pauses moves it back. Slowly: it proves little.
const FORGET: f32 = 0.1;
/// The patience is this much longer than the pauses of the caller usually are.
const MARGIN: f32 = 1.4;
/// Each further pause in one turn makes the caller more likely to be one who thinks aloud.
const GROWTH: f32 = 0.2;

/// What is expected of one caller's pauses.
pub struct Pauses {
    shortest: Duration,
    ceiling: Duration,
    usual: Duration,
    in_this_turn: u32,
}

impl Pauses {
    /// Expects of a new caller what the configuration says.
    pub fn new(rules: &ListeningConfig) -> Self {
        let shortest = Duration::from_millis(rules.patience_ms.into());
        let ceiling = Duration::from_millis(rules.ceiling_ms.into());
        Self { shortest, ceiling, usual: shortest.div_f32(MARGIN), in_this_turn: 0 }
    }

    /// The quiet after which a caller who may not be done is taken at their word. Grows within a turn.
    pub fn patience(&self) -> Duration {
        let grown = 1.0 + GROWTH * self.in_this_turn as f32;
        self.usual.mul_f32(MARGIN * grown).clamp(self.shortest, self.ceiling)
    }

    /// A pause of this length was followed by more.
    pub fn resumed(&mut self, quiet: Duration) {
        self.in_this_turn += 1;
        // A long pause says more than a short one: who can pause for a second may do so again.
        if quiet > self.usual {
            self.usual = blend(self.usual, quiet, LEARN).min(self.ceiling);
        }
    }

    /// The turn is over.
    pub fn ended(&mut self) {
        if self.in_this_turn == 0 {
            self.usual = blend(self.usual, self.shortest.div_f32(MARGIN), FORGET);
        }
        self.in_this_turn = 0;
    }
}

fn blend(old: Duration, new: Duration, share: f32) -> Duration {
    old.mul_f32(1.0 - share) + new.mul_f32(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses() -> Pauses {
        Pauses::new(&ListeningConfig { patience_ms: 800, ceiling_ms: 3_000, ..ListeningConfig::default() })
    }

    #[test]
    fn a_new_caller_gets_what_the_configuration_says() {
        assert_eq!(pauses().patience().as_millis(), 800);
    }

    #[test]
    fn one_who_pauses_long_is_waited_for_longer_and_longer_still_within_the_turn() {
        let mut pauses = pauses();
        pauses.resumed(Duration::from_millis(1_200));
        let within = pauses.patience();
        assert!(within > Duration::from_millis(1_200), "{within:?}");
        pauses.ended();
        let next = pauses.patience();
        assert!(next < within && next > Duration::from_millis(1_000), "{next:?}");
    }

    #[test]
    fn short_pauses_do_not_shorten_it_and_turns_without_any_bring_it_back() {
        let mut pauses = pauses();
        pauses.resumed(Duration::from_millis(250));
        pauses.ended();
        assert_eq!(pauses.patience().as_millis(), 800);
        pauses.resumed(Duration::from_millis(2_000));
        pauses.ended();
        let learnt = pauses.patience();
        for _ in 0..20 {
            pauses.ended();
        }
        assert!(pauses.patience() < learnt.mul_f32(0.7), "{learnt:?} to {:?}", pauses.patience());
    }

    #[test]
    fn it_never_exceeds_the_ceiling() {
        let mut pauses = pauses();
        for _ in 0..20 {
            pauses.resumed(Duration::from_secs(9));
        }
        assert_eq!(pauses.patience(), Duration::from_secs(3));
    }
}
