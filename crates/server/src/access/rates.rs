//! How often somebody may ask, by governor: as many as a minute's at once, then as they come back.
use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use governor::{
    DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};

/// Accounts that are remembered. More at once are strangers of many networks; they share one.
const MOST_ACCOUNTS: usize = 50_000;
/// What has been forgotten by time is looked for after so many questions.
const SWEEP: u32 = 1_024;
/// Whose limit those share that do not fit. No name and no address reads so.
const OTHERS: &str = "*";

/// The limits of one kind.
pub struct Rates {
    all: Option<DefaultKeyedRateLimiter<String>>,
    /// Keys with limits of their own.
    own: HashMap<String, Option<DefaultDirectRateLimiter>>,
    asked: AtomicU32,
}

impl Rates {
    /// So many a minute for each account, other numbers for some. 0: any number.
    pub fn new(per_minute: u32, own: impl IntoIterator<Item = (String, u32)>) -> Self {
        let direct = |number| quota(number).map(RateLimiter::direct);
        Self {
            all: quota(per_minute).map(RateLimiter::keyed),
            own: own.into_iter().map(|(name, number)| (name, direct(number))).collect(),
            asked: AtomicU32::new(0),
        }
    }

    /// Counts one of this account.
    ///
    /// # Errors
    /// The seconds until the next one is taken.
    pub fn take(&self, account: &str) -> Result<(), u64> {
        let taken = match (self.own.get(account), &self.all) {
            (Some(own), _) => own.as_ref().map(RateLimiter::check),
            (None, None) => None,
            (None, Some(all)) => {
                if self.asked.fetch_add(1, Relaxed) % SWEEP == SWEEP - 1 {
                    all.retain_recent();
                }
                let is_full = all.len() >= MOST_ACCOUNTS;
                Some(all.check_key(&if is_full { OTHERS } else { account }.to_owned()))
            }
        };
        match taken {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(until)) => {
                let wait = until.wait_time_from(DefaultClock::default().now());
                Err(wait.as_secs_f64().ceil().max(1.0) as u64)
            }
        }
    }
}

fn quota(per_minute: u32) -> Option<Quota> {
    NonZeroU32::new(per_minute).map(Quota::per_minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(rates: &Rates, account: &str, times: usize) -> usize {
        (0..times).filter(|_| rates.take(account).is_ok()).count()
    }

    #[test]
    fn each_account_has_its_own_number() {
        let rates = Rates::new(3, [("shop".to_owned(), 5), ("desk".to_owned(), 0)]);
        // A slow machine may give one back meanwhile, at 3 a minute never all.
        assert!((3..=4).contains(&taken(&rates, "10.0.0.1", 10)));
        assert!((3..=4).contains(&taken(&rates, "10.0.0.2", 10)));
        assert!((5..=7).contains(&taken(&rates, "shop", 20)));
        assert_eq!(taken(&rates, "desk", 1_000), 1_000);
        let wait = rates.take("10.0.0.1").unwrap_err();
        assert!((1..=20).contains(&wait), "{wait}");
    }

    #[test]
    fn zero_is_any_number() {
        assert_eq!(taken(&Rates::new(0, []), "10.0.0.1", 5_000), 5_000);
    }
}
