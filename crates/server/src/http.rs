//! The routes that are not the transport's: the page, what serves it, whether it is alive.
use std::sync::Arc;

use axum::{Extension, Json, Router, extract::State, routing::get};
use serde::Serialize;
use voce_core::ModelCard;
use voce_transport::Visitor;

use crate::access::{Guest, Who};

/// What the page wants to know before a call.
#[derive(Clone, Serialize)]
pub struct Status {
    pub name: &'static str,
    pub version: &'static str,
    pub assistant: String,
    pub models: Vec<Model>,
    /// Names of the variants that share the calls, where there are some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<String>,
    /// Whether a caller's opinion of an answer can be kept.
    pub takes_feedback: bool,
    /// MLflow's page, where traces go to one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mlflow_url: Option<String>,
    /// Address of one trace, with `{trace_id}` in place of the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_url_template: Option<String>,
    /// STUN and TURN servers for the browser, with passwords that were made for who asks.
    pub ice_servers: Vec<voce_transport::IceServer>,
    /// Whether who asks has to say who they are.
    pub sign_in: SignIn,
}

/// What a client has to know before it asks for more.
#[derive(Clone, Default, Serialize)]
pub struct SignIn {
    /// Whether a key or a token is needed.
    pub required: bool,
    /// Whether one that counts came with the request.
    pub done: bool,
}

impl Status {
    /// As this guest may see it: a stranger before a closed door learns what the server is, and nothing else.
    fn shown_to(mut self, guest: Option<&Guest>) -> Self {
        let Some(guest) = guest else { return self };
        self.sign_in = SignIn { required: guest.is_required, done: guest.who != Who::Nobody };
        if !guest.is_in() {
            (self.models, self.variants, self.ice_servers) = (vec![], vec![], vec![]);
            (self.takes_feedback, self.mlflow_url, self.trace_url_template) = (false, None, None);
        }
        self
    }
}

/// A model and what it is for.
#[derive(Clone, Serialize)]
pub struct Model {
    pub role: &'static str,
    #[serde(flatten)]
    pub card: ModelCard,
}

/// Makes the status anew for each request, for who asks if that is known: the trace address is known only once MLflow has
/// answered, and passwords are short-lived.
pub type StatusSource = Arc<dyn Fn(Option<&Visitor>) -> Status + Send + Sync>;

/// All routes beside the transport's.
pub fn router(status: StatusSource) -> Router {
    Router::new().route("/api/status", get(status_of)).with_state(status).merge(voce_web::router())
}

async fn status_of(
    State(status): State<StatusSource>,
    visitor: Option<Extension<Visitor>>,
    guest: Option<Extension<Guest>>,
) -> Json<Status> {
    Json(status(visitor.as_deref()).shown_to(guest.as_deref()))
}

/// `GET /health`, which answers also while the models load.
pub fn alive() -> Router {
    Router::new().route("/health", get(health))
}

/// `GET /api/telemetry`: what each sink has taken, and what waits for it.
pub fn telemetry(telemetry: voce_telemetry::Telemetry) -> Router {
    let figures = move || async move { Json(SinksReport::of(&telemetry)) };
    Router::new().route("/api/telemetry", get(figures))
}

/// The answer of `GET /api/telemetry`; `voce doctor` reads it too.
#[derive(Serialize, serde::Deserialize)]
pub struct SinksReport {
    pub sinks: Vec<voce_telemetry::SinkFigures>,
    /// Spans that were dropped before any sink could have them.
    pub queue_dropped: u64,
}

impl SinksReport {
    fn of(telemetry: &voce_telemetry::Telemetry) -> Self {
        Self { sinks: telemetry.sink_figures(), queue_dropped: telemetry.queue_dropped() }
    }
}

/// Answers while the server is alive. The number of tasks tells whether calls leave some behind.
async fn health() -> Json<serde_json::Value> {
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    Json(serde_json::json!({ "status": "ok", "tasks": tasks }))
}
