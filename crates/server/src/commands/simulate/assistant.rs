//! The assistant at the other end of a simulated call, in this process.
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use voce_core::{EngineError, FarEnd, Knowledge, in_memory};
use voce_pipeline::{Engines, Settings};

/// Can be called. Cheap to clone.
#[derive(Clone)]
pub struct Assistant {
    engines: Engines,
    settings: Settings,
}

/// A call that was begun.
pub struct Connection {
    far: Option<FarEnd>,
    stop: CancellationToken,
    /// The assistant's side of it.
    session: JoinSet<Result<(), EngineError>>,
}

impl Assistant {
    /// As it answers real calls.
    pub fn new(engines: Engines, settings: Settings) -> Self {
        Self { engines, settings }
    }

    /// The same with another knowledge base.
    pub fn knowing(&self, knowledge: Arc<dyn Knowledge>) -> Self {
        let engines = Engines { knowledge: Some(knowledge), ..self.engines.clone() };
        Self { engines, settings: self.settings.clone() }
    }

    /// Begins a call whose traces belong to the session `id`.
    pub fn dial(&self, id: &str) -> Connection {
        let (call, far) = in_memory(id);
        let stop = CancellationToken::new();
        let mut session = JoinSet::new();
        let span = tracing::info_span!("call", id);
        let run = voce_pipeline::run(call, self.engines.clone(), self.settings.clone(), stop.clone());
        session.spawn(run.instrument(span));
        Connection { far: Some(far), stop, session }
    }
}

impl Connection {
    /// The caller's end, once.
    pub fn far_end(&mut self) -> Result<FarEnd> {
        self.far.take().context("the call has one caller only")
    }

    /// Ends the assistant's side. Fails if the call could not begin or ended by a defect.
    pub async fn end(mut self) -> Result<()> {
        self.stop.cancel();
        while let Some(ended) = self.session.join_next().await {
            ended
                .context("a call ended by a defect; the log says where")?
                .context("the call could not begin")?;
        }
        Ok(())
    }
}
