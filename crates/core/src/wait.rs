//! How long work waits before a model begins on it: behind other work, or for a thread.
//!
//! A model's work is synchronous and stays on one thread until it is done, so all that it waits for on the way adds up
//! there. Whoever began the work tells the sum: the stage's span, and who decides whether another call fits.
use std::{
    cell::Cell,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tokio::time::Instant;
use tracing::Span;

thread_local! {
    static WAITED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

type Listener = Box<dyn Fn(&'static str, Duration) + Send + Sync>;

/// One in a process: engines are shared by all that runs in it, and so is what they wait for.
static LISTENER: OnceLock<Listener> = OnceLock::new();

/// From now on `listener` hears what each piece of work has waited, and at which stage (a span's name). It is called on
/// the threads of the models, so it has to be quick. The first one counts; returns whether this is it.
pub fn on_wait(listener: impl Fn(&'static str, Duration) + Send + Sync + 'static) -> bool {
    LISTENER.set(Box::new(listener)).is_ok()
}

/// The wait of one piece of work. Told when it is dropped: as `queue_wait_ms` of the span that was current when it was
/// made, and to the listener.
#[derive(Debug)]
pub struct Wait {
    stage: &'static str,
    span: Span,
    total: Duration,
    /// Since when it waits in async code.
    since: Option<Instant>,
}

impl Wait {
    /// Of work for `stage`, by the name of its span.
    pub fn of(stage: &'static str) -> Self {
        Self { stage, span: Span::current(), total: Duration::ZERO, since: None }
    }

    /// Waits for `turn`. One who gives up has waited all the same.
    pub async fn until<F: Future>(&mut self, turn: F) -> F::Output {
        let since = Instant::now();
        self.since = Some(since);
        let output = turn.await;
        self.since = None;
        self.total += since.elapsed();
        output
    }

    /// Runs blocking `work` that was asked for at `asked` on this thread, and adds what it waits for.
    pub fn during<T>(&mut self, asked: Instant, work: impl FnOnce() -> T) -> T {
        WAITED.set(asked.elapsed());
        let result = work();
        self.total += WAITED.take();
        result
    }

    /// So far.
    pub fn total(&self) -> Duration {
        self.total
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(since) = self.since {
            self.total += since.elapsed();
        }
        self.span.record("queue_wait_ms", self.total.as_secs_f64() * 1_000.0);
        if let Some(listener) = LISTENER.get() {
            listener(self.stage, self.total);
        }
    }
}

/// Counts time that this thread's work waited.
pub fn waited(time: Duration) {
    WAITED.set(WAITED.get() + time);
}

/// What this thread's work has waited so far.
pub fn waited_so_far() -> Duration {
    WAITED.get()
}

/// A model's lock; the time that it takes counts as waiting. A panic in another's work leaves a model usable: it holds no
/// state of ours.
pub fn lock<T>(model: &Mutex<T>) -> MutexGuard<'_, T> {
    let asked = Instant::now();
    let held = model.lock().unwrap_or_else(PoisonError::into_inner);
    waited(asked.elapsed());
    held
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    #[test]
    fn what_a_piece_of_work_waits_for_adds_up_and_belongs_to_it_alone() {
        let mut wait = Wait::of("stt");
        waited(Duration::from_secs(7));
        let result = wait.during(Instant::now(), || {
            waited(Duration::from_secs(2));
            waited(Duration::from_secs(1));
            assert!(waited_so_far() >= Duration::from_secs(3));
            5
        });
        assert_eq!(result, 5);
        assert_eq!(wait.total().as_secs(), 3, "{:?}", wait.total());
        assert_eq!(waited_so_far(), Duration::ZERO, "nothing is left to the next piece of work");
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_waiting_has_waited() {
        let told = std::sync::Arc::new(Mutex::new(vec![]));
        let hears = told.clone();
        assert!(on_wait(move |stage, wait| {
            // Other tests of this process are heard too.
            if stage == "given up" {
                hears.lock().unwrap().push(wait.as_secs());
            }
        }));
        let mut wait = Wait::of("given up");
        wait.until(tokio::time::sleep(Duration::from_secs(2))).await;
        let ended = tokio::time::timeout(Duration::from_secs(3), async move {
            wait.until(std::future::pending::<()>()).await;
        });
        assert!(ended.await.is_err());
        assert_eq!(*told.lock().unwrap(), [5]);
    }

    #[test]
    fn the_time_behind_a_lock_counts() {
        let model = Mutex::new(());
        let (sender, taken) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let held = lock(&model);
                sender.send(()).unwrap();
                thread::sleep(Duration::from_millis(30));
                drop(held);
            });
            taken.recv().unwrap();
            let mut wait = Wait::of("tts");
            wait.during(Instant::now(), || drop(lock(&model)));
            // The other thread may have slept a part of it before this one asked.
            assert!(wait.total() > Duration::ZERO);
        });
    }
}
