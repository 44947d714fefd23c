//! SIGHUP: the configuration is read again, and what a running server can take is there for the next call. Calls under way
//! keep what they have.
use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tokio::{
    signal::unix::Signal,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use super::{
    ready::Readiness,
    source::{Deadlines, Source, differing, takable},
    systemd::Systemd,
    tls::Tls,
};
use crate::{
    config::Config,
    variants::{Assistants, Running},
};

/// How often the files of the certificate are looked at.
const LOOKS: Duration = Duration::from_secs(60);

/// Takes a configuration that was read again, or says why it cannot and keeps the old one.
pub type Taker = Box<dyn Fn(&Config) -> Result<()> + Send + Sync>;

/// Exchanges what can be exchanged.
pub struct Reloader {
    pub source: Source,
    /// What is in force.
    pub config: Config,
    pub running: Running,
    pub readiness: Readiness,
    pub deadlines: Arc<Mutex<Deadlines>>,
    pub tls: Option<Tls>,
    pub systemd: Arc<Systemd>,
    /// Parts of the server that take settings of their own.
    pub takers: Vec<Taker>,
}

impl Reloader {
    /// Until `stop`.
    pub async fn run(mut self, mut hangups: Signal, stop: CancellationToken) {
        let mut looks = interval(LOOKS);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => self.look_at_certificate(),
                Some(()) = hangups.recv() => {
                    self.systemd.reloading();
                    // Models may load for long; the end does not wait for them.
                    if stop.clone().run_until_cancelled(self.reload()).await.is_none() {
                        return;
                    }
                    self.systemd.ready();
                }
            }
        }
    }

    async fn reload(&mut self) {
        self.look_at_certificate();
        if let Err(error) = self.take().await {
            tracing::error!(
                error = format!("{error:#}"),
                "the configuration was not taken; what was in force stays in force"
            );
        }
    }

    /// All or nothing, up to the takers, each of which is for itself.
    async fn take(&mut self) -> Result<()> {
        let fresh = self.source.read()?;
        let (wanted, left) = takable(&self.config, &fresh);
        if !left.is_empty() {
            tracing::warn!(keys = left.join(", "), "these settings need a restart; the others are taken");
        }
        let changed = match differing(&self.config, &wanted) {
            changed if changed.is_empty() => "nothing".to_owned(),
            changed => changed.join(", "),
        };
        let (load, before) = (wanted.clone(), self.running.now());
        let loaded = tokio::task::spawn_blocking(move || Assistants::load(&load, Some(&before))).await;
        let assistants = loaded.context("loading ended in a defect")??;
        if let Some(tls) = &self.tls {
            tls.refresh(&wanted.server.tls)?;
        }
        for take in &self.takers {
            take(&wanted)?;
        }
        self.readiness.serve(&wanted, &assistants.cards());
        self.running.exchange(assistants);
        *self.deadlines.lock() = Deadlines::of(&wanted);
        self.config = wanted;
        tracing::info!(changed, "the configuration was read again; the next call gets it");
        Ok(())
    }

    fn look_at_certificate(&self) {
        let Some(tls) = &self.tls else { return };
        if let Err(error) = tls.refresh(&self.config.server.tls) {
            tracing::error!(
                error = format!("{error:#}"),
                "the changed TLS certificate cannot be used; the one before stays in force"
            );
        }
    }
}
