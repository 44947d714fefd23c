//! One spool file: batches by the time they came, the oldest first. Blocking; an index of it stands in memory.
use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};

use crate::batch::{Batch, Counted, Kind};

/// Kind, spans, bytes, name. Apart from the bodies, so that opening a large spool does not read it.
const ABOUT: TableDefinition<u64, (u8, u32, u32, &str)> = TableDefinition::new("about");
const BODIES: TableDefinition<u64, &[u8]> = TableDefinition::new("bodies");
/// Pages that redb keeps in memory for one file. A batch that is sent at once is never read from the disk.
const CACHE_BYTES: usize = 4 * 1024 * 1024;
/// A file that is larger than this while most of it is empty is made small when it is opened.
const WORTH_COMPACTING: u64 = 16 * 1024 * 1024;
/// The lower bits of a key tell batches of one millisecond, and of several processes, apart.
const TIME_SHIFT: u32 = 20;

/// An open spool file.
#[derive(Debug)]
pub(crate) struct Store {
    database: Database,
    index: BTreeMap<u64, About>,
    totals: Totals,
    longest_bytes: u64,
    /// Something was removed and may be there again after a crash.
    unsettled: bool,
}

#[derive(Clone, Copy, Debug)]
struct About {
    spans: u32,
    bytes: u32,
    attached: bool,
}

/// Sums over an index.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    spans: u64,
    bytes: u64,
    attachments: u64,
    attached_bytes: u64,
}

impl Totals {
    fn add(&mut self, about: About) {
        self.spans += u64::from(about.spans);
        self.bytes += u64::from(about.bytes);
        self.attachments += u64::from(about.attached);
        self.attached_bytes += about.attached_bytes();
    }

    fn take(&mut self, about: About) {
        self.spans -= u64::from(about.spans);
        self.bytes -= u64::from(about.bytes);
        self.attachments -= u64::from(about.attached);
        self.attached_bytes -= about.attached_bytes();
    }
}

impl About {
    fn of(batch: &Batch) -> Self {
        Self {
            spans: u32::try_from(batch.spans).unwrap_or(u32::MAX),
            bytes: u32::try_from(batch.body.len()).unwrap_or(u32::MAX),
            attached: batch.is_attachment(),
        }
    }

    fn attached_bytes(self) -> u64 {
        if self.attached { u64::from(self.bytes) } else { 0 }
    }

    fn count(self, counted: &mut Counted) {
        counted.spans += self.spans as usize;
        counted.attachments += usize::from(self.attached);
    }
}

/// Why a file cannot be used.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// Another process has it.
    InUse,
    /// Its content makes no sense.
    Damaged(String),
    /// The disk is full, read-only, or fails.
    Disk(String),
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        use redb::Error as Redb;
        let error = error.into();
        match &error {
            Redb::DatabaseAlreadyOpen => Self::InUse,
            Redb::Io(io) if !matches!(io.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
                Self::Disk(error.to_string())
            }
            Redb::PreviousIo => Self::Disk(error.to_string()),
            _ => Self::Damaged(error.to_string()),
        }
    }
}

impl Store {
    /// Opens a file, or makes it. `longest_bytes` bounds the bodies in it.
    pub(crate) fn open(path: &Path, longest_bytes: u64) -> Result<Self, StoreError> {
        // A file whose pages contradict each other may make redb panic.
        let opened = std::panic::catch_unwind(|| Self::opened(path, longest_bytes));
        opened.unwrap_or_else(|_| Err(StoreError::Damaged("its content makes no sense".into())))
    }

    fn opened(path: &Path, longest_bytes: u64) -> Result<Self, StoreError> {
        make_private(path)?;
        let mut database = redb::Builder::new().set_cache_size(CACHE_BYTES).create(path)?;
        let mut index = BTreeMap::new();
        let writing = database.begin_write()?;
        {
            let about = writing.open_table(ABOUT)?;
            writing.open_table(BODIES)?;
            for entry in about.iter()? {
                let (key, value) = entry?;
                let (kind, spans, bytes, _) = value.value();
                index.insert(key.value(), About { spans, bytes, attached: kind == Kind::ATTACHMENT });
            }
        }
        writing.commit()?;
        let mut totals = Totals::default();
        index.values().for_each(|about| totals.add(*about));
        let size = std::fs::metadata(path).map_or(0, |file| file.len());
        if size > WORTH_COMPACTING && size > 4 * totals.bytes {
            // Nothing depends on it: a file that stays large is no error.
            database.compact().map_or_else(
                |error| tracing::debug!(%error, "a spool file stays larger than it need be"),
                drop,
            );
        }
        Ok(Self { database, index, totals, longest_bytes, unsettled: false })
    }

    /// Adds batches, all or none of them; they are safe when it returns. What had to go for them is counted.
    pub(crate) fn put(&mut self, batches: &[Batch]) -> Result<Counted, StoreError> {
        let mut last = self.index.last_key_value().map_or(0, |(key, _)| *key);
        let keyed: Vec<(u64, &Batch)> = batches
            .iter()
            .map(|batch| {
                last = key_now().max(last + 1);
                (last, batch)
            })
            .collect();
        self.write(&keyed, &[], Durability::Immediate)
    }

    /// Adds a batch of another file under its own key, which keeps the order of time.
    pub(crate) fn adopt(&mut self, batches: &[(u64, Batch)]) -> Result<Counted, StoreError> {
        // A key that is there already was adopted before, by someone who died before deleting the file.
        let new = batches.iter().filter(|(key, _)| !self.index.contains_key(key));
        let keyed: Vec<(u64, &Batch)> = new.map(|(key, batch)| (*key, batch)).collect();
        self.write(&keyed, &[], Durability::Immediate)
    }

    /// Puts another batch in the place of one.
    pub(crate) fn replace(&mut self, key: u64, batch: &Batch) -> Result<Counted, StoreError> {
        self.write(&[(key, batch)], &[key], Durability::Immediate)
    }

    /// Takes one out. After a crash within the next second it may be there again, so it may be sent twice; sinks
    /// know a span by its id. Synchronising for it would cost as much as keeping it did.
    pub(crate) fn remove(&mut self, key: u64) -> Result<(), StoreError> {
        if self.index.contains_key(&key) {
            self.write(&[], &[key], Durability::None)?;
            self.unsettled = true;
        }
        Ok(())
    }

    /// Makes all removals last.
    pub(crate) fn settle(&mut self) -> Result<(), StoreError> {
        if self.unsettled {
            self.write(&[], &[], Durability::Immediate)?;
        }
        Ok(())
    }

    /// Gives up what came before a time.
    pub(crate) fn give_up_before(&mut self, time: SystemTime) -> Result<Counted, StoreError> {
        let before = millis(time) << TIME_SHIFT;
        let old: Vec<u64> = self.index.range(..before).map(|(key, _)| *key).collect();
        let mut counted = Counted::default();
        old.iter().filter_map(|key| self.index.get(key)).for_each(|about| about.count(&mut counted));
        if !old.is_empty() {
            self.write(&[], &old, Durability::Immediate)?;
        }
        Ok(counted)
    }

    /// The oldest batch.
    pub(crate) fn oldest(&self) -> Result<Option<(u64, Batch)>, StoreError> {
        let Some(key) = self.index.keys().next().copied() else { return Ok(None) };
        Ok(Some((key, self.get(key)?)))
    }

    /// All keys, the oldest first.
    pub(crate) fn keys(&self) -> Vec<u64> {
        self.index.keys().copied().collect()
    }

    /// One batch. A key without one means that the file is damaged.
    pub(crate) fn get(&self, key: u64) -> Result<Batch, StoreError> {
        let reading = self.database.begin_read()?;
        let about = reading.open_table(ABOUT)?.get(key)?;
        let body = reading.open_table(BODIES)?.get(key)?;
        let (Some(about), Some(body)) = (about, body) else {
            return Err(StoreError::Damaged("a batch is missing".into()));
        };
        let (kind, spans, _, name) = about.value();
        let kind = Kind::of(kind, name).ok_or_else(|| StoreError::Damaged(format!("kind {kind}")))?;
        Ok(Batch { kind, body: body.value().to_vec().into(), spans: spans as usize })
    }

    /// Spans in it.
    pub(crate) fn spans(&self) -> u64 {
        self.totals.spans
    }

    /// Recordings in it.
    pub(crate) fn attachments(&self) -> u64 {
        self.totals.attachments
    }

    /// Bytes of its batches.
    pub(crate) fn bytes(&self) -> u64 {
        self.totals.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// When the oldest batch came, milliseconds since 1970.
    pub(crate) fn oldest_ms(&self) -> Option<u64> {
        self.index.keys().next().map(|key| key >> TIME_SHIFT)
    }

    /// One transaction: removes, adds, and lets the oldest give way if there is too much now.
    fn write(
        &mut self,
        add: &[(u64, &Batch)],
        remove: &[u64],
        durability: Durability,
    ) -> Result<Counted, StoreError> {
        let mut index = Change { totals: self.totals, ..Change::default() };
        for key in remove {
            index.remove(&self.index, *key);
        }
        for (key, batch) in add {
            index.add(*key, batch);
        }
        let given_up = index.trim(&self.index, self.longest_bytes);
        let mut writing = self.database.begin_write()?;
        writing.set_durability(durability).expect("there are no savepoints");
        {
            let mut about = writing.open_table(ABOUT)?;
            let mut bodies = writing.open_table(BODIES)?;
            for key in &index.removed {
                about.remove(key)?;
                bodies.remove(key)?;
            }
            for (key, batch) in add.iter().filter(|(key, _)| index.added.contains_key(key)) {
                let (kind, name) = batch.kind.stored();
                let figures = About::of(batch);
                about.insert(key, (kind, figures.spans, figures.bytes, name))?;
                bodies.insert(key, &*batch.body)?;
            }
        }
        writing.commit()?;
        // Only now: what failed has changed nothing.
        for key in &index.removed {
            self.index.remove(key);
        }
        self.index.extend(index.added);
        self.totals = index.totals;
        self.unsettled &= matches!(durability, Durability::None);
        Ok(given_up)
    }
}

/// Makes the file if it is missing. Its folder is private too, unless somebody else made it.
fn make_private(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path).map_err(|error| StoreError::Disk(error.to_string()))?;
    // Those of earlier versions are not. Who may write but does not own it cannot change that.
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600)).ok();
    drop(file);
    Ok(())
}

/// What one transaction does to the index.
#[derive(Default)]
struct Change {
    removed: Vec<u64>,
    added: BTreeMap<u64, About>,
    totals: Totals,
}

impl Change {
    fn add(&mut self, key: u64, batch: &Batch) {
        let about = About::of(batch);
        self.totals.add(about);
        self.added.insert(key, about);
    }

    fn remove(&mut self, index: &BTreeMap<u64, About>, key: u64) {
        if let Some(about) = index.get(&key) {
            self.totals.take(*about);
            self.removed.push(key);
        }
    }

    /// The oldest give way. Recordings are large and spans are not: above half of the room it is a recording.
    fn trim(&mut self, index: &BTreeMap<u64, About>, longest_bytes: u64) -> Counted {
        let mut counted = Counted::default();
        while self.totals.bytes > longest_bytes {
            let recordings_only = self.totals.attached_bytes > longest_bytes / 2;
            let gone = |about: &About| !recordings_only || about.attached;
            let kept = index.iter().filter(|(key, _)| !self.removed.contains(key));
            let oldest = kept.chain(&self.added).find(|(_, about)| gone(about));
            let Some((key, about)) = oldest.map(|(key, about)| (*key, *about)) else { break };
            self.totals.take(about);
            about.count(&mut counted);
            if self.added.remove(&key).is_none() {
                self.removed.push(key);
            }
        }
        counted
    }
}

fn millis(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

fn key_now() -> u64 {
    let random = uuid::Uuid::new_v4().as_u128() as u64;
    (millis(SystemTime::now()) << TIME_SHIFT) | (random & ((1 << TIME_SHIFT) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Topic;

    fn batch(mark: u8, spans: usize) -> Batch {
        Batch {
            kind: Kind::Spans { compressed: false, topic: Topic::Turns },
            body: vec![mark; 10].into(),
            spans,
        }
    }

    fn attached(mark: u8) -> Batch {
        Batch { kind: Kind::Attachment { name: "t/u".into() }, body: vec![mark; 10].into(), spans: 0 }
    }

    fn marks(store: &Store) -> Vec<u8> {
        store.keys().into_iter().map(|key| store.get(key).unwrap().body[0]).collect()
    }

    #[test]
    fn batches_come_out_oldest_first_and_stay_over_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.redb");
        let mut store = Store::open(&path, 1_000).unwrap();
        store.put(&[batch(1, 3), batch(2, 4)]).unwrap();
        store.put(&[attached(3)]).unwrap();
        let (key, first) = store.oldest().unwrap().unwrap();
        assert_eq!((first.body[0], first.spans), (1, 3));
        store.remove(key).unwrap();
        store.settle().unwrap();
        drop(store);
        let store = Store::open(&path, 1_000).unwrap();
        assert_eq!(marks(&store), [2, 3]);
        assert_eq!((store.spans(), store.attachments(), store.bytes()), (4, 1, 20));
        assert!(
            matches!(store.get(store.keys()[1]).unwrap().kind, Kind::Attachment { name } if name == "t/u")
        );
    }

    #[cfg(unix)]
    #[test]
    fn what_people_said_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.redb");
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        drop(Store::open(&path, 1_000).unwrap());
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
        drop(Store::open(&path, 1_000).unwrap());
        assert_eq!(mode(), 0o600, "those of earlier versions are made so");
    }

    #[test]
    fn the_oldest_give_way_and_recordings_before_spans() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("a.redb"), 40).unwrap();
        store.put(&[batch(1, 3), attached(2), attached(3), batch(4, 5)]).unwrap();
        let given_up = store.put(&[attached(5)]).unwrap();
        assert_eq!(given_up, Counted { spans: 0, attachments: 1 });
        assert_eq!(marks(&store), [1, 3, 4, 5]);
        let given_up = store.put(&[batch(6, 7)]).unwrap();
        assert_eq!(given_up, Counted { spans: 3, attachments: 0 });
        assert_eq!(marks(&store), [3, 4, 5, 6]);
    }

    #[test]
    fn a_batch_larger_than_all_room_does_not_stay() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("a.redb"), 5).unwrap();
        assert_eq!(store.put(&[batch(1, 3)]).unwrap().spans, 3);
        assert!(store.is_empty() && store.oldest().unwrap().is_none());
    }

    #[test]
    fn another_batch_takes_the_place_of_one_and_old_ones_are_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(&dir.path().join("a.redb"), 1_000).unwrap();
        store.put(&[batch(1, 3), batch(2, 4)]).unwrap();
        store.replace(store.keys()[0], &batch(9, 1)).unwrap();
        assert_eq!((marks(&store), store.bytes()), (vec![9, 2], 20));
        assert_eq!(store.give_up_before(SystemTime::UNIX_EPOCH).unwrap(), Counted::default());
        let later = SystemTime::now() + std::time::Duration::from_secs(1);
        assert_eq!(store.give_up_before(later).unwrap().spans, 5);
        assert_eq!(store.bytes(), 0);
    }

    #[test]
    fn a_file_belongs_to_one_and_one_that_makes_no_sense_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.redb");
        let held = Store::open(&path, 1_000).unwrap();
        assert!(matches!(Store::open(&path, 1_000), Err(StoreError::InUse)));
        drop(held);
        std::fs::write(&path, vec![7; 5_000]).unwrap();
        assert!(matches!(Store::open(&path, 1_000), Err(StoreError::Damaged(_))));
        let nowhere = dir.path().join("none/a.redb");
        assert!(matches!(Store::open(&nowhere, 1_000), Err(StoreError::Disk(_))));
    }
}
