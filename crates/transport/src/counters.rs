//! What is counted of a call. Plain numbers, read by anyone at any time.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::{Serialize, Serializer};

/// A number that many tasks may change.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `more`.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    /// Replaces the number.
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.get())
    }
}

/// The figures of one call.
#[derive(Debug, Default, Serialize)]
pub struct Counters {
    /// RTP packets from the caller.
    pub packets_received: Count,
    /// Packets from the caller that never came.
    pub packets_lost: Count,
    /// Packets from the caller that came after their turn, or twice.
    pub packets_late: Count,
    /// Packets that were not Opus.
    pub undecodable: Count,
    /// Microphone frames of silence that stand for packets the browser did not send.
    pub silence_frames: Count,
    /// Microphone frames dropped because the pipeline did not take them.
    pub frames_dropped: Count,
    /// RTP packets to the caller.
    pub packets_sent: Count,
    /// Frames of the bot's voice.
    pub frames_spoken: Count,
    /// Protocol messages to the caller.
    pub messages_sent: Count,
    /// Protocol messages that did not fit on the data channel.
    pub messages_dropped: Count,
    /// Protocol messages from the caller.
    pub messages_received: Count,
}
