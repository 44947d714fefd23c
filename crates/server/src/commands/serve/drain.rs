//! The end of a server: calls under way are finished, as long as that may take, while no new ones are taken.
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use voce_transport::Transport;

use super::{
    ready::Readiness,
    signals::{Ending, Signals},
    systemd::Systemd,
};

/// How often the log says who is still there.
const TELLS: Duration = Duration::from_secs(30);

/// Waits for the signal to end, then until no call goes on, `within` is over or a second signal comes. A server that is to
/// end at once does not wait for its calls.
pub async fn drained(
    signals: &mut Signals,
    transport: &Transport,
    readiness: &Readiness,
    systemd: &Systemd,
    within: impl Fn() -> Duration,
) {
    let ending = signals.next().await;
    systemd.stopping();
    readiness.drain();
    // What belongs to running calls goes on: candidates, renegotiation, the page's own requests.
    transport.close_door();
    let within = within();
    if ending == Ending::AtOnce || within.is_zero() {
        return;
    }
    let calls = transport.calls().len();
    if calls == 0 {
        return;
    }
    tracing::info!(
        calls,
        deadline_seconds = within.as_secs(),
        "draining: no new calls are taken, those under way may end; a second signal ends them at once"
    );
    let began = Instant::now();
    tokio::select! {
        over = timeout(within, transport.wait_until_empty()) => match over {
            Ok(()) => tracing::info!(seconds = began.elapsed().as_secs(), "drained: all calls have ended"),
            Err(_) => tracing::warn!(
                calls = transport.calls().len(),
                seconds = within.as_secs(),
                "the time for draining is over; the calls that still go on are ended (server.drain_seconds)"
            ),
        },
        _ = signals.next() => tracing::warn!(
            calls = transport.calls().len(),
            "a second signal: the calls that still go on are ended"
        ),
        () = tell(transport) => {}
    }
}

/// Says from time to time how many calls are waited for.
async fn tell(transport: &Transport) {
    loop {
        sleep(TELLS).await;
        tracing::info!(calls = transport.calls().len(), "draining");
    }
}
