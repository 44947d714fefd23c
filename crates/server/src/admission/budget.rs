//! What calls have waited for lately, and whether one more fits. Pure: whoever asks says what time it is.
use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    time::Duration,
};

use tokio::time::Instant;

use super::AdmissionConfig;

/// Measurements of one kind that are kept at most; the oldest go first. Lags come fifty times a second.
const MOST: usize = 4_096;
/// Fewer say nothing: one slow answer is not a full server.
const FEWEST: usize = 5;

/// The measurements, and what they may come to.
#[derive(Debug)]
pub struct Budget {
    limits: AdmissionConfig,
    /// By stage.
    waits: BTreeMap<&'static str, Samples>,
    lags: Samples,
}

/// Why one call more would be noticed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Full {
    /// Work waits too long for a model.
    Waiting { stage: &'static str, for_ms: u128, limit_ms: u64 },
    /// Tasks wait too long for a thread.
    Lagging { by_ms: u128, limit_ms: u64 },
}

impl fmt::Display for Full {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { stage, for_ms, limit_ms } => write!(
                out,
                "the server is busy: work for {stage} has lately waited {for_ms} ms for its model, and above {limit_ms} ms \
                 no call is taken (admission.max_wait_ms)"
            ),
            Self::Lagging { by_ms, limit_ms } => write!(
                out,
                "the server is busy: tasks have lately run {by_ms} ms late, and above {limit_ms} ms no call is taken \
                 (admission.max_lag_ms)"
            ),
        }
    }
}

impl Budget {
    pub fn new(limits: AdmissionConfig) -> Self {
        Self { limits, waits: BTreeMap::new(), lags: Samples::default() }
    }

    /// Other limits from now on; what was measured stays.
    pub fn limit(&mut self, limits: AdmissionConfig) {
        self.limits = limits;
    }

    /// A piece of work for a stage has waited.
    pub fn waited(&mut self, stage: &'static str, now: Instant, wait: Duration) {
        self.waits.entry(stage).or_default().add(now, wait);
    }

    /// A task has run late.
    pub fn lagged(&mut self, now: Instant, lag: Duration) {
        self.lags.add(now, lag);
    }

    /// The stage whose work waits longest, and how long: 90th percentile of the window.
    pub fn longest_wait(&mut self, now: Instant) -> Option<(&'static str, Duration)> {
        let window = Duration::from_secs(self.limits.window_seconds);
        let waits = self.waits.iter_mut();
        waits
            .filter_map(|(stage, samples)| Some((*stage, samples.high(now, window)?)))
            .max_by_key(|(_, wait)| *wait)
    }

    /// How late tasks run: 90th percentile of the window.
    pub fn lag(&mut self, now: Instant) -> Option<Duration> {
        self.lags.high(now, Duration::from_secs(self.limits.window_seconds))
    }

    /// Why one call more does not fit; none while it does, or while nobody wants to know.
    pub fn full(&mut self, now: Instant) -> Option<Full> {
        let AdmissionConfig { enabled, max_wait_ms, max_lag_ms, .. } = self.limits;
        if !enabled {
            return None;
        }
        // First what the operator can do something about stage by stage.
        if let Some((stage, wait)) = self.longest_wait(now)
            && wait > Duration::from_millis(max_wait_ms)
        {
            return Some(Full::Waiting { stage, for_ms: wait.as_millis(), limit_ms: max_wait_ms });
        }
        let lag = self.lag(now).filter(|lag| *lag > Duration::from_millis(max_lag_ms))?;
        Some(Full::Lagging { by_ms: lag.as_millis(), limit_ms: max_lag_ms })
    }
}

/// Measurements with their times, the oldest first.
#[derive(Debug, Default)]
struct Samples(VecDeque<(Instant, Duration)>);

impl Samples {
    fn add(&mut self, now: Instant, value: Duration) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back((now, value));
    }

    /// The 90th percentile of those that are not older than `window`, where there are enough of them.
    fn high(&mut self, now: Instant, window: Duration) -> Option<Duration> {
        while self.0.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > window) {
            self.0.pop_front();
        }
        if self.0.len() < FEWEST {
            return None;
        }
        let mut values: Vec<Duration> = self.0.iter().map(|(_, value)| *value).collect();
        values.sort_unstable();
        let rank = (values.len() * 9).div_ceil(10);
        values.get(rank - 1).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 20;

    fn budget() -> Budget {
        Budget::new(AdmissionConfig {
            enabled: true,
            max_wait_ms: 1_000,
            max_lag_ms: 50,
            window_seconds: WINDOW,
        })
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_server_without_measurements_takes_calls() {
        assert_eq!(budget().full(Instant::now()), None);
    }

    #[test]
    fn a_few_slow_ones_among_many_do_not_close_the_door_and_many_do() {
        let (mut budget, now) = (budget(), Instant::now());
        for number in 0..20 {
            budget.waited("tts", now, if number < 2 { ms(5_000) } else { ms(10) });
        }
        assert_eq!(budget.full(now), None, "one in ten");
        budget.waited("tts", now, ms(5_000));
        budget.waited("tts", now, ms(5_000));
        assert_eq!(budget.full(now), Some(Full::Waiting { stage: "tts", for_ms: 5_000, limit_ms: 1_000 }));
    }

    #[test]
    fn the_limit_itself_is_still_allowed() {
        let (mut budget, now) = (budget(), Instant::now());
        for _ in 0..FEWEST {
            budget.waited("stt", now, ms(1_000));
            budget.lagged(now, ms(50));
        }
        assert_eq!(budget.full(now), None);
    }

    #[test]
    fn one_stage_that_waits_is_enough_however_quick_the_others_are() {
        let (mut budget, now) = (budget(), Instant::now());
        for _ in 0..500 {
            budget.waited("stt", now, ms(1));
        }
        for _ in 0..FEWEST - 1 {
            budget.waited("llm", now, ms(3_000));
        }
        assert_eq!(budget.full(now), None, "too few to say anything");
        budget.waited("llm", now, ms(3_000));
        let full = budget.full(now).expect("a full server");
        let words =
            "work for llm has lately waited 3000 ms for its model, and above 1000 ms no call is taken";
        assert!(full.to_string().contains(words), "{full}");
    }

    #[test]
    fn lag_closes_the_door_and_old_lag_opens_it_again() {
        let (mut budget, then) = (budget(), Instant::now());
        for _ in 0..100 {
            budget.lagged(then, ms(80));
        }
        assert_eq!(budget.full(then), Some(Full::Lagging { by_ms: 80, limit_ms: 50 }));
        assert_eq!(budget.lag(then + Duration::from_secs(WINDOW)), Some(ms(80)), "just within the window");
        let later = then + Duration::from_secs(WINDOW) + ms(1);
        assert_eq!((budget.lag(later), budget.full(later)), (None, None));
    }

    #[test]
    fn limits_change_while_it_runs() {
        let (mut budget, now) = (budget(), Instant::now());
        for _ in 0..FEWEST {
            budget.lagged(now, ms(80));
        }
        budget.limit(AdmissionConfig { max_lag_ms: 100, ..AdmissionConfig::default() });
        assert_eq!(budget.full(now), None);
        budget.limit(AdmissionConfig { max_lag_ms: 79, ..AdmissionConfig::default() });
        assert_eq!(budget.full(now), Some(Full::Lagging { by_ms: 80, limit_ms: 79 }));
        budget.limit(AdmissionConfig { enabled: false, max_lag_ms: 0, ..AdmissionConfig::default() });
        assert_eq!(budget.full(now), None);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let (mut budget, now) = (budget(), Instant::now());
        for _ in 0..MOST + 100 {
            budget.lagged(now, ms(1));
        }
        assert_eq!(budget.lags.0.len(), MOST);
    }
}
