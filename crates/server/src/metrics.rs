//! `/metrics` for Prometheus, and the figures that only the server knows.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use axum::{Router, extract::State, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use tokio::runtime::Handle;
use voce_telemetry::Telemetry;
use voce_transport::Transport;

/// Prometheus's text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How many calls were begun.
#[derive(Clone, Default)]
pub struct CallCount(Arc<AtomicU64>);

impl CallCount {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// The route.
pub fn router(telemetry: Telemetry) -> Router {
    Router::new().route("/metrics", get(metrics)).with_state(telemetry)
}

async fn metrics(State(telemetry): State<Telemetry>) -> impl IntoResponse {
    // Reads /proc and adds up: beside the tasks that carry sound.
    let text = tokio::task::spawn_blocking(move || telemetry.prometheus()).await.unwrap_or_default();
    ([(CONTENT_TYPE, TEXT)], text)
}

/// Adds calls and tasks to the metrics.
pub fn register(telemetry: &Telemetry, transport: &Transport, begun: &CallCount) {
    let begun = begun.clone();
    telemetry.counter("voce.calls", "", "Calls that were begun.", &[], move || begun.0.load(Relaxed) as f64);
    let calls = transport.clone();
    telemetry.gauge("voce.calls.active", "", "Calls going on, connected or about to be.", &[], move || {
        calls.calls().len() as f64
    });
    let runtime = Handle::current();
    let words = "What waits in a queue of the process.";
    telemetry.gauge("voce.queue.depth", "", words, &[("queue", "tasks")], move || {
        runtime.metrics().global_queue_depth() as f64
    });
    let tasks = Handle::current();
    telemetry.gauge("voce.tasks", "", "Tasks alive in the server.", &[], move || {
        tasks.metrics().num_alive_tasks() as f64
    });
}
