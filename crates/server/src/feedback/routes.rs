//! `POST /api/turns/{trace_id}/feedback` takes an opinion, `GET` says what became of it.
use axum::{
    Extension, Json, Router,
    body::{Body, to_bytes},
    extract::{Path, State as Shared},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::post,
};
use serde::Deserialize;
use serde_json::json;

use super::{Opinions, Refused};
use crate::access::Guest;

/// The longest body that is read, bytes.
const LONGEST_BODY: usize = 8 * 1024;
/// The longest comment, characters.
const LONGEST_COMMENT: usize = 1_000;

/// The routes.
pub fn router(opinions: Opinions) -> Router {
    Router::new().route("/api/turns/{trace_id}/feedback", post(give).get(state)).with_state(opinions)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    good: bool,
    #[serde(default)]
    comment: String,
}

async fn give(
    Shared(opinions): Shared<Opinions>,
    Path(trace_id): Path<String>,
    guest: Option<Extension<Guest>>,
    body: Body,
) -> Response {
    let Ok(body) = to_bytes(body, LONGEST_BODY).await else {
        let reason = format!("expected a body of at most {LONGEST_BODY} bytes");
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, &reason);
    };
    let said = match said(&body) {
        Ok(said) => said,
        Err(reason) => return refusal(StatusCode::BAD_REQUEST, &reason),
    };
    match opinions.take(&trace_id, said.good, &said.comment, guest.as_deref()) {
        Ok(state) => (StatusCode::ACCEPTED, Json(state)).into_response(),
        Err(refused) => {
            let status = match refused {
                Refused::Unknown(_) => StatusCode::NOT_FOUND,
                Refused::Nowhere | Refused::Full(_) => StatusCode::SERVICE_UNAVAILABLE,
            };
            refusal(status, &refused.to_string())
        }
    }
}

async fn state(
    Shared(opinions): Shared<Opinions>,
    Path(trace_id): Path<String>,
    guest: Option<Extension<Guest>>,
) -> Response {
    let Some((good, state)) = opinions.state(&trace_id, guest.as_deref()) else {
        return refusal(StatusCode::NOT_FOUND, "nothing was said of this turn lately");
    };
    let mut body = json!(state);
    body["good"] = good.into();
    Json(body).into_response()
}

fn said(body: &[u8]) -> Result<Said, String> {
    let mut said: Said = serde_json::from_slice(body)
        .map_err(|error| format!("expected {{\"good\": true or false, \"comment\": \"...\"}}: {error}"))?;
    let comment: String = said.comment.chars().filter(|one| !one.is_control() || *one == '\n').collect();
    said.comment = comment.trim().to_owned();
    let length = said.comment.chars().count();
    if length > LONGEST_COMMENT {
        return Err(format!("the comment has {length} characters; expected at most {LONGEST_COMMENT}"));
    }
    Ok(said)
}

fn refusal(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({ "error": reason }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_checked_and_cleaned() {
        let read = |body: &str| said(body.as_bytes()).map(|said| (said.good, said.comment));
        assert_eq!(read(r#"{"good": true}"#), Ok((true, String::new())));
        assert_eq!(
            read(r#"{"good": false, "comment": " too\u0000 long\n"}"#),
            Ok((false, "too long".into()))
        );
        for (body, reason) in [
            ("", "expected {\"good\""),
            (r#"{"comment": "x"}"#, "good"),
            (r#"{"good": 1}"#, "boolean"),
            (r#"{"good": true, "score": 5}"#, "score"),
        ] {
            assert!(read(body).is_err_and(|error| error.contains(reason)), "{body}");
        }
        let long = json!({"good": true, "comment": "ü".repeat(LONGEST_COMMENT + 1)}).to_string();
        assert!(read(&long).is_err_and(|error| error.contains("1001 characters")));
    }
}
