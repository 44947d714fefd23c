//! What an operator asks of a running server.
use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How a server is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// SIGTERM: running calls are finished first.
    Drain,
    /// SIGINT, Ctrl-C: nobody waits.
    AtOnce,
}

/// The signals that end a server. They are heard from the moment this is made.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub fn new() -> Result<Self> {
        Ok(Self { terminate: heard(SignalKind::terminate())?, interrupt: heard(SignalKind::interrupt())? })
    }

    /// Waits for the next of them.
    pub async fn next(&mut self) -> Ending {
        tokio::select! {
            _ = self.terminate.recv() => Ending::Drain,
            _ = self.interrupt.recv() => Ending::AtOnce,
        }
    }
}

/// SIGHUP: the configuration is to be read again. From now on it no longer ends the process.
pub fn hangups() -> Result<Signal> {
    heard(SignalKind::hangup())
}

fn heard(kind: SignalKind) -> Result<Signal> {
    signal(kind)
        .with_context(|| format!("the system lets no handler be set for signal {}", kind.as_raw_value()))
}
