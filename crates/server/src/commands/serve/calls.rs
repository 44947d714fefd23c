//! A session for every call that the transport hands over.
use std::time::Duration;

use tokio::{sync::mpsc, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use voce_core::Call;
use voce_transport::Transport;

use crate::{inspector::Inspector, metrics::CallCount, variants::Running};

/// How long the spans of a call that just ended may take to arrive.
const LAST_SPANS: Duration = Duration::from_millis(200);

/// Who looks on at calls.
pub struct Observed {
    pub inspector: Inspector,
    /// Knows whose a call is.
    pub transport: Transport,
    pub begun: CallCount,
    /// To be cancelled once no call goes on and the last spans had time to come.
    pub over: CancellationToken,
}

/// Runs a session for every call until told to stop, then waits for those under way.
pub async fn take_calls(
    mut calls: mpsc::Receiver<Call>,
    running: Running,
    observed: Observed,
    stop: CancellationToken,
) {
    let mut sessions = JoinSet::new();
    let mut observers = JoinSet::new();
    loop {
        let call = tokio::select! {
            () = stop.cancelled() => break,
            // Sessions that ended are taken off the list as they end.
            Some(ended) = sessions.join_next() => {
                log_end(ended);
                continue;
            }
            Some(_) = observers.join_next() => continue,
            call = calls.recv() => match call {
                Some(call) => call,
                None => break,
            },
        };
        observed.begun.add();
        let span = tracing::info_span!("call", id = call.id);
        let assistants = running.now();
        let assistant = assistants.of_call(call.user.as_deref(), &call.id);
        span.in_scope(|| tracing::debug!(variant = assistant.name, "a call begins"));
        let owner = observed.transport.owner_of(&call.id);
        let call = observed.inspector.observe(call, owner, &mut observers);
        let session =
            voce_pipeline::run(call, assistant.engines.clone(), assistant.settings.clone(), stop.clone());
        sessions.spawn(session.instrument(span));
    }
    while let Some(ended) = sessions.join_next().await {
        log_end(ended);
    }
    sleep(LAST_SPANS).await;
    observed.over.cancel();
}

fn log_end(ended: Result<Result<(), voce_core::EngineError>, tokio::task::JoinError>) {
    match ended {
        Ok(Ok(())) => tracing::debug!("call ended"),
        Ok(Err(error)) => tracing::error!(%error, "a call could not begin"),
        // The panic's message may quote what was said; its place stands in a line of its own.
        Err(_) => tracing::error!("a call ended by a defect; the others go on"),
    }
}
