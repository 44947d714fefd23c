//! What no sink has taken yet, on disk: survives an absent sink, the end of the program and its death.
//!
//! One file a sink and process (redb locks its files), named `SINK.SLOT.redb`. A process takes the first slot that
//! nobody holds and adopts what the dead left in the others.
mod hold;
mod report;
mod slots;
mod store;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use hold::{HeldSpool, HoldError, hold_spool};
pub use report::{SpoolFile, spool_files};
pub(crate) use slots::{Place, set_aside};
pub(crate) use store::{Store, StoreError};

/// `[telemetry.spool]`: traces that a sink has not taken yet are kept on disk, also over the end of the program.
///
/// A batch is on disk before it is sent, so killing the program loses only spans of the last
/// `telemetry.batch_delay_ms`; a power cut loses no more, since every write is synchronised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpoolConfig {
    /// Whether to keep them on disk. Without it, or where the disk cannot be written, `telemetry.waiting_bytes` of
    /// memory hold them until the program ends.
    pub enabled: bool,
    /// Folder, readable by its owner only: traces hold what people said. Empty: voce/spool under `$XDG_STATE_HOME` or
    /// `~/.local/state`.
    pub dir: String,
    /// Disk for each sink, bytes; the oldest are dropped and counted. The file itself may be half as large again.
    pub bytes: u64,
    /// What could not be delivered for so many days is given up and counted; files of sinks that are no longer
    /// configured, and damaged ones, are deleted after as many. 0: never.
    pub keep_days: u32,
}

impl Default for SpoolConfig {
    fn default() -> Self {
        Self { enabled: true, dir: String::new(), bytes: 256 * 1024 * 1024, keep_days: 14 }
    }
}

impl SpoolConfig {
    /// The folder of the spool files.
    pub fn folder(&self) -> PathBuf {
        if !self.dir.is_empty() {
            return PathBuf::from(&self.dir);
        }
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = || set("HOME").unwrap_or_else(|| PathBuf::from("."));
        set("XDG_STATE_HOME").unwrap_or_else(|| home().join(".local/state")).join("voce/spool")
    }
}
