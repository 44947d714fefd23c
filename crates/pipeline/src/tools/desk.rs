//! Runs calls in tasks of their own. They belong to the call on the line: an interrupted answer may leave one behind,
//! a call that ends leaves none.
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Span;
use voce_core::{
    Event, OnInterruption, ToolCall, ToolDefinition, ToolOutcome, ToolPolicy, ToolStep, Tools, TurnId,
};

use super::{News, Told, cancelled, shortened};
use crate::{Turn, spans};

/// Calls at work at the same time, for one caller.
const AT_ONCE: usize = 8;
/// News that may wait for the session.
const WAITING: usize = 64;
/// How long the end of a call waits for calls that are to be finished.
const LAST_WAIT: Duration = Duration::from_secs(30);
/// Characters of a result that the language model gets to see, whatever the tool sent.
const LONGEST_RESULT: usize = 16_000;

/// Where calls are made. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    tools: Arc<dyn Tools>,
    tasks: TaskTracker,
    all: CancellationToken,
    at_once: Arc<Semaphore>,
    news: mpsc::Sender<Told>,
}

/// A call that is to be made.
pub struct Job {
    /// The answer that calls.
    pub answer: u64,
    /// Its turn.
    pub turn: Turn,
    /// The span of the language model that called.
    pub llm: Span,
    /// The tool.
    pub tool: ToolDefinition,
    /// The call.
    pub call: ToolCall,
    /// Whether the caller said yes to it.
    pub confirmed: bool,
}

/// What ties a call to its answer, as long as there is one.
struct Tie {
    span: Span,
    turn: Turn,
}

/// A call on its way. Dropping it is the interruption.
pub struct Pending {
    stop: CancellationToken,
    tie: Arc<Mutex<Option<Tie>>>,
    began: Instant,
    finishes: bool,
    step: oneshot::Receiver<ToolStep>,
}

impl Desk {
    /// For one call on the line, and where its news arrive.
    pub fn new(tools: Arc<dyn Tools>) -> (Self, mpsc::Receiver<Told>) {
        let (news, told) = mpsc::channel(WAITING);
        let (tasks, all) = (TaskTracker::new(), CancellationToken::new());
        (Self { tools, tasks, all, at_once: Arc::new(Semaphore::new(AT_ONCE)), news }, told)
    }

    /// What there is to call.
    pub fn definitions(&self) -> Arc<[ToolDefinition]> {
        self.tools.definitions()
    }

    /// Tells the session.
    pub async fn tell(&self, answer: u64, news: News) {
        // A session that is gone needs no news.
        self.news.send(Told { answer, news }).await.ok();
    }

    /// Begins a call.
    pub async fn begin(&self, job: Job) -> Pending {
        let Job { answer, turn, llm, tool, call, confirmed } = job;
        let (id, policy) = (turn.id(), &tool.policy);
        let finishes = policy.on_interruption == OnInterruption::Finish;
        let (has_effects, has_filler) = (policy.has_effects, !policy.filler.is_empty());
        let started = News::Started { turn: id, call: call.clone(), has_effects, finishes, has_filler };
        self.tell(answer, started).await;
        turn.publish(Event::ToolStarted { turn: id, call: call.clone() });
        let span = spans::tool(&llm, &tool.name, &call, has_effects, confirmed);
        let stop = self.all.child_token();
        let (tell, step) = oneshot::channel();
        let work = Work {
            desk: self.clone(),
            answer,
            turn: id,
            events: turn.observers(),
            policy: tool.policy,
            call,
            stop: stop.clone(),
            tie: Arc::new(Mutex::new(Some(Tie { span, turn }))),
            began: Instant::now(),
        };
        let pending = Pending { stop, tie: work.tie.clone(), began: work.began, finishes, step };
        self.tasks.spawn(async move {
            let step = work.run().await;
            tell.send(step).ok();
        });
        pending
    }

    /// The call on the line is over: what is to be finished may be, for a while; then nothing is left.
    pub async fn close(&self) {
        self.tasks.close();
        if timeout(LAST_WAIT, self.tasks.wait()).await.is_err() {
            self.all.cancel();
            self.tasks.wait().await;
        }
    }
}

impl Pending {
    /// Waits for what comes of the call.
    pub async fn step(&mut self) -> ToolStep {
        // The task sends before it ends, whatever happens in it.
        (&mut self.step).await.unwrap_or_default()
    }

    /// A filler is said while the call runs.
    pub fn filled(&self) {
        if let Some(tie) = &*self.tie.lock() {
            tie.span.record("filler", true);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut tie = self.tie.lock();
        let Some(Tie { span, turn }) = &*tie else { return };
        let released = turn.is_released();
        if self.finishes && released {
            // The turn ends now, and nothing is added to its trace after that.
            span.record("outcome", "detached");
            span.record("seconds", self.began.elapsed().as_secs_f64());
            *tie = None;
            return;
        }
        self.stop.cancel();
        if !released {
            // Nobody has seen it begin. Its span goes the way of the dropped answer.
            span.record("outcome", "cancelled");
            span.record("seconds", self.began.elapsed().as_secs_f64());
            *tie = None;
        }
    }
}

/// A call at work.
struct Work {
    desk: Desk,
    answer: u64,
    turn: TurnId,
    events: mpsc::Sender<Event>,
    policy: ToolPolicy,
    call: ToolCall,
    stop: CancellationToken,
    tie: Arc<Mutex<Option<Tie>>>,
    began: Instant,
}

impl Work {
    async fn run(self) -> ToolStep {
        let (outcome, result) = tokio::select! {
            biased;
            () = self.stop.cancelled() => (ToolOutcome::Cancelled, cancelled(self.policy.has_effects)),
            ended = timeout(self.policy.timeout, self.work()) => match ended {
                Ok(Ok(result)) => (ToolOutcome::Done, shortened(&result, LONGEST_RESULT)),
                Ok(Err(reason)) => (ToolOutcome::Failed, format!("The tool failed: {reason}")),
                Err(_) => (ToolOutcome::TimedOut, self.timed_out()),
            },
        };
        let step = ToolStep { call: self.call, result, outcome };
        let seconds = self.began.elapsed().as_secs_f64();
        let tie = self.tie.lock().take();
        let ended = Event::ToolEnded { turn: self.turn, step: step.clone(), seconds };
        match tie {
            Some(Tie { span, turn }) => {
                record(&span, &step, seconds);
                turn.publish(ended);
            }
            // It goes on without its answer. One that was cancelled unseen is not spoken of.
            None if step.outcome == ToolOutcome::Cancelled => {}
            None => drop(self.events.try_send(ended)),
        }
        let news = News::Ended { turn: self.turn, step: step.clone(), has_effects: self.policy.has_effects };
        self.desk.tell(self.answer, news).await;
        step
    }

    async fn work(&self) -> Result<String, String> {
        let _permit = self.desk.at_once.acquire().await;
        let span = self.tie.lock().as_ref().map_or_else(Span::none, |tie| tie.span.clone());
        let work = {
            let tools = &self.desk.tools;
            let call = self.call.clone();
            // Only the beginning is in the span: a call that outlives its turn must not keep the trace open.
            std::panic::catch_unwind(AssertUnwindSafe(|| span.in_scope(|| tools.call(call))))
        };
        drop(span);
        let panicked = || "it panicked; the log says where".to_owned();
        let work = work.map_err(|_| panicked())?;
        match AssertUnwindSafe(work).catch_unwind().await {
            Ok(ended) => ended.map_err(|error| error.to_string()),
            Err(_) => Err(panicked()),
        }
    }

    fn timed_out(&self) -> String {
        let unsure = if self.policy.has_effects { " Whether it had an effect is not known." } else { "" };
        format!("The tool did not answer within {:?}.{unsure}", self.policy.timeout)
    }
}

/// Writes down how a call ended.
pub(super) fn record(span: &Span, step: &ToolStep, seconds: f64) {
    span.record("result", &step.result);
    span.record("outcome", outcome(step.outcome));
    span.record("seconds", seconds);
    if matches!(step.outcome, ToolOutcome::Failed | ToolOutcome::TimedOut) {
        span.record("otel.status_code", "ERROR");
        span.record("otel.status_description", outcome(step.outcome));
    }
}

/// The word used in traces.
pub(super) fn outcome(outcome: ToolOutcome) -> &'static str {
    match outcome {
        ToolOutcome::Done => "done",
        ToolOutcome::Failed => "failed",
        ToolOutcome::TimedOut => "timed_out",
        ToolOutcome::Cancelled => "cancelled",
        ToolOutcome::Unconfirmed => "unconfirmed",
        ToolOutcome::Refused => "refused",
    }
}
