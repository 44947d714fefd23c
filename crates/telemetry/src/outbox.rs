//! What one sink has not taken yet: in memory until it is on disk, and on disk until it is taken.
//!
//! Neither the export thread's collecting nor the sink waits for the disk: it is written on a blocking thread.
//! Where it cannot be written, memory alone holds what fits.
use std::{
    path::PathBuf,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use crate::{
    Counters,
    batch::{Batch, Counted},
    counters::Spooled,
    ring::Ring,
    spool::{Place, Store, StoreError, set_aside},
};

/// How long removals may be undone by a crash, and how soon a disk that was full is looked at again at the earliest.
const TICK: Duration = Duration::from_secs(1);
/// How long a disk that failed is left alone.
const TRY_DISK_EVERY: Duration = Duration::from_secs(30);
/// How often other processes' files, and the age of our own batches, are looked at.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// The queue of one sink.
#[derive(Debug)]
pub(crate) struct Outbox {
    ring: Ring,
    place: Option<Place>,
    /// Locked on blocking threads only, for as long as the disk takes.
    disk: Mutex<Disk>,
    spooled: Spooled,
    counters: Arc<Counters>,
    ready: Notify,
}

#[derive(Debug)]
enum Disk {
    /// Not yet, or not any more: to be opened when it is needed.
    Closed,
    Open {
        store: Box<Store>,
        path: PathBuf,
        tidied: Option<Instant>,
    },
    /// Not before this time again.
    Failed(Instant),
    /// For good: the program ends, or the spool is off.
    Off,
}

/// A batch that is being sent, and its place on disk.
#[derive(Debug)]
pub(crate) struct Parcel {
    key: Option<u64>,
    pub(crate) batch: Batch,
}

impl Outbox {
    /// `place`: where on disk; without one, memory alone is used.
    pub(crate) fn new(memory_bytes: usize, place: Option<Place>, counters: Arc<Counters>) -> Self {
        let disk = if place.is_some() { Disk::Closed } else { Disk::Off };
        Self {
            ring: Ring::new(memory_bytes),
            place,
            disk: Mutex::new(disk),
            spooled: Spooled::default(),
            counters,
            ready: Notify::new(),
        }
    }

    /// Adds the newest batch, without waiting.
    pub(crate) fn push(&self, batch: Batch) {
        self.counters.add_given_up(self.ring.push(batch));
    }

    /// Moves what comes to the disk, and tidies up there, until the task is ended.
    pub(crate) async fn keep(self: Arc<Self>) {
        if self.place.is_none() {
            loop {
                self.ring.filled().await;
                self.ready.notify_one();
            }
        }
        loop {
            self.blocking(Self::store_waiting).await;
            self.ready.notify_one();
            // The tick makes removals last and opens a disk that failed; it costs nothing where there is neither.
            drop(tokio::time::timeout(TICK, self.ring.filled()).await);
        }
    }

    /// Returns once something came since the last call.
    pub(crate) async fn ready(&self) {
        self.ready.notified().await;
    }

    /// The oldest batch; `sent`, the one before it, is taken out.
    pub(crate) async fn next(self: &Arc<Self>, sent: Option<Parcel>) -> Option<Parcel> {
        self.blocking(move |outbox| outbox.next_now(sent)).await.flatten()
    }

    /// Keeps a batch that could not be sent. `left` takes its place, if it is given: what of it is still to be sent.
    pub(crate) async fn put_back(self: &Arc<Self>, parcel: Parcel, left: Option<Batch>) {
        self.blocking(move |outbox| outbox.put_back_now(parcel, left)).await;
    }

    /// Sends a batch to the end of the queue, since it keeps others from being sent.
    pub(crate) async fn postpone(self: &Arc<Self>, parcel: Parcel) {
        self.blocking(move |outbox| {
            let Parcel { key, batch } = parcel;
            let kept = outbox.on_disk(|store| {
                let counted = store.put(std::slice::from_ref(&batch))?;
                key.map_or(Ok(()), |key| store.remove(key))?;
                Ok(counted)
            });
            match kept {
                Some(counted) => outbox.counters.add_given_up(counted),
                None => outbox.push(batch),
            }
        })
        .await;
    }

    /// Whether all that came was sent. Only what was pushed before the last call of [`Outbox::next`] counts for sure.
    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty() && self.spooled.bytes.load(Relaxed) == 0
    }

    /// Spans that wait.
    pub(crate) fn spans(&self) -> u64 {
        self.ring.spans() as u64 + self.spooled.spans.load(Relaxed)
    }

    /// Spans that wait in memory and would be lost with the process.
    pub(crate) fn spans_in_memory(&self) -> u64 {
        self.ring.spans() as u64
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.ring.bytes() as u64 + self.spooled.bytes.load(Relaxed)
    }

    pub(crate) fn spooled(&self) -> &Spooled {
        &self.spooled
    }

    /// Whether batches go to the disk. While the disk is written the answer is yes.
    pub(crate) fn is_on_disk(&self) -> bool {
        self.disk.try_lock().is_none_or(|disk| matches!(*disk, Disk::Open { .. } | Disk::Closed))
    }

    /// Gives the file back: another process may have it then. Blocking.
    pub(crate) fn close(&self) {
        self.store_waiting();
        let mut disk = self.disk.lock();
        if let Disk::Open { store, .. } = &mut *disk
            && let Err(StoreError::Damaged(reason) | StoreError::Disk(reason)) = store.settle()
        {
            tracing::debug!(reason, "what was sent last may be sent again at the next start");
        }
        *disk = Disk::Off;
    }

    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Option<T> {
        if self.place.is_none() {
            return Some(work(self));
        }
        let outbox = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&outbox)).await;
        if done.is_err() {
            *self.disk.lock() = Disk::Failed(Instant::now() + TRY_DISK_EVERY);
        }
        done.ok()
    }

    fn next_now(&self, sent: Option<Parcel>) -> Option<Parcel> {
        if let Some(key) = sent.and_then(|parcel| parcel.key) {
            self.on_disk(|store| store.remove(key));
        }
        self.store_waiting();
        match self.on_disk(|store| store.oldest()) {
            Some(oldest) => oldest.map(|(key, batch)| Parcel { key: Some(key), batch }),
            None => self.ring.pop().map(|batch| Parcel { key: None, batch }),
        }
    }

    fn put_back_now(&self, parcel: Parcel, left: Option<Batch>) {
        match (parcel.key, left) {
            (Some(key), Some(left)) => {
                if let Some(counted) = self.on_disk(|store| store.replace(key, &left)) {
                    self.counters.add_given_up(counted);
                }
            }
            // It is still there.
            (Some(_), None) => {}
            (None, left) => self.counters.add_given_up(self.ring.put_back(left.unwrap_or(parcel.batch))),
        }
    }

    /// Memory to disk; then what is due on disk.
    fn store_waiting(&self) {
        self.on_disk(|store| {
            let mut batches = Vec::new();
            while let Some(batch) = self.ring.pop() {
                batches.push(batch);
            }
            if batches.is_empty() {
                return store.settle();
            }
            match store.put(&batches) {
                Ok(given_up) => {
                    self.counters.add_spooled(batches.iter().map(|batch| batch.spans).sum());
                    self.counters.add_given_up(given_up);
                    Ok(())
                }
                Err(error) => {
                    let back = |batch| self.counters.add_given_up(self.ring.put_back(batch));
                    batches.into_iter().rev().for_each(back);
                    Err(error)
                }
            }
        });
        self.tidy();
    }

    fn tidy(&self) {
        let Some(place) = &self.place else { return };
        let mut disk = self.disk.lock();
        let Disk::Open { store, path, tidied } = &mut *disk else { return };
        if tidied.is_some_and(|at| at.elapsed() < TIDY_EVERY) {
            return;
        }
        *tidied = Some(Instant::now());
        let mut tidy = || -> Result<Counted, StoreError> {
            let mut given_up = place.adopt_into(store, path)?;
            if let Some(before) = place.keep.and_then(|keep| SystemTime::now().checked_sub(keep)) {
                let old = store.give_up_before(before)?;
                given_up.spans += old.spans;
                given_up.attachments += old.attachments;
            }
            place.delete_old()?;
            Ok(given_up)
        };
        match tidy() {
            Ok(given_up) => {
                self.counters.add_given_up(given_up);
                self.note(store);
            }
            Err(error) => self.failed(&mut disk, error),
        }
    }

    /// Works on the open file; opens it if it is time to. `None` where there is none.
    fn on_disk<T>(&self, work: impl FnOnce(&mut Store) -> Result<T, StoreError>) -> Option<T> {
        let place = self.place.as_ref()?;
        let mut disk = self.disk.lock();
        match &*disk {
            Disk::Off => return None,
            Disk::Failed(until) if Instant::now() < *until => return None,
            Disk::Open { .. } => {}
            was @ (Disk::Closed | Disk::Failed(_)) => {
                let failed = matches!(was, Disk::Failed(_));
                match place.open() {
                    Ok((store, path)) => {
                        if failed {
                            tracing::info!(file = %path.display(), "traces are kept on disk again");
                        }
                        *disk = Disk::Open { store: Box::new(store), path, tidied: None };
                    }
                    Err(error) => {
                        self.failed(&mut disk, error);
                        return None;
                    }
                }
            }
        }
        let Disk::Open { store, .. } = &mut *disk else { return None };
        match work(store) {
            Ok(done) => {
                self.note(store);
                Some(done)
            }
            Err(error) => {
                self.failed(&mut disk, error);
                None
            }
        }
    }

    fn failed(&self, disk: &mut Disk, error: StoreError) {
        let before = std::mem::replace(disk, Disk::Closed);
        self.forget();
        match (error, before) {
            // Dropped first: it holds the lock on its file.
            (StoreError::Damaged(reason), Disk::Open { store, path, .. }) => {
                drop(store);
                set_aside(&path, &reason);
            }
            (StoreError::Damaged(reason) | StoreError::Disk(reason), before) => {
                if !matches!(before, Disk::Failed(_)) {
                    let dir = self.place.as_ref().map(|place| place.dir.display().to_string());
                    tracing::warn!(
                        dir,
                        reason,
                        "traces cannot be kept on disk; those that a sink does not take wait in memory, \
                         telemetry.waiting_bytes, until they can"
                    );
                }
                *disk = Disk::Failed(Instant::now() + TRY_DISK_EVERY);
            }
            (StoreError::InUse, _) => *disk = Disk::Failed(Instant::now() + TRY_DISK_EVERY),
        }
    }

    fn note(&self, store: &Store) {
        self.spooled.spans.store(store.spans(), Relaxed);
        self.spooled.bytes.store(store.bytes(), Relaxed);
        self.spooled.attachments.store(store.attachments(), Relaxed);
        self.spooled.oldest_ms.store(store.oldest_ms().unwrap_or_default(), Relaxed);
    }

    fn forget(&self) {
        for figure in
            [&self.spooled.spans, &self.spooled.bytes, &self.spooled.attachments, &self.spooled.oldest_ms]
        {
            figure.store(0, Relaxed);
        }
    }
}
