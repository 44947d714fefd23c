//! The assistant at the other end of a simulated call: in this process, or a server that is called by WebRTC.
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use voce_caller::Caller;
use voce_core::{FarEnd, Knowledge, in_memory};
use voce_pipeline::{Engines, Settings};

/// Can be called. Cheap to clone.
#[derive(Clone)]
pub enum Assistant {
    /// Answers in this process as it answers real calls.
    Here(Box<Here>),
    /// A server's address, e.g. `http://127.0.0.1:8080`.
    Server(String),
}

/// What answers in this process.
#[derive(Clone)]
pub struct Here {
    pub engines: Engines,
    pub settings: Settings,
}

/// A call that was begun.
pub struct Connection {
    far: Option<FarEnd>,
    stop: CancellationToken,
    /// The assistant's side of it, or the line to it.
    session: JoinSet<Result<()>>,
}

impl Assistant {
    /// The same with another knowledge base. A server has its own.
    pub fn knowing(&self, knowledge: Arc<dyn Knowledge>) -> Self {
        match self {
            Self::Here(here) => {
                let engines = Engines { knowledge: Some(knowledge), ..here.engines.clone() };
                Self::Here(Box::new(Here { engines, settings: here.settings.clone() }))
            }
            Self::Server(url) => Self::Server(url.clone()),
        }
    }

    /// Begins a call. Its traces belong to the session `id`, those of a server to one that it names itself.
    pub async fn dial(&self, id: &str) -> Result<Connection> {
        let stop = CancellationToken::new();
        let mut session = JoinSet::new();
        let span = tracing::info_span!("call", id);
        let far = match self {
            Self::Here(here) => {
                let Here { engines, settings } = (**here).clone();
                let (call, far) = in_memory(id);
                let run = voce_pipeline::run(call, engines, settings, stop.clone());
                let run = async move { run.await.context("the call could not begin") };
                session.spawn(run.instrument(span));
                far
            }
            Self::Server(url) => {
                let caller = Caller::connect(url).await.with_context(|| format!("calling {url}"))?;
                let (far, line) = caller.into_far_end();
                let url = url.clone();
                let line = async move { line.await.with_context(|| format!("the call with {url}")) };
                session.spawn(line.instrument(span));
                far
            }
        };
        Ok(Connection { far: Some(far), stop, session })
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
            ended.context("a call ended by a defect; the log says where")??;
        }
        Ok(())
    }
}
