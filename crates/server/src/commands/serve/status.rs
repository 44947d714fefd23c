//! What the page is told before a call.
use std::sync::Arc;

use crate::{
    access::IceServers,
    config::Config,
    http::{self, Model, SignIn, Status},
    variants::Running,
};

/// Made anew for each request from what stays and what changes.
pub fn status(
    config: &Config,
    running: Running,
    takes_feedback: bool,
    telemetry: voce_telemetry::Telemetry,
) -> http::StatusSource {
    let still = Status {
        name: "voce",
        version: env!("CARGO_PKG_VERSION"),
        assistant: String::new(),
        models: vec![],
        variants: vec![],
        takes_feedback,
        mlflow_url: None,
        trace_url_template: None,
        ice_servers: config.transport.ice_servers.clone(),
        sign_in: SignIn::default(),
    };
    Arc::new(move || {
        let template = telemetry.trace_url("{trace_id}");
        let mlflow_url = template.as_deref().and_then(|url| url.split("/#").next()).map(str::to_owned);
        let assistants = running.now();
        Status {
            assistant: assistants.name().to_owned(),
            models: assistants.cards().into_iter().map(|(role, card)| Model { role, card }).collect(),
            variants: assistants.names(),
            mlflow_url,
            trace_url_template: template,
            ..still.clone()
        }
    })
}

/// STUN and TURN servers that come with a session token.
pub fn ice_servers(config: &Config) -> IceServers {
    let servers = config.transport.ice_servers.clone();
    Arc::new(move |_| servers.clone())
}
