//! The model's server: one request for one answer, and what each refusal means. Plain HTTP in place of a client of
//! OpenAI's: those keep the header that says how long to wait to themselves, and write answers they cannot read, which
//! may quote the call, into the log.
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::StreamExt;
use reqwest::{
    StatusCode, Url,
    header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER},
};
use serde_json::{Value, json};

use crate::{Config, JudgeError, Spent, Trouble, TroubleKind, echo::kept_out};

/// Where the key is read from; the first that is set. Local servers need none.
const KEYS: [&str; 2] = ["VOCE_JUDGE_API_KEY", "OPENAI_API_KEY"];
/// How long connecting may take: a server that is away should be known soon.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer that is read, bytes.
const LONGEST_ANSWER: usize = 4 * 1024 * 1024;
/// The longest wait that a server can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// A server that speaks OpenAI's chat completions.
pub(crate) struct Server {
    http: reqwest::Client,
    address: String,
    headers: HeaderMap,
    config: Config,
    /// It knows no `response_format`; the schema in the prompt has to do.
    knows_no_format: AtomicBool,
}

/// One question to a model.
pub(crate) struct Question<'a> {
    pub(crate) model: &'a str,
    pub(crate) messages: Value,
    pub(crate) schema: Value,
    /// What must not appear in an error.
    pub(crate) texts: &'a [&'a str],
}

impl Server {
    /// The server at `judge.base_url`.
    pub(crate) fn new(config: &Config) -> Result<Self, JudgeError> {
        let address = config.base_url.trim_end_matches('/').to_owned();
        let bad = |reason: String| {
            let expected = "expected http://HOST:PORT/v1 or https://HOST/v1";
            JudgeError::Config(format!("judge.base_url is {address:?} ({reason}); {expected}"))
        };
        let url = Url::parse(&address).map_err(|error| bad(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad(format!("scheme {}", url.scheme())));
        }
        // reqwest panics without a provider. Whoever installed one before us chose well.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).build();
        let http = http.map_err(|error| bad(chain(&error)))?;
        let mut headers = HeaderMap::new();
        if let Some(key) = KEYS.iter().filter_map(|name| std::env::var(name).ok()).find(|key| !key.is_empty())
        {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|_| {
                let keys = KEYS.join(" or ");
                JudgeError::Config(format!("{keys} holds characters that no HTTP header can carry"))
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let knows_no_format = AtomicBool::new(false);
        Ok(Self { http, address, headers, config: config.clone(), knows_no_format })
    }

    /// The text that the model answers with. What it took is added to `spent`, also where it comes to nothing.
    pub(crate) async fn ask(&self, question: &Question<'_>, spent: &mut Spent) -> Result<String, Trouble> {
        let with_format = !self.knows_no_format.load(Ordering::Relaxed);
        match self.post(question, with_format, spent).await {
            Err(Refusal { names_format: true, .. }) if with_format => {
                tracing::info!(
                    address = self.address,
                    "the judge's server takes no response_format; asked without"
                );
                self.knows_no_format.store(true, Ordering::Relaxed);
                self.post(question, false, spent).await.map_err(|refusal| refusal.trouble)
            }
            other => other.map_err(|refusal| refusal.trouble),
        }
    }

    fn body(&self, question: &Question<'_>, with_format: bool) -> Value {
        let mut body = json!({
            "model": question.model,
            "messages": question.messages,
            "max_tokens": self.config.max_tokens,
            "temperature": 0,
        });
        if with_format {
            let schema = json!({"name": "scores", "strict": true, "schema": question.schema});
            body["response_format"] = json!({"type": "json_schema", "json_schema": schema});
        }
        for (name, value) in &self.config.extra_body {
            // Null takes a field out: some models of OpenAI refuse `max_tokens` or `temperature`.
            match (value, body.as_object_mut()) {
                (Value::Null, Some(body)) => drop(body.remove(name)),
                (value, Some(body)) => drop(body.insert(name.clone(), value.clone())),
                (_, None) => {}
            }
        }
        body
    }

    async fn post(
        &self,
        question: &Question<'_>,
        with_format: bool,
        spent: &mut Spent,
    ) -> Result<String, Refusal> {
        spent.requests += 1;
        let seconds = self.config.timeout_seconds.clamp(0.001, 86_400.0);
        let request = self
            .http
            .post(format!("{}/chat/completions", self.address))
            .headers(self.headers.clone())
            .timeout(Duration::from_secs_f64(seconds))
            .json(&self.body(question, with_format));
        let answer = request.send().await.map_err(|error| self.failed(error))?;
        let (status, wait) = (answer.status(), wait(answer.headers()));
        let bytes = self.read(answer).await?;
        if !status.is_success() {
            return Err(self.refused(status, wait, &String::from_utf8_lossy(&bytes), question.texts));
        }
        let invalid = |reason: &str| Refusal::from(self.trouble(TroubleKind::Invalid, reason));
        let Ok(answer) = serde_json::from_slice::<Value>(&bytes) else {
            return Err(invalid("did not answer with JSON; check that judge.base_url ends in /v1"));
        };
        spent.prompt_tokens += answer["usage"]["prompt_tokens"].as_u64().unwrap_or_default();
        spent.completion_tokens += answer["usage"]["completion_tokens"].as_u64().unwrap_or_default();
        self.text(&answer, question.texts)
    }

    fn text(&self, answer: &Value, texts: &[&str]) -> Result<String, Refusal> {
        let invalid = |reason: &str| Refusal::from(self.trouble(TroubleKind::Invalid, reason));
        // Some gateways answer 200 and say in the body that it was none.
        if answer["error"].is_object() {
            let status = answer["error"]["code"].as_u64().and_then(|code| u16::try_from(code).ok());
            let status = status.and_then(|code| StatusCode::from_u16(code).ok());
            let status = status.filter(|status| !status.is_success()).unwrap_or(StatusCode::BAD_GATEWAY);
            return Err(self.refused(status, None, &answer.to_string(), texts));
        }
        let choice = &answer["choices"][0];
        let text = match &choice["message"]["content"] {
            Value::String(text) => text.clone(),
            Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
            _ => String::new(),
        };
        match choice["finish_reason"].as_str() {
            Some("length") => Err(invalid("was cut off; raise judge.max_tokens")),
            Some("content_filter") => Err(invalid("filtered its answer; look at its content filter")),
            _ if choice["message"]["refusal"].is_string() => {
                Err(invalid("declined to answer; another judge.model may not"))
            }
            _ if text.trim().is_empty() => Err(invalid("gave an empty answer; check judge.model")),
            _ => Ok(text),
        }
    }

    async fn read(&self, answer: reqwest::Response) -> Result<Vec<u8>, Refusal> {
        let mut bytes = vec![];
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            bytes.extend_from_slice(&chunk.map_err(|error| self.failed(error))?);
            if bytes.len() > LONGEST_ANSWER {
                let reason = format!("sent more than {LONGEST_ANSWER} bytes; check judge.base_url");
                return Err(self.trouble(TroubleKind::Invalid, &reason).into());
            }
        }
        Ok(bytes)
    }

    fn failed(&self, error: reqwest::Error) -> Refusal {
        if error.is_timeout() && !error.is_connect() {
            let reason = format!(
                "gave no answer within {} s (judge.timeout_seconds); check that it is not overloaded",
                self.config.timeout_seconds
            );
            return self.trouble(TroubleKind::Timeout, &reason).into();
        }
        let causes = chain(&error.without_url());
        let reason = format!("cannot be reached ({causes}); check judge.base_url and that it is running");
        self.trouble(TroubleKind::Away, &reason).into()
    }

    fn refused(&self, status: StatusCode, wait: Option<Duration>, body: &str, texts: &[&str]) -> Refusal {
        let (kind, check) = match status.as_u16() {
            401 | 403 => (TroubleKind::Refused, "check VOCE_JUDGE_API_KEY or OPENAI_API_KEY"),
            404 => (TroubleKind::Refused, "check judge.model and that judge.base_url ends in /v1"),
            408 => (TroubleKind::Timeout, "check that it is not overloaded"),
            429 => (TroubleKind::Limited, "lower judge.requests_per_minute, or raise the account's limit"),
            500.. => (TroubleKind::Away, "look at the server's log"),
            _ => (TroubleKind::Refused, "check judge.model, judge.max_tokens and judge.extra_body"),
        };
        let said = message(body);
        let names_format = matches!(status.as_u16(), 400 | 404 | 422 | 501)
            && ["response_format", "json_schema"].iter().any(|word| said.contains(word));
        let said = kept_out(&said, texts);
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        let mut trouble = self.trouble(kind, &format!("answered {}{said}; {check}", status.as_u16()));
        trouble.wait = wait;
        Refusal { trouble, names_format }
    }

    fn trouble(&self, kind: TroubleKind, reason: &str) -> Trouble {
        Trouble { kind, message: format!("the judge's server {} {reason}", self.address), wait: None }
    }
}

/// Why there is no answer.
struct Refusal {
    trouble: Trouble,
    /// The server says that it does not know how to keep to a schema.
    names_format: bool,
}

impl From<Trouble> for Refusal {
    fn from(trouble: Trouble) -> Self {
        Self { trouble, names_format: false }
    }
}

/// The message of an error's body.
fn message(body: &str) -> String {
    let parsed: Value = serde_json::from_str(body).unwrap_or_default();
    let candidates = [&parsed["error"]["message"], &parsed["error"], &parsed["message"], &parsed["detail"]];
    candidates.iter().find_map(|value| value.as_str()).unwrap_or(body).to_owned()
}

/// How long the server asks to wait; only the form in seconds, which is what servers of models send.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds: f64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    let wait = Duration::try_from_secs_f64(seconds).ok()?;
    Some(wait.min(LONGEST_WAIT))
}

/// An error with its causes: reqwest keeps "connection refused" in the third.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
