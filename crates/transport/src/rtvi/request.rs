//! What a client says, as far as we do it.
use serde::Deserialize;
use serde_json::Value;
use voce_core::Control;

use super::{INTERRUPT, LABEL, PUSH_TO_TALK};

/// What the client asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// It is ready; to be answered with [`bot_ready`].
    Ready {
        /// The message's id.
        id: Option<String>,
    },
    /// It wants the call to end.
    Disconnect,
    /// The caller did something by hand; to be answered with [`server_response`].
    Control {
        /// The message's id.
        id: Option<String>,
        /// What was done.
        control: Control,
    },
    /// Something that we do not do; to be answered with [`error_response`].
    Unsupported {
        /// The message's id.
        id: Option<String>,
        /// What was asked for, in words.
        reason: String,
    },
    /// Keep-alive and signalling that need no answer.
    Nothing,
}

#[derive(Deserialize)]
struct Incoming {
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    label: Option<String>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: Value,
}

/// Understands what came on the data channel.
pub fn request(text: &str) -> Request {
    // SmallWebRTC's client sends "ping: <milliseconds>" every second.
    if text.starts_with("ping") {
        return Request::Nothing;
    }
    let message = match serde_json::from_str::<Incoming>(text) {
        Ok(message) => message,
        Err(error) => {
            let reason = format!("expected a JSON object with `type` and `label`: {error}");
            return Request::Unsupported { id: None, reason };
        }
    };
    let id = message.id.and_then(|id| match id {
        Value::String(id) => Some(id),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    });
    let unsupported = |reason: String| Request::Unsupported { id: id.clone(), reason };
    match message.kind.as_str() {
        // trackStatus, renegotiate, peerLeft: what matters of them, the connection itself shows.
        "signalling" => Request::Nothing,
        _ if message.label.as_deref() != Some(LABEL) => {
            unsupported(format!("expected the label {LABEL:?} on a message of type {:?}", message.kind))
        }
        "client-ready" => Request::Ready { id },
        "disconnect-bot" => Request::Disconnect,
        "client-message" => match control(&message.data) {
            Ok(control) => Request::Control { id, control },
            Err(reason) => unsupported(reason),
        },
        "send-text" | "append-to-context" | "dtmf" | "llm-function-call-result" => {
            unsupported(format!("{} is not supported yet", message.kind))
        }
        kind => unsupported(format!("unknown message type {kind:?}")),
    }
}

/// What a `client-message` asks for.
fn control(data: &Value) -> Result<Control, String> {
    match data["t"].as_str() {
        Some(INTERRUPT) => Ok(Control::Interrupt),
        Some(PUSH_TO_TALK) => match data["d"]["pressed"].as_bool() {
            Some(true) => Ok(Control::Press),
            Some(false) => Ok(Control::Release),
            None => Err(format!(r#"expected {PUSH_TO_TALK:?} with `d` of {{"pressed": true}} or false"#)),
        },
        Some(other) => {
            Err(format!("unknown client-message {other:?}: expected {PUSH_TO_TALK:?} or {INTERRUPT:?}"))
        }
        None => Err(format!("expected a client-message with `t` of {PUSH_TO_TALK:?} or {INTERRUPT:?}")),
    }
}
