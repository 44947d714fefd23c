//! Prompt to text, as the model writes it.
use std::sync::Arc;

use futures_util::StreamExt;
use serde_json::json;
use tokio::time::Instant;
use tracing::Span;
use voce_core::{Event, LanguageModel, Message, Piece, Prompt, Usage};

use crate::{Inlet, Outlet, Stage, StageError, Turn, spans};

/// Asks the language model.
pub struct Generate {
    /// The model.
    pub llm: Arc<dyn LanguageModel>,
    /// The turn that asks.
    pub turn: Turn,
}

impl Stage for Generate {
    type In = Prompt;
    type Out = String;
    const NAME: &'static str = "llm";

    fn span(&self, parent: &Span) -> Span {
        spans::llm(parent, self.llm.model())
    }

    async fn run(self, mut input: Inlet<Prompt>, mut output: Outlet<String>) -> Result<(), StageError> {
        while let Some(prompt) = input.next().await {
            let span = Span::current();
            span.record("messages", messages(&prompt));
            self.turn.publish(Event::GenerationStarted { turn: self.turn.id() });
            let mut clock = Clock::start(&span);
            let mut pieces = self.llm.generate(prompt);
            let (mut answer, mut usage) = (String::new(), None);
            while let Some(piece) = clock.time(pieces.next()).await {
                match piece? {
                    Piece::Text(text) => {
                        clock.token();
                        answer.push_str(&text);
                        self.turn.note(|report| report.generated.push_str(&text));
                        output.send(text).await?;
                    }
                    Piece::Call(_) => {}
                    Piece::Usage(tokens) => usage = Some(tokens),
                }
            }
            self.record(&span, &clock, &answer, usage);
            // What is written is told where it leaves clean (`split.rs`); that nothing was written, only here is known.
            if answer.is_empty() {
                self.turn.publish(Event::GenerationEnded { turn: self.turn.id() });
            }
        }
        Ok(())
    }
}

impl Generate {
    fn record(&self, span: &Span, clock: &Clock, answer: &str, usage: Option<Usage>) {
        span.record("answer", answer);
        let tokens_per_second = clock.tokens_per_second(usage);
        if let Some(usage) = usage {
            span.record("prompt_tokens", usage.prompt_tokens);
            span.record("completion_tokens", usage.completion_tokens);
            span.record("cached_tokens", usage.cached_tokens);
        }
        if let Some(seconds) = clock.first {
            span.record("first_token_seconds", seconds);
        }
        if let Some((mean, p95)) = clock.gaps() {
            span.record("inter_token_mean_ms", mean * 1_000.0);
            span.record("inter_token_p95_ms", p95 * 1_000.0);
        }
        if let Some(rate) = tokens_per_second {
            span.record("tokens_per_second", rate);
        }
        self.turn.note(|report| {
            report.llm_first_token_seconds = clock.first;
            report.llm_seconds = Some(clock.asked.elapsed().as_secs_f64());
            report.llm_inter_token_seconds = clock.gaps().map(|(mean, _)| mean);
            report.usage = usage;
            report.tokens_per_second = tokens_per_second;
        });
    }
}

/// Times the model alone: what it takes to hand a piece on is not counted.
struct Clock {
    asked: Instant,
    waiting: f64,
    first: Option<f64>,
    first_token: Option<Span>,
    gaps: Vec<f64>,
}

impl Clock {
    fn start(llm: &Span) -> Self {
        let first_token = Some(spans::llm_first_token(llm));
        Self { asked: Instant::now(), waiting: 0.0, first: None, first_token, gaps: vec![] }
    }

    async fn time<T>(&mut self, next: impl Future<Output = T>) -> T {
        let from = Instant::now();
        let item = next.await;
        self.waiting += from.elapsed().as_secs_f64();
        item
    }

    fn token(&mut self) {
        let waited = std::mem::take(&mut self.waiting);
        self.first_token = None;
        match self.first {
            None => self.first = Some(waited),
            Some(_) => self.gaps.push(waited),
        }
    }

    /// Mean and 95th percentile of the time between two pieces, seconds.
    fn gaps(&self) -> Option<(f64, f64)> {
        let mut sorted = self.gaps.clone();
        sorted.sort_by(f64::total_cmp);
        let p95 = *sorted.get((sorted.len() * 95 / 100).min(sorted.len().checked_sub(1)?))?;
        Some((sorted.iter().sum::<f64>() / sorted.len() as f64, p95))
    }

    /// Absent where pieces hold many tokens each: a sentence that is quoted as a whole was not written at a rate.
    fn tokens_per_second(&self, usage: Option<Usage>) -> Option<f64> {
        let after_first: f64 = self.gaps.iter().sum();
        let pieces = self.gaps.len() as u32;
        let tokens = usage.map_or(pieces, |usage| usage.completion_tokens.saturating_sub(1));
        (after_first > 0.0 && tokens > 0 && tokens < 2 * pieces).then(|| f64::from(tokens) / after_first)
    }
}

/// What the model is asked, as chat messages in JSON.
fn messages(prompt: &Prompt) -> String {
    let mut messages = vec![json!({"role": "system", "content": prompt.system})];
    for message in &prompt.history {
        messages.push(match message {
            Message::Tool(step) => {
                json!({"role": "tool", "tool_call_id": step.call.id, "content": step.result})
            }
            Message::User(text) => json!({"role": "user", "content": text}),
            Message::Assistant { text, cut: false } => json!({"role": "assistant", "content": text}),
            Message::Assistant { text, cut: true } => {
                json!({"role": "assistant", "content": format!("{text}—")})
            }
        });
    }
    let mut question = String::new();
    for passage in &prompt.passages {
        question.push_str(&passage.text);
        question.push_str("\n\n");
    }
    question.push_str(&prompt.question);
    messages.push(json!({"role": "user", "content": question}));
    serde_json::Value::Array(messages).to_string()
}
