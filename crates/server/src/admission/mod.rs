//! Admission by a measured budget: whether those inside would notice one call more.
//!
//! A number of calls says little: it depends on the machine, the models, and on what is said. So it is measured what calls
//! have waited for, models and threads, and the door closes when that is felt.
mod budget;
mod config;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};
use voce_telemetry::Telemetry;
use voce_transport::{Doorkeeper, Pass, Refused, Transport, Visitor};

pub use config::AdmissionConfig;

use budget::Budget;

/// How often it is measured how late tasks run: as often as sound is due.
const EVERY: Duration = Duration::from_millis(20);

/// The measurements of a running server. Cheap to clone.
#[derive(Clone)]
pub struct Admission(Arc<Shared>);

struct Shared {
    budget: Mutex<Budget>,
    /// Calls that were let in and are not over.
    inside: AtomicUsize,
    retry_after_seconds: u64,
}

impl Admission {
    /// Begins to hear what engines wait for.
    pub fn new(config: &AdmissionConfig, retry_after_seconds: u64) -> Self {
        let budget = Mutex::new(Budget::new(config.clone()));
        let admission = Self(Arc::new(Shared { budget, inside: AtomicUsize::new(0), retry_after_seconds }));
        let shared = admission.0.clone();
        voce_core::on_wait(move |stage, wait| shared.budget.lock().waited(stage, Instant::now(), wait));
        admission
    }

    /// Other limits from now on.
    pub fn limit(&self, config: &AdmissionConfig) {
        self.0.budget.lock().limit(config.clone());
    }

    /// Measures how late tasks run, for ever.
    pub async fn watch(self) {
        loop {
            let due = Instant::now() + EVERY;
            sleep_until(due).await;
            let now = Instant::now();
            self.0.budget.lock().lagged(now, now.saturating_duration_since(due));
        }
    }

    /// Who asks it at the door.
    pub fn doorkeeper(&self) -> Arc<dyn Doorkeeper> {
        Arc::new(self.clone())
    }

    /// Adds what was measured to the metrics, for whoever starts more servers.
    pub fn register(&self, telemetry: &Telemetry, transport: &Transport) {
        let seconds = |time: Option<Duration>| time.unwrap_or_default().as_secs_f64();
        let words = "Time that work of the stage that waits longest waited for its model, 90th percentile of the window.";
        let shared = self.0.clone();
        telemetry.gauge("voce.admission.wait", "s", words, &[], move || {
            seconds(shared.budget.lock().longest_wait(Instant::now()).map(|(_, wait)| wait))
        });
        let words = "Time that tasks which were due waited for a thread, 90th percentile of the window.";
        let shared = self.0.clone();
        telemetry.gauge("voce.admission.lag", "s", words, &[], move || {
            seconds(shared.budget.lock().lag(Instant::now()))
        });
        let words = "Whether another call would be let in: 1, or 0.";
        let (admission, of) = (self.clone(), transport.clone());
        telemetry.gauge("voce.admission.open", "", words, &[], move || {
            f64::from(u8::from(of.full().is_none() && admission.would_admit(&Visitor::default()).is_ok()))
        });
        let words = "Calls that may still begin by their number (transport.max_calls).";
        let of = transport.clone();
        telemetry.gauge("voce.admission.places", "", words, &[], move || of.free_places() as f64);
        for reason in voce_transport::REFUSALS {
            let (of, words) = (transport.clone(), "Calls that were refused at the door, by why.");
            telemetry.counter(
                "voce.admission.refused",
                "",
                words,
                &[("reason", reason.as_str())],
                move || of.refused(reason) as f64,
            );
        }
    }
}

impl Doorkeeper for Admission {
    fn admit(&self, visitor: &Visitor) -> Result<Pass, Refused> {
        self.would_admit(visitor)?;
        self.0.inside.fetch_add(1, Relaxed);
        Ok(Box::new(Inside(self.0.clone())))
    }

    fn would_admit(&self, _: &Visitor) -> Result<(), Refused> {
        // With nobody inside nobody can notice, and what was measured is of calls that are over.
        if self.0.inside.load(Relaxed) == 0 {
            return Ok(());
        }
        match self.0.budget.lock().full(Instant::now()) {
            None => Ok(()),
            Some(full) => Err(Refused {
                is_callers_limit: false,
                reason: full.to_string(),
                retry_after_seconds: self.0.retry_after_seconds,
            }),
        }
    }
}

/// A call that was let in.
struct Inside(Arc<Shared>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lagging(admission: &Admission) {
        for _ in 0..100 {
            admission.0.budget.lock().lagged(Instant::now(), Duration::from_millis(200));
        }
    }

    #[test]
    fn a_busy_server_refuses_the_second_call_and_takes_one_when_nobody_is_there() {
        let admission = Admission::new(&AdmissionConfig::default(), 7);
        lagging(&admission);
        let keeper = admission.doorkeeper();
        let first = keeper.admit(&Visitor::default());
        assert!(first.is_ok(), "nobody is there to be disturbed");
        let refused = keeper.admit(&Visitor::default()).expect_err("a refusal");
        assert!(!refused.is_callers_limit);
        assert_eq!(refused.retry_after_seconds, 7);
        assert!(refused.to_string().contains("200 ms late"), "{refused}");
        drop(first);
        assert!(keeper.admit(&Visitor::default()).is_ok());
    }

    #[test]
    fn asking_takes_no_place() {
        let admission = Admission::new(&AdmissionConfig::default(), 7);
        lagging(&admission);
        let keeper = admission.doorkeeper();
        assert!(keeper.would_admit(&Visitor::default()).is_ok());
        assert!(keeper.would_admit(&Visitor::default()).is_ok());
        assert!(keeper.admit(&Visitor::default()).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_runtime_that_keeps_up_does_not_lag() {
        let admission = Admission::new(&AdmissionConfig::default(), 7);
        let watched = tokio::time::timeout(Duration::from_secs(1), admission.clone().watch());
        assert!(watched.await.is_err(), "it watches for ever");
        let lag = admission.0.budget.lock().lag(Instant::now()).expect("fifty measurements");
        assert!(lag < Duration::from_millis(5), "{lag:?}");
    }
}
