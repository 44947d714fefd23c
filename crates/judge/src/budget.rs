//! What may be asked for in a minute and an hour: sliding windows over the requests of this process. Pure but for the
//! clock, which tests pause.
use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use crate::Config;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// The limits, and what of them is used.
///
/// What a request will take is known afterwards only. So one that is under way counts as much as the dearest of the hour
/// before, and a request that was repeated counts after it was.
#[derive(Debug)]
pub(crate) struct Budget {
    requests: u32,
    tokens: u64,
    cost: f64,
    spent: VecDeque<Spending>,
    under_way: u32,
}

#[derive(Clone, Copy, Debug)]
struct Spending {
    at: Instant,
    requests: u32,
    tokens: u64,
    cost: f64,
}

/// How much of the limits is used, each 0 and up; `None` where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BudgetUse {
    /// Of `judge.requests_per_minute`.
    pub requests: Option<f64>,
    /// Of `judge.tokens_per_hour`.
    pub tokens: Option<f64>,
    /// Of `judge.cost_per_hour`.
    pub cost: Option<f64>,
}

impl Budget {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            requests: config.requests_per_minute,
            tokens: config.tokens_per_hour,
            cost: config.cost_per_hour,
            spent: VecDeque::new(),
            under_way: 0,
        }
    }

    /// Sets a request aside if there is room for one more now. Otherwise says from when on there may be.
    pub(crate) fn reserve(&mut self, now: Instant) -> Result<(), Instant> {
        self.forget(now);
        let under_way = f64::from(self.under_way + 1);
        let dearest = |of: fn(&Spending) -> f64| self.spent.iter().map(of).fold(0.0, f64::max) * under_way;
        let (tokens, cost) = (dearest(|one| one.tokens as f64), dearest(|one| one.cost));
        let waits = [
            self.room(MINUTE, f64::from(self.requests), under_way, now, |one| f64::from(one.requests)),
            self.room(HOUR, self.tokens as f64, tokens, now, |one| one.tokens as f64),
            self.room(HOUR, self.cost, cost, now, |one| one.cost),
        ];
        match waits.into_iter().flatten().max() {
            Some(until) => Err(until),
            None => {
                self.under_way += 1;
                Ok(())
            }
        }
    }

    /// What was set aside was used for this, or for nothing.
    pub(crate) fn settle(&mut self, now: Instant, requests: u32, tokens: u64, cost: f64) {
        self.under_way = self.under_way.saturating_sub(1);
        self.spend(now, requests, tokens, cost);
    }

    /// Something was spent that was not set aside.
    pub(crate) fn spend(&mut self, now: Instant, requests: u32, tokens: u64, cost: f64) {
        self.forget(now);
        if requests > 0 {
            self.spent.push_back(Spending { at: now, requests, tokens, cost });
        }
    }

    pub(crate) fn used(&self, now: Instant) -> BudgetUse {
        let share = |limit: f64, within, of: fn(&Spending) -> f64| {
            (limit > 0.0).then(|| self.sum(within, now, of) / limit)
        };
        BudgetUse {
            requests: share(f64::from(self.requests), MINUTE, |one| f64::from(one.requests)),
            tokens: share(self.tokens as f64, HOUR, |one| one.tokens as f64),
            cost: share(self.cost, HOUR, |one| one.cost),
        }
    }

    fn sum(&self, within: Duration, now: Instant, of: fn(&Spending) -> f64) -> f64 {
        self.spent.iter().filter(|one| now - one.at < within).map(of).sum()
    }

    /// `None`: `more` fits under the limit now, or there is no limit. Else when it will.
    fn room(
        &self,
        within: Duration,
        limit: f64,
        more: f64,
        now: Instant,
        of: fn(&Spending) -> f64,
    ) -> Option<Instant> {
        if limit <= 0.0 {
            return None;
        }
        let mut used = self.sum(within, now, of);
        // A single request that is dearer than the limit is let through once nothing else is in the window.
        if used + more <= limit || (used <= 0.0 && self.under_way == 0) {
            return None;
        }
        for one in self.spent.iter().filter(|one| now - one.at < within) {
            used -= of(one);
            if used + more <= limit {
                return Some(one.at + within);
            }
        }
        let last = self.spent.back().map_or(now, |one| one.at + within);
        Some(match self.under_way {
            0 => last,
            // What is under way alone fills it; it is known soon what that took.
            _ => last.min(now + Duration::from_secs(1)),
        })
    }

    fn forget(&mut self, now: Instant) {
        while self.spent.front().is_some_and(|one| now - one.at >= HOUR) {
            self.spent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn budget(requests: u32, tokens: u64, cost: f64) -> Budget {
        Budget::new(&Config {
            requests_per_minute: requests,
            tokens_per_hour: tokens,
            cost_per_hour: cost,
            ..Config::default()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_minute_has_so_many_requests_and_no_more() {
        let mut budget = budget(2, 0, 0.0);
        for _ in 0..2 {
            budget.reserve(Instant::now()).unwrap();
        }
        assert!(budget.reserve(Instant::now()).is_err(), "two are under way");
        budget.settle(Instant::now(), 1, 900, 0.0);
        advance(Duration::from_secs(10)).await;
        budget.settle(Instant::now(), 1, 900, 0.0);
        assert_eq!(budget.used(Instant::now()).requests, Some(1.0));
        let wait = budget.reserve(Instant::now()).unwrap_err() - Instant::now();
        assert_eq!(wait, Duration::from_secs(50), "until the first is a minute old");
        advance(wait).await;
        budget.reserve(Instant::now()).unwrap();
        assert!(budget.reserve(Instant::now()).is_err(), "the second is not");
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_and_money_of_an_hour_are_limits_too() {
        for mut budget in [budget(0, 1_000, 0.0), budget(0, 0, 0.1)] {
            for _ in 0..2 {
                budget.reserve(Instant::now()).unwrap();
                budget.settle(Instant::now(), 1, 400, 0.04);
            }
            // A third one like these would be too much, though the hour has room for a smaller one.
            let wait = budget.reserve(Instant::now()).unwrap_err() - Instant::now();
            assert_eq!(wait, HOUR);
            advance(HOUR).await;
            budget.reserve(Instant::now()).unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_dearer_than_the_limit_does_not_stop_everything() {
        let mut budget = budget(0, 100, 0.0);
        budget.reserve(Instant::now()).unwrap();
        budget.settle(Instant::now(), 1, 5_000, 0.0);
        let wait = budget.reserve(Instant::now()).unwrap_err() - Instant::now();
        advance(wait).await;
        budget.reserve(Instant::now()).unwrap();
        assert_eq!(budget.used(Instant::now()), BudgetUse { tokens: Some(0.0), ..BudgetUse::default() });
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_set_aside_and_not_used_is_free_again() {
        let mut budget = budget(1, 0, 0.0);
        budget.reserve(Instant::now()).unwrap();
        budget.settle(Instant::now(), 0, 0, 0.0);
        budget.reserve(Instant::now()).unwrap();
    }
}
