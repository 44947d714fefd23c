//! One MLflow server: requests with a deadline, answers with a bound, and errors that say what to do.
use std::time::Duration;

use reqwest::{Method, StatusCode, Url, header::AUTHORIZATION};
use serde_json::Value;

use crate::{Credentials, MlflowError};

/// How long one request may take unless [`Client::with_timeout`] says otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long connecting may take: a server that is away should be known soon.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer that is read, bytes. Fifty turns with all their passages take about 5 MB.
const LONGEST_ANSWER: usize = 64 * 1024 * 1024;
/// How much of an answer stands in an error, characters.
const LONGEST_MESSAGE: usize = 300;

/// Speaks to one MLflow server. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    host: String,
    credentials: Credentials,
    timeout: Duration,
}

impl Client {
    /// The server at this address, e.g. `http://127.0.0.1:5000`. Nothing is sent yet.
    ///
    /// # Errors
    /// An address that is none, or one that is neither http nor https.
    pub fn new(url: &str, credentials: Credentials) -> Result<Self, MlflowError> {
        let bad = |reason: String| MlflowError::Address { url: url.to_owned(), reason };
        let base = url.trim_end_matches('/').to_owned();
        let parsed = Url::parse(&base).map_err(|error| bad(error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(bad(format!("scheme {}", parsed.scheme())));
        }
        let host = parsed.host_str().unwrap_or_default();
        let host = parsed.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let http = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).build();
        let http = http.map_err(|error| bad(with_causes(&error)))?;
        Ok(Self { http, base, host, credentials, timeout: TIMEOUT })
    }

    /// The same server with another deadline for each request.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The server's address, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// GET of a path such as `/api/3.0/mlflow/traces/get`.
    pub(crate) async fn get(
        &self,
        what: &str,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, MlflowError> {
        self.ask(what, Method::GET, path, query, None).await
    }

    /// GET of a file, at most 64 MiB.
    pub(crate) async fn get_bytes(&self, what: &str, path: &str) -> Result<Vec<u8>, MlflowError> {
        self.bytes(what, Method::GET, path, &[], None).await
    }

    /// Any other method with a JSON body.
    pub(crate) async fn send(
        &self,
        what: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, MlflowError> {
        self.ask(what, method, path, &[], body).await
    }

    async fn ask(
        &self,
        what: &str,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, MlflowError> {
        let bytes = self.bytes(what, method, path, query, body).await?;
        serde_json::from_slice(&bytes).map_err(|error| MlflowError::NotMlflow {
            what: what.to_owned(),
            reason: format!("{error}: {}", short(&String::from_utf8_lossy(&bytes))),
        })
    }

    async fn bytes(
        &self,
        what: &str,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Vec<u8>, MlflowError> {
        let mut url = Url::parse(&format!("{}{path}", self.base))
            .map_err(|error| MlflowError::Address { url: self.base.clone(), reason: error.to_string() })?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url).timeout(self.timeout);
        if let Some(value) = &self.credentials.0 {
            request = request.header(AUTHORIZATION, value.clone());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut answer = request.send().await.map_err(|error| self.away(&error))?;
        let status = answer.status();
        let mut bytes = vec![];
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.away(&error))? {
            if bytes.len() + chunk.len() > LONGEST_ANSWER {
                return Err(MlflowError::TooLong { what: what.to_owned(), limit: LONGEST_ANSWER });
            }
            bytes.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            return Err(self.refusal(what, status, &String::from_utf8_lossy(&bytes)));
        }
        Ok(bytes)
    }

    fn away(&self, error: &reqwest::Error) -> MlflowError {
        let reason = match error.is_timeout() {
            true => format!("no answer within {} s", self.timeout.as_secs_f32()),
            false => short(&with_causes(error)),
        };
        MlflowError::Away { url: self.base.clone(), reason }
    }

    fn refusal(&self, what: &str, status: StatusCode, text: &str) -> MlflowError {
        let (what, url) = (what.to_owned(), self.base.clone());
        // Its own errors are JSON with a message; those of what stands before it are any text.
        let said = serde_json::from_str::<Value>(text).ok();
        let message = said.as_ref().and_then(|body| body["message"].as_str()).unwrap_or(text);
        let message = short(message);
        match status {
            StatusCode::FORBIDDEN if text.contains("Invalid Host header") => {
                MlflowError::HostRefused { url, host: self.host.clone() }
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                MlflowError::Unauthorized { url, status: status.as_u16() }
            }
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
                MlflowError::Unavailable { url, message }
            }
            StatusCode::NOT_FOUND if said.is_none() => MlflowError::NotMlflow {
                what,
                reason: format!("404 without MLflow's own message: {message}"),
            },
            StatusCode::NOT_FOUND => MlflowError::NotFound { what, message },
            _ => MlflowError::Refused { what, status: status.as_u16(), message },
        }
    }
}

/// An error of the HTTP client with its causes: the last alone says what happened. Never with the address, whose user
/// part may hold a password.
fn with_causes(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        text.push_str(&error.to_string());
        cause = error.source();
    }
    if text.is_empty() { "the request could not be made".to_owned() } else { text }
}

/// The start of an answer, on one line.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(LONGEST_MESSAGE).collect()
}
