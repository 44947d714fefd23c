//! What the page is told before a call.
use std::sync::Arc;

use voce_transport::Transport;

use crate::{
    access::IceServers,
    http::{self, Model, SignIn, Status},
    variants::Running,
};

/// Made anew for each request from what stays and what changes.
pub fn status(
    running: Running,
    transport: Transport,
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
        ice_servers: vec![],
        sign_in: SignIn::default(),
    };
    Arc::new(move |visitor| {
        let template = telemetry.trace_url("{trace_id}");
        let mlflow_url = template.as_deref().and_then(|url| url.split("/#").next()).map(str::to_owned);
        let assistants = running.now();
        let ice_servers = transport.ice_servers(&visitor.cloned().unwrap_or_default());
        Status {
            assistant: assistants.name().to_owned(),
            models: assistants.cards().into_iter().map(|(role, card)| Model { role, card }).collect(),
            variants: assistants.names(),
            mlflow_url,
            ice_servers,
            trace_url_template: template,
            ..still.clone()
        }
    })
}

/// STUN and TURN servers that come with a session token.
pub fn ice_servers(transport: Transport) -> IceServers {
    Arc::new(move |visitor| transport.ice_servers(visitor))
}
