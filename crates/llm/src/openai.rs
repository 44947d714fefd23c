//! Any server that speaks OpenAI's chat completions, streamed. Chunks are read as plain JSON, because vLLM, Ollama
//! and llama.cpp each leave out other fields than OpenAI does.
use std::{collections::VecDeque, time::Duration};

use async_openai::{Client, config::OpenAIConfig, error::OpenAIError, middleware::ReqwestService};
use futures_util::{
    FutureExt, StreamExt, TryStreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout_at};
use tracing::warn;
use voce_core::{EngineError, LanguageModel, ModelCard, Output, Piece, Prompt, Usage};

use crate::{
    Config,
    calls::Calls,
    counting::{CONTEXT_TOKENS, Counting},
    echo::Conversation,
    format::Format,
    messages,
};

const NAME: &str = "openai";
/// Where the key is read from. Local servers need none.
const KEY: &str = "OPENAI_API_KEY";

/// The most text of one answer, bytes. Servers hold `max_tokens` themselves; this is for one that never ends.
const LONGEST_ANSWER: usize = 256 * 1024;

/// What to do about a server that refuses tools.
const NO_TOOLS: &str = "the model or its server takes no tools: take them out of [tools], or start the server with \
                        them (vLLM: --enable-auto-tool-choice and --tool-call-parser; llama.cpp: --jinja)";

/// A language model behind an address.
pub struct OpenAi {
    card: ModelCard,
    client: Client<OpenAIConfig>,
    config: Config,
    counting: Counting,
    format: Format,
}

type Chunks = BoxStream<'static, Result<Value, OpenAIError>>;

impl OpenAi {
    /// A client of the server at `config.base_url`. Does not connect yet.
    pub fn new(config: &Config) -> Result<Self, EngineError> {
        let address = config.base_url.trim_end_matches('/');
        if !address.starts_with("http://") && !address.starts_with("https://") {
            let reason =
                format!("llm.base_url is {address:?}, expected http://HOST:PORT/v1 or https://HOST/v1");
            return Err(EngineError::load(NAME, reason));
        }
        // reqwest panics without a provider. Whoever installed one before us chose well.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_millis(config.connect_timeout_ms))
            .build()
            .map_err(|error| EngineError::load(NAME, chain(&error)))?;
        let key = std::env::var(KEY).unwrap_or_default();
        let account = OpenAIConfig::new().with_api_base(address).with_api_key(key);
        let card = ModelCard { provider: NAME.into(), name: config.model.clone(), device: address.into() };
        // Without the client's own retries: a caller who waits is better told at once.
        let client = Client::build(http.clone(), account).with_http_service(ReqwestService::new(http));
        let format = Format::new(config.answer_format);
        Ok(Self { card, client, config: config.clone(), counting: Counting::Estimate, format })
    }

    /// Counts tokens that way.
    pub(crate) fn counting(self, counting: Counting) -> Self {
        Self { counting, ..self }
    }

    fn body(&self, prompt: &Prompt) -> Value {
        let config = &self.config;
        let mut body = json!({
            "model": config.model,
            "messages": messages::messages(prompt),
            "max_tokens": prompt.answer_tokens.unwrap_or(config.max_tokens),
            "temperature": config.temperature,
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        if let (Some(tools), Some(body)) = (messages::tools(&prompt.tools), body.as_object_mut()) {
            body.insert("tools".into(), tools);
        }
        self.format.ask(&mut body);
        for (name, value) in &config.extra_body {
            // Null takes a field out: some models of OpenAI refuse `max_tokens` or `temperature`.
            match (value, body.as_object_mut()) {
                (Value::Null, Some(body)) => drop(body.remove(name)),
                (value, Some(body)) => drop(body.insert(name.clone(), value.clone())),
                (_, None) => {}
            }
        }
        body
    }
}

// Prepares nothing: servers keep the beginnings of prompts by themselves, and a request that only reads one ahead
// costs what its tokens cost.
impl LanguageModel for OpenAi {
    fn model(&self) -> &ModelCard {
        &self.card
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.counting.count(text)
    }

    fn context_tokens(&self) -> usize {
        match self.config.context_tokens {
            0 => CONTEXT_TOKENS,
            tokens => tokens,
        }
    }

    fn answer_tokens(&self) -> usize {
        self.config.max_tokens as usize
    }

    fn can_summarise(&self) -> bool {
        true
    }

    fn generate(&self, prompt: Prompt) -> Output<Piece> {
        let (client, mut body) = (self.client.clone(), self.body(&prompt));
        let format = self.format.clone();
        let conversation = Conversation::of(&prompt);
        let request: BoxFuture<'static, Result<Chunks, OpenAIError>> = async move {
            let chunks = match client.chat().create_stream_byot::<Value, Value>(body.clone()).await {
                Err(error) if format.gives_way(&error, &mut body) => {
                    client.chat().create_stream_byot::<Value, Value>(body).await?
                }
                asked => asked?,
            };
            Ok(chunks.boxed())
        }
        .boxed();
        let first = Duration::from_millis(self.config.first_token_timeout_ms);
        let reading = Reading {
            address: self.card.device.clone(),
            next_timeout: Duration::from_millis(self.config.next_token_timeout_ms),
            first_timeout: first,
            // Counted from when the stream is first asked.
            deadline: None,
            source: Source::Request(request),
            begun: false,
            finished: false,
            usage: Usage::default(),
            bytes: 0,
            calls: Calls::default(),
            waiting: VecDeque::new(),
            has_tools: !prompt.tools.is_empty(),
            conversation,
        };
        stream::try_unfold(reading, Reading::next).try_filter_map(|piece| async move { Ok(piece) }).boxed()
    }
}

/// An answer being read.
struct Reading {
    address: String,
    first_timeout: Duration,
    next_timeout: Duration,
    deadline: Option<Instant>,
    source: Source,
    begun: bool,
    finished: bool,
    usage: Usage,
    /// Text that has come.
    bytes: usize,
    calls: Calls,
    /// What is complete and was not asked for yet.
    waiting: VecDeque<Piece>,
    has_tools: bool,
    conversation: Conversation,
}

enum Source {
    Request(BoxFuture<'static, Result<Chunks, OpenAIError>>),
    Chunks(Chunks),
    Ended,
}

impl Reading {
    /// The next event of the answer; `None` inside when it holds nothing to say.
    async fn next(mut self) -> Result<Option<(Option<Piece>, Self)>, EngineError> {
        if let Some(piece) = self.waiting.pop_front() {
            return Ok(Some((Some(piece), self)));
        }
        let deadline = *self.deadline.get_or_insert_with(|| Instant::now() + self.first_timeout);
        let outcome = match &mut self.source {
            Source::Ended => return Ok(None),
            Source::Request(request) => match timeout_at(deadline, request).await {
                Ok(Ok(chunks)) => {
                    self.source = Source::Chunks(chunks);
                    return Ok(Some((None, self)));
                }
                Ok(Err(error)) => return Err(self.refused(&error)),
                Err(_) => return Err(self.silent()),
            },
            Source::Chunks(chunks) => timeout_at(deadline, chunks.next()).await,
        };
        match outcome {
            Err(_) if self.finished => Ok(Some(self.bill())),
            Err(_) => Err(self.silent()),
            Ok(Some(Ok(chunk))) => self.take(&chunk).map(|piece| Some((piece, self))),
            Ok(Some(Err(OpenAIError::JSONDeserialize(error, _)))) => {
                warn!(%error, address = self.address, "skipped a line of the answer that is no JSON");
                Ok(Some((None, self)))
            }
            // The answer is complete; only the bill may be lost.
            Ok(Some(Err(_)) | None) if self.finished => Ok(Some(self.bill())),
            Ok(Some(Err(error))) => Err(self.broken(&chain(&error))),
            Ok(None) => Err(self.broken("the connection ended")),
        }
    }

    fn take(&mut self, chunk: &Value) -> Result<Option<Piece>, EngineError> {
        if let Some(error) = chunk.get("error").filter(|error| !error.is_null()) {
            let message =
                error.get("message").and_then(Value::as_str).map_or_else(|| error.to_string(), str::to_owned);
            let message = self.conversation.kept_out_of(&message);
            return Err(EngineError::run(NAME, format!("{} said in its answer: {message}", self.address)));
        }
        if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
            let count = |path: &str| usage.pointer(path).and_then(Value::as_u64).unwrap_or_default() as u32;
            self.usage = Usage {
                prompt_tokens: count("/prompt_tokens"),
                completion_tokens: count("/completion_tokens"),
                cached_tokens: count("/prompt_tokens_details/cached_tokens"),
            };
        }
        self.finished |= chunk.pointer("/choices/0/finish_reason").is_some_and(Value::is_string);
        // Some send an answer with calls whole, although a stream was asked for.
        let delta = chunk.pointer("/choices/0/delta").or_else(|| chunk.pointer("/choices/0/message"));
        let delta = delta.unwrap_or(&Value::Null);
        let text = delta.get("content").and_then(Value::as_str).unwrap_or_default();
        self.bytes += text.len();
        if self.bytes > LONGEST_ANSWER {
            let reason = format!(
                "{} sent an answer of more than {LONGEST_ANSWER} bytes; check llm.max_tokens and llm.extra_body",
                self.address
            );
            return Err(EngineError::run(NAME, reason));
        }
        self.begun |= self.calls.take(delta) || !text.is_empty();
        if self.finished {
            // A call is complete when the answer is: no server says so earlier.
            self.waiting.extend(self.calls.finish().into_iter().map(Piece::Call));
        }
        if self.begun || self.finished {
            self.deadline = Some(Instant::now() + self.next_timeout);
        }
        Ok((!text.is_empty()).then(|| Piece::Text(text.to_owned())))
    }

    fn bill(mut self) -> (Option<Piece>, Self) {
        self.source = Source::Ended;
        self.waiting.extend(self.calls.finish().into_iter().map(Piece::Call));
        self.waiting.push_back(Piece::Usage(self.usage));
        (self.waiting.pop_front(), self)
    }

    fn silent(&self) -> EngineError {
        let (what, key, limit) = match self.begun {
            false => ("first", "first_token_timeout_ms", self.first_timeout),
            true => ("next", "next_token_timeout_ms", self.next_timeout),
        };
        let reason = format!(
            "{} gave no {what} token within {} ms (llm.{key}); check that the server is up and not overloaded",
            self.address,
            limit.as_millis()
        );
        EngineError::run(NAME, reason)
    }

    fn refused(&self, error: &OpenAIError) -> EngineError {
        let (said, check) = match error {
            OpenAIError::ApiError(refusal) => (
                refusal.to_string(),
                match refusal.status_code.as_u16() {
                    401 | 403 => "check OPENAI_API_KEY",
                    404 => "check llm.model and that llm.base_url ends in /v1",
                    429 => "the account or the server is at its limit",
                    400 | 422 | 500 | 501 if self.is_about_tools(&refusal.to_string()) => NO_TOOLS,
                    500.. => "look at the server's log",
                    _ => "check llm.model, llm.max_tokens and llm.extra_body",
                },
            ),
            OpenAIError::JSONDeserialize(_, body) => {
                (body.trim().to_owned(), "check llm.model and that llm.base_url ends in /v1")
            }
            other => (chain(other), "check llm.base_url and that the server is running"),
        };
        let said = self.conversation.kept_out_of(&said);
        EngineError::run(NAME, format!("{} answered: {said}; {check}", self.address))
    }

    fn is_about_tools(&self, refusal: &str) -> bool {
        let refusal = refusal.to_lowercase();
        self.has_tools && (refusal.contains("tool") || refusal.contains("function"))
    }

    fn broken(&self, why: &str) -> EngineError {
        let why = self.conversation.kept_out_of(why);
        let reason = format!("{} broke off within the answer: {why}; look at the server's log", self.address);
        EngineError::run(NAME, reason)
    }
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
