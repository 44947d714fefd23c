//! SmallWebRTC's signalling over HTTP, in the forms that Pipecat's clients send.
use axum::{
    Extension, Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use uuid::Uuid;
use webrtc::peer_connection::RTCIceCandidateInit;

use crate::{
    door::Visitor,
    error::OfferError,
    peer::PeerError,
    transport::{Answer, Transport},
};

/// The longest body that is read. A browser's offer is 3 to 20 KB.
const LONGEST_BODY: usize = 128 * 1024;
/// Candidates in one message; a browser sends a handful.
const MOST_CANDIDATES: usize = 64;
/// The longest name of a caller, characters.
const LONGEST_USER: usize = 128;

/// `POST` and `PATCH /api/offer`, `POST /start` with the same two under `/sessions/{id}`, and `GET /api/calls`.
pub fn router(transport: Transport) -> Router {
    let offers = post(offer).patch(candidates);
    Router::new()
        .route("/api/offer", offers.clone())
        // Where Pipecat's client goes after `/start`; the session's name carries nothing for us.
        .route("/sessions/{session}/api/offer", offers)
        .route("/start", post(start))
        .route("/api/calls", get(calls))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(transport)
}

#[derive(Deserialize)]
struct Offer {
    sdp: String,
    r#type: String,
    #[serde(default)]
    pc_id: Option<String>,
    #[serde(default)]
    restart_pc: Option<bool>,
    // Pipecat's clients put what an application adds under the second name.
    #[serde(default, alias = "requestData")]
    request_data: Option<RequestData>,
}

/// What the page says beside the offer. Anything else in it is an application's own.
#[derive(Deserialize)]
struct RequestData {
    #[serde(default)]
    user: Option<String>,
}

#[derive(Deserialize)]
struct Candidates {
    pc_id: String,
    candidates: Vec<Candidate>,
}

#[derive(Deserialize)]
struct Candidate {
    candidate: String,
    #[serde(default)]
    sdp_mid: Option<String>,
    #[serde(default)]
    sdp_mline_index: Option<u16>,
}

/// A refusal with its reason as JSON. `info` says the same as `error`: Pipecat's client shows that one. `code` is for
/// programs and stays as it is.
struct Refusal {
    status: StatusCode,
    code: &'static str,
    error: String,
    retry_after_seconds: Option<u64>,
}

async fn offer(
    State(transport): State<Transport>,
    visitor: Option<Extension<Visitor>>,
    body: Bytes,
) -> Result<Json<Answer>, Refusal> {
    let visitor = visitor.map(|Extension(visitor)| visitor).unwrap_or_default();
    let offer: Offer = parse(&body, "{\"sdp\": ..., \"type\": \"offer\"}")?;
    if offer.r#type != "offer" {
        return Err(Refusal::bad(format!("expected \"type\": \"offer\", not {:?}", offer.r#type)));
    }
    let restart = offer.restart_pc.unwrap_or(false);
    let user = user(offer.request_data.and_then(|data| data.user))?;
    let answer = transport.offer(offer.sdp, offer.pc_id.as_deref(), restart, user, &visitor).await?;
    Ok(Json(answer))
}

/// The caller's name without blanks around it; none if nothing is left.
fn user(said: Option<String>) -> Result<Option<String>, Refusal> {
    let Some(user) = said.as_deref().map(str::trim).filter(|user| !user.is_empty()) else { return Ok(None) };
    if user.chars().count() > LONGEST_USER || user.chars().any(char::is_control) {
        return Err(Refusal::bad(format!(
            "request_data.user: expected at most {LONGEST_USER} characters and no control characters among them"
        )));
    }
    Ok(Some(user.to_owned()))
}

async fn candidates(
    State(transport): State<Transport>,
    visitor: Option<Extension<Visitor>>,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let visitor = visitor.map(|Extension(visitor)| visitor).unwrap_or_default();
    let message: Candidates = parse(&body, "{\"pc_id\": ..., \"candidates\": [...]}")?;
    if message.candidates.len() > MOST_CANDIDATES {
        return Err(Refusal::bad(format!("expected at most {MOST_CANDIDATES} candidates")));
    }
    let of = |candidate: Candidate| RTCIceCandidateInit {
        candidate: candidate.candidate,
        sdp_mid: candidate.sdp_mid,
        sdp_mline_index: candidate.sdp_mline_index,
        ..Default::default()
    };
    let candidates = message.candidates.into_iter().map(of).collect();
    transport.add_candidates(&message.pc_id, candidates, &visitor).await?;
    Ok(Json(json!({ "status": "success" })))
}

/// What is in the body (which transport, which options) changes nothing here: there is one of each.
async fn start(
    State(transport): State<Transport>,
    visitor: Option<Extension<Visitor>>,
) -> Result<Json<Value>, Refusal> {
    let visitor = visitor.map(|Extension(visitor)| visitor).unwrap_or_default();
    if let Some(refused) = transport.turns_away(&visitor) {
        return Err(refused.into());
    }
    Ok(Json(json!({
        "sessionId": Uuid::new_v4(),
        "iceConfig": { "iceServers": transport.ice_servers(&visitor) },
    })))
}

async fn calls(State(transport): State<Transport>) -> Json<Value> {
    let full = transport.full().map(|full| full.to_string());
    Json(json!({ "max_calls": transport.config().max_calls, "full": full, "calls": transport.calls() }))
}

/// Reads JSON whatever the content type says, so that a client without the header works too.
fn parse<T: DeserializeOwned>(body: &[u8], expected: &str) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::bad(format!("expected {expected}: {error}")))
}

impl Refusal {
    fn bad(error: String) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code: "bad_request", error, retry_after_seconds: None }
    }
}

impl From<OfferError> for Refusal {
    fn from(error: OfferError) -> Self {
        let (status, code, retry_after_seconds) = match &error {
            OfferError::Full { retry_after_seconds, .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, "full", Some(*retry_after_seconds))
            }
            OfferError::Refused(refused) => {
                let (status, code) = match refused.is_callers_limit {
                    true => (StatusCode::TOO_MANY_REQUESTS, "limit"),
                    false => (StatusCode::SERVICE_UNAVAILABLE, "full"),
                };
                (status, code, Some(refused.retry_after_seconds))
            }
            OfferError::ShuttingDown { retry_after_seconds } => {
                (StatusCode::SERVICE_UNAVAILABLE, "shutting_down", Some(*retry_after_seconds))
            }
            OfferError::Unknown(_) => (StatusCode::NOT_FOUND, "unknown_call", None),
            OfferError::Peer(PeerError::NoRelay(_)) => (StatusCode::BAD_GATEWAY, "no_relay", None),
            OfferError::Peer(_) => (StatusCode::BAD_REQUEST, "bad_request", None),
        };
        Self { status, code, error: error.to_string(), retry_after_seconds }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.error, "info": self.error, "code": self.code });
        if let Some(seconds) = self.retry_after_seconds {
            body["retry_after_seconds"] = seconds.into();
        }
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_name_is_bounded_and_printable() {
        let checked = |name: &str| user(Some(name.to_owned())).map_err(|refusal| refusal.error);
        assert_eq!(checked(" ann@example.org\n"), Ok(Some("ann@example.org".to_owned())));
        assert_eq!(checked("  "), Ok(None));
        assert_eq!(checked(&"ü".repeat(LONGEST_USER)), Ok(Some("ü".repeat(LONGEST_USER))));
        assert!(checked(&"u".repeat(LONGEST_USER + 1)).is_err_and(|error| error.contains("128")));
        assert!(checked("ann\u{0}").is_err());
    }

    #[test]
    fn both_spellings_of_what_goes_with_an_offer_are_read() {
        for key in ["request_data", "requestData"] {
            let body = format!(r#"{{"sdp": "", "type": "offer", "{key}": {{"user": "ann", "more": 1}}}}"#);
            let offer: Offer = parse(body.as_bytes(), "").map_err(|refusal| refusal.error).expect("an offer");
            assert_eq!(offer.request_data.and_then(|data| data.user).as_deref(), Some("ann"));
        }
    }
}
