//! What the page is told before a call.
use std::sync::Arc;

use voce_transport::Transport;

use crate::{
    config::Config,
    http::{self, Model, Status},
    variants::Assistants,
};

/// Made anew for each request from what stays and what changes.
pub fn status(
    config: &Config,
    assistants: &Assistants,
    transport: Transport,
    takes_feedback: bool,
    telemetry: voce_telemetry::Telemetry,
) -> http::StatusSource {
    let models = assistants.cards().into_iter().map(|(role, card)| Model { role, card }).collect();
    let still = Status {
        name: "voce",
        version: env!("CARGO_PKG_VERSION"),
        assistant: config.assistant.name.clone(),
        models,
        variants: if config.variants.is_empty() { vec![] } else { assistants.names() },
        takes_feedback,
        mlflow_url: None,
        trace_url_template: None,
        ice_servers: vec![],
    };
    Arc::new(move |visitor| {
        let template = telemetry.trace_url("{trace_id}");
        let mlflow_url = template.as_deref().and_then(|url| url.split("/#").next()).map(str::to_owned);
        let ice_servers = transport.ice_servers(&visitor.cloned().unwrap_or_default());
        Status { mlflow_url, trace_url_template: template, ice_servers, ..still.clone() }
    })
}
