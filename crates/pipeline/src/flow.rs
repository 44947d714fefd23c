//! Stages and how they are chained: one task, one bounded channel and one span each.
use std::future::Future;

use tokio::{sync::mpsc, task::JoinSet};
use tracing::{Instrument, Span};
use voce_core::EngineError;

/// One step of a pipeline. It ends when its input ends or its output is no longer wanted.
pub trait Stage: Send + 'static {
    /// What it takes.
    type In: Send + 'static;
    /// What it gives.
    type Out: Send + 'static;

    /// Name in errors and logs, e.g. `llm`.
    const NAME: &'static str;
    /// Items that may wait behind this stage. Small on purpose: waiting is latency.
    const BUFFER: usize = 4;

    /// The span that the stage runs in, below `parent`; it begins with the first item. A stage that makes one
    /// span per item returns `parent`.
    fn span(&self, parent: &Span) -> Span;

    /// Works until the input ends (then finishes what is pending) or the output is refused.
    fn run(
        self,
        input: Inlet<Self::In>,
        output: Outlet<Self::Out>,
    ) -> impl Future<Output = Result<(), StageError>> + Send;
}

/// Why a stage stopped early.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// Downstream is gone: a normal end, not a failure.
    #[error("downstream closed")]
    Closed,
    /// The engine behind the stage failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Where a stage's input arrives.
pub struct Inlet<T> {
    first: Option<T>,
    rest: mpsc::Receiver<T>,
}

impl<T> Inlet<T> {
    /// The next item, or `None` after the last.
    pub async fn next(&mut self) -> Option<T> {
        match self.first.take() {
            Some(first) => Some(first),
            None => self.rest.recv().await,
        }
    }
}

/// Where a stage's output leaves.
pub struct Outlet<T>(mpsc::Sender<T>);

impl<T> Outlet<T> {
    /// Hands on `item`, waiting while the next stage is busy.
    pub async fn send(&mut self, item: T) -> Result<(), StageError> {
        self.0.send(item).await.map_err(|_| StageError::Closed)
    }
}

/// A pipeline under construction. Every stage added here is spawned, bounded and traced.
pub struct Flow<T> {
    tail: mpsc::Receiver<T>,
    tasks: JoinSet<Result<(), FlowError>>,
    span: Span,
}

impl<T: Send + 'static> Flow<T> {
    /// Starts from one value, under `span`.
    pub fn of(first: T, span: Span) -> Self {
        let (sender, tail) = mpsc::channel(1);
        let taken = sender.try_send(first).is_ok();
        debug_assert!(taken, "a new channel of one has room for one");
        Self { tail, tasks: JoinSet::new(), span }
    }

    /// Starts from a source that others fill, under `span`.
    pub fn from(source: mpsc::Receiver<T>, span: Span) -> Self {
        Self { tail: source, tasks: JoinSet::new(), span }
    }

    /// Adds a stage behind the last one and starts it.
    pub fn then<S: Stage<In = T>>(self, stage: S) -> Flow<S::Out> {
        let (sender, tail) = mpsc::channel(S::BUFFER);
        self.then_through(stage, sender, tail)
    }

    /// The same, where an earlier stage may put something into the new stage's output, too.
    pub fn then_through<S: Stage<In = T>>(
        mut self,
        stage: S,
        sender: mpsc::Sender<S::Out>,
        tail: mpsc::Receiver<S::Out>,
    ) -> Flow<S::Out> {
        let (mut rest, parent) = (self.tail, self.span.clone());
        self.tasks.spawn(async move {
            // A stage starts with its first item, so its span shows its own time and not that of those before it.
            let Some(first) = rest.recv().await else { return Ok(()) };
            let span = stage.span(&parent);
            let work = stage.run(Inlet { first: Some(first), rest }, Outlet(sender));
            match work.instrument(span.clone()).await {
                Ok(()) | Err(StageError::Closed) => Ok(()),
                Err(source) => {
                    span.record("otel.status_code", "ERROR");
                    span.record("otel.status_description", tracing::field::display(&source));
                    Err(FlowError::Stage { stage: S::NAME, source })
                }
            }
        });
        Flow { tail, tasks: self.tasks, span: self.span }
    }

    /// The finished pipeline.
    pub fn start(self) -> Running<T> {
        Running { output: self.tail, tasks: self.tasks }
    }
}

/// A running pipeline. Dropping it aborts every stage.
pub struct Running<T> {
    output: mpsc::Receiver<T>,
    tasks: JoinSet<Result<(), FlowError>>,
}

/// Why a pipeline did not reach its end.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// A stage gave up.
    #[error("stage {stage}: {source}")]
    Stage {
        /// Its name.
        stage: &'static str,
        /// Its reason.
        source: StageError,
    },
    /// A stage has a defect; the call goes on. Its message is left to the panic hook: it may quote what people said.
    #[error("a stage panicked; the log says where")]
    Panicked,
}

impl<T: Send + 'static> Running<T> {
    /// The next output; after the last one, the first failure of any stage, then `None`.
    pub async fn next(&mut self) -> Option<Result<T, FlowError>> {
        if let Some(item) = self.output.recv().await {
            return Some(Ok(item));
        }
        while let Some(ended) = self.tasks.join_next().await {
            match ended {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Some(Err(error)),
                Err(join) if join.is_panic() => return Some(Err(FlowError::Panicked)),
                Err(_) => {}
            }
        }
        None
    }

    /// Aborts every stage and waits until all of them are gone, so that what they held is free again.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}
