//! One sink: sends what waits for it, oldest first, and survives its absence.
use std::{sync::Arc, time::Duration};

use reqwest::Client;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};

use crate::{
    Counters, SinkKind,
    batch::{Batch, Topic},
    environment::Address,
    mlflow,
    outbox::Outbox,
    sending::{Answer, Sending},
};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// Refused spans named in the log for one batch; the rest are counted.
const NAMED: usize = 5;
/// So often a sink may fail on one batch before the others have their turn.
const MOST_FAILURES: usize = 3;

/// The task that serves one sink.
pub(crate) struct Delivery {
    sink: Address,
    client: Client,
    sending: Sending,
    pub(crate) outbox: Arc<Outbox>,
    counters: Arc<Counters>,
    /// What is known of the sink, for links and health pages.
    state: watch::Sender<SinkState>,
    /// MLflow's number for the judge's experiment, once there was something for it.
    judge_experiment: Option<String>,
    pause: Duration,
    retry_at: Option<Instant>,
    /// How often the sink failed on the batch that is the oldest.
    failures: usize,
}

/// Whether a sink answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct SinkState {
    pub(crate) reach: Reach,
    /// MLflow's number for the experiment, once known.
    pub(crate) experiment: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    #[default]
    Untried,
    Reached,
    Away,
}

/// A sink that went away while a refused batch was being split.
struct Broken {
    /// What it has neither taken nor refused.
    left: Option<Batch>,
    reason: String,
}

impl Delivery {
    pub(crate) fn new(
        sink: Address,
        client: Client,
        outbox: Arc<Outbox>,
        counters: Arc<Counters>,
        state: watch::Sender<SinkState>,
    ) -> Self {
        // Due at once: the experiment is looked up before the first turn ends.
        let retry_at = (sink.kind == SinkKind::Mlflow).then(Instant::now);
        let sending = Sending::new(sink.clone(), client.clone());
        Self {
            sink,
            client,
            sending,
            outbox,
            counters,
            state,
            judge_experiment: None,
            pause: FIRST_PAUSE,
            retry_at,
            failures: 0,
        }
    }

    /// Whether the judge's own work goes there.
    pub(crate) fn takes_judge(&self) -> bool {
        self.sink.kind != SinkKind::Mlflow || !self.sink.judge_experiment.is_empty()
    }

    /// Whether recordings can be put beside traces there.
    pub(crate) fn takes_attachments(&self) -> bool {
        self.sink.kind == SinkKind::Mlflow
    }

    /// Delivers until the export thread ends. A flush is answered with whether nothing is left.
    pub(crate) async fn run(mut self, mut flushes: mpsc::Receiver<oneshot::Sender<bool>>) {
        loop {
            let due = async {
                match self.retry_at {
                    Some(at) => sleep_until(at).await,
                    None => self.outbox.ready().await,
                }
            };
            let flush = tokio::select! {
                flush = flushes.recv() => match flush {
                    Some(flush) => Some(flush),
                    None => return,
                },
                () = due => None,
            };
            let pause = self.pause;
            self.drain().await;
            if let Some(done) = flush {
                // A try out of turn says nothing about how long the sink has been away.
                self.pause = self.pause.min(pause);
                // Whoever asked may have stopped waiting.
                let _ = done.send(self.outbox.is_empty());
            }
        }
    }

    async fn drain(&mut self) {
        self.retry_at = None;
        if let Err(reason) = self.find_experiment().await {
            return self.away(&reason);
        }
        let mut sent = None;
        while let Some(parcel) = self.outbox.next(sent.take()).await {
            let topic = parcel.batch.topic();
            match self.send(&parcel.batch).await {
                Answer::Taken => {
                    self.taken(&parcel.batch, 0);
                    sent = Some(parcel);
                }
                Answer::TakenBut(rejected, reason) => {
                    self.rejected(&parcel.batch, rejected, &reason);
                    sent = Some(parcel);
                }
                Answer::Refused(reason) => match self.split(&parcel.batch, reason).await {
                    Ok(()) => sent = Some(parcel),
                    Err(Broken { left, reason }) => {
                        self.outbox.put_back(parcel, left).await;
                        return self.away(&reason);
                    }
                },
                Answer::Failed(reason) => {
                    self.failures += 1;
                    if self.failures < MOST_FAILURES {
                        self.outbox.put_back(parcel, None).await;
                    } else {
                        self.failures = 0;
                        self.outbox.postpone(parcel).await;
                    }
                    return self.away(&reason);
                }
                Answer::Away(reason) => {
                    self.outbox.put_back(parcel, None).await;
                    return self.away(&reason);
                }
                Answer::NoExperiment => {
                    self.outbox.put_back(parcel, None).await;
                    let reason = self.lost_experiment(topic);
                    return self.away(&reason);
                }
            }
        }
    }

    fn lost_experiment(&mut self, topic: Topic) -> String {
        let name = match topic {
            Topic::Turns => {
                self.state.send_modify(|state| state.experiment = None);
                &self.sink.experiment
            }
            Topic::Judge => {
                self.judge_experiment = None;
                &self.sink.judge_experiment
            }
        };
        format!("experiment {name:?} is gone there; looking it up again")
    }

    async fn find_experiment(&mut self) -> Result<(), String> {
        if self.sink.kind != SinkKind::Mlflow || self.state.borrow().experiment.is_some() {
            return Ok(());
        }
        let id = mlflow::experiment(&self.client, &self.sink, &self.sink.experiment).await?;
        tracing::debug!(experiment = self.sink.experiment, id, "found the experiment");
        self.state.send_modify(|state| state.experiment = Some(id));
        self.reached();
        Ok(())
    }

    async fn send(&mut self, batch: &Batch) -> Answer {
        let experiment = match (batch.topic(), self.sink.kind) {
            (Topic::Judge, SinkKind::Mlflow) => match self.find_judge_experiment().await {
                Ok(id) => Some(id),
                // Turns go on without it.
                Err(reason) => return Answer::Failed(reason),
            },
            _ => self.state.borrow().experiment.clone(),
        };
        self.sending.send(batch, experiment.as_deref()).await
    }

    /// Looked up when it is needed: without a judge there is to be no empty experiment.
    async fn find_judge_experiment(&mut self) -> Result<String, String> {
        if let Some(id) = &self.judge_experiment {
            return Ok(id.clone());
        }
        let id = mlflow::experiment(&self.client, &self.sink, &self.sink.judge_experiment).await?;
        self.judge_experiment = Some(id.clone());
        Ok(id)
    }

    /// Halves a refused batch until the bad spans stand alone. The error says that the sink went away meanwhile, and
    /// what of the batch is still to be sent.
    async fn split(&mut self, batch: &Batch, reason: String) -> Result<(), Broken> {
        let mut pending = vec![(batch.clone(), reason)];
        let mut refused = 0;
        let mut left = Vec::new();
        let mut away = None;
        while let Some((batch, reason)) = pending.pop() {
            let Some((first, second)) = batch.halves() else {
                refused += 1;
                self.refused(&batch, reason, refused <= NAMED);
                continue;
            };
            for half in [second, first] {
                if away.is_some() {
                    left.push(half);
                    continue;
                }
                match self.send(&half).await {
                    Answer::Taken => self.taken(&half, 0),
                    Answer::TakenBut(rejected, reason) => self.rejected(&half, rejected, &reason),
                    Answer::Refused(reason) => pending.push((half, reason)),
                    Answer::Away(reason) | Answer::Failed(reason) => {
                        left.push(half);
                        away = Some(reason);
                    }
                    Answer::NoExperiment => {
                        let topic = half.topic();
                        left.push(half);
                        away = Some(self.lost_experiment(topic));
                    }
                }
            }
            if away.is_some() {
                left.extend(pending.drain(..).map(|(batch, _)| batch));
            }
        }
        if refused > NAMED {
            tracing::warn!(sink = %self.sink.base, spans = refused, "spans were refused and are dropped");
        }
        away.map_or(Ok(()), |reason| Err(Broken { left: Batch::joined(&left), reason }))
    }

    fn refused(&self, batch: &Batch, reason: String, named: bool) {
        if batch.is_attachment() {
            self.counters.add_attachments_dropped(1);
            tracing::warn!(sink = %self.sink.base, reason, "a recording was refused and is dropped");
            return;
        }
        self.counters.add_refused(batch.spans);
        if named {
            let (span, trace_id) = batch.first_span();
            tracing::warn!(sink = %self.sink.base, span, trace_id, reason, "a span was refused and is dropped");
        }
    }

    fn rejected(&mut self, batch: &Batch, rejected: u64, reason: &str) {
        let spans = usize::try_from(rejected).unwrap_or(batch.spans).min(batch.spans);
        self.counters.add_refused(spans);
        tracing::warn!(sink = %self.sink.base, spans, reason, "spans were rejected and are dropped");
        self.taken(batch, spans);
    }

    fn taken(&mut self, batch: &Batch, rejected: usize) {
        self.failures = 0;
        if batch.is_attachment() {
            self.counters.add_attachment_sent();
        } else {
            self.counters.add_exported(batch.spans - rejected);
        }
        self.reached();
    }

    fn reached(&mut self) {
        self.pause = FIRST_PAUSE;
        match self.set_reach(Reach::Reached) {
            Reach::Away => tracing::info!(sink = %self.sink.base, "traces can be delivered again"),
            Reach::Untried => tracing::info!(sink = %self.sink.base, "traces are delivered"),
            Reach::Reached => {}
        }
    }

    fn away(&mut self, reason: &str) {
        self.retry_at = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        if self.set_reach(Reach::Away) != Reach::Away {
            tracing::warn!(
                sink = %self.sink.base, reason,
                "traces cannot be delivered; calls go on, traces are kept {} and sent when it answers",
                if self.outbox.is_on_disk() { "on disk" } else { "in memory" }
            );
        }
    }

    fn set_reach(&self, reach: Reach) -> Reach {
        let mut before = reach;
        self.state.send_modify(|state| before = std::mem::replace(&mut state.reach, reach));
        before
    }
}
