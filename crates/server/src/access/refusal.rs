//! A refusal at the door, in the form of the transport's: `info` says the same as `error`, `code` is for programs.
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// Why somebody does not get what they asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    /// Stable.
    pub code: &'static str,
    /// For people.
    pub error: String,
    pub retry_after_seconds: Option<u64>,
}

impl Refusal {
    pub fn new(status: StatusCode, code: &'static str, error: impl Into<String>) -> Self {
        Self { status, code, error: error.into(), retry_after_seconds: None }
    }

    /// Nobody is known by what was shown.
    pub fn unknown(code: &'static str, error: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, error)
    }

    /// They are known, and may not.
    pub fn forbidden(code: &'static str, error: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, error)
    }

    /// Too many.
    pub fn too_many(code: &'static str, error: impl Into<String>, seconds: u64) -> Self {
        let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, code, error);
        Self { retry_after_seconds: Some(seconds), ..refusal }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.error, "info": self.error, "code": self.code });
        if let Some(seconds) = self.retry_after_seconds {
            body["retry_after_seconds"] = seconds.into();
        }
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // The words stand in the body; RFC 6750 has two names for all of them.
            let challenge = match self.code {
                "sign_in" => "Bearer realm=\"voce\"",
                _ => "Bearer realm=\"voce\", error=\"invalid_token\"",
            };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}
