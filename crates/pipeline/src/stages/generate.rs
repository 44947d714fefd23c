//! Prompt to text, as the model writes it; what it calls meanwhile is called, and it is asked again with the results.
mod clock;
mod messages;

use std::sync::Arc;

use futures_util::StreamExt;
use tracing::Span;
use voce_core::{EngineError, Event, LanguageModel, Piece, Prompt, ToolCall, ToolOutcome, ToolStep, Usage};

use crate::{Context, Inlet, Outlet, Stage, StageError, Turn, spans, tools::Calling};
use clock::Clock;
use messages::messages;

/// Ends whatever line the voice is waiting for the end of.
const END_OF_LINE: &str = "\n\n";

/// Asks the language model.
pub struct Generate {
    /// The model.
    pub llm: Arc<dyn LanguageModel>,
    /// What it can take.
    pub context: Arc<Context>,
    /// What it may call.
    pub tools: Calling,
    /// The turn that asks.
    pub turn: Turn,
}

/// What the model has given so far.
#[derive(Default)]
struct Answer {
    text: String,
    usage: Option<Usage>,
    /// Whether a sentence was said that the model did not write.
    has_words_of_ours: bool,
}

impl Stage for Generate {
    type In = Prompt;
    type Out = String;
    const NAME: &'static str = "llm";

    fn span(&self, parent: &Span) -> Span {
        spans::llm(parent, self.llm.model())
    }

    async fn run(mut self, mut input: Inlet<Prompt>, mut output: Outlet<String>) -> Result<(), StageError> {
        while let Some(prompt) = input.next().await {
            let span = Span::current();
            self.turn.publish(Event::GenerationStarted { turn: self.turn.id() });
            let (mut clock, mut answer) = (Clock::start(&span), Answer::default());
            self.answer(prompt, &span, &mut clock, &mut answer, &mut output).await?;
            self.record(&span, &clock, &answer);
            // What is written is told where it leaves clean (`split.rs`); that nothing was written, only here is known.
            if answer.text.is_empty() && !answer.has_words_of_ours {
                self.turn.publish(Event::GenerationEnded { turn: self.turn.id() });
            }
        }
        Ok(())
    }
}

impl Generate {
    /// Asks until the model is done with its tools, or may call no more.
    async fn answer(
        &mut self,
        mut prompt: Prompt,
        span: &Span,
        clock: &mut Clock,
        answer: &mut Answer,
        output: &mut Outlet<String>,
    ) -> Result<(), StageError> {
        if let Some(step) = clock.elsewhere(self.tools.approved(span)).await {
            prompt.steps.push(step);
        }
        for round in 0.. {
            prompt.tools = self.tools.definitions(round);
            if !prompt.steps.is_empty() {
                prompt = self.context.fit(prompt);
            }
            span.record("messages", messages(&prompt));
            let before = answer.text.len();
            let calls = self.ask(&prompt, clock, answer, output).await?;
            let is_silent = answer.text[before..].trim().is_empty();
            if calls.is_empty() || prompt.tools.is_empty() {
                return if is_silent {
                    self.nothing_said(&prompt.steps, answer, output).await
                } else {
                    Ok(())
                };
            }
            if !is_silent {
                output.send(END_OF_LINE.into()).await?;
            }
            let done = clock.elsewhere(self.tools.round(calls, &prompt.steps, span)).await;
            prompt.steps.extend(done.steps);
            if let Some((call, question)) = done.question {
                answer.has_words_of_ours = true;
                output.send(question.clone()).await?;
                clock.elsewhere(self.tools.asked(call, question, span)).await;
                return Ok(());
            }
        }
        Ok(())
    }

    /// One request: text goes on at once, calls are kept to its end.
    async fn ask(
        &self,
        prompt: &Prompt,
        clock: &mut Clock,
        answer: &mut Answer,
        output: &mut Outlet<String>,
    ) -> Result<Vec<ToolCall>, StageError> {
        let mut calls = vec![];
        clock.request();
        let mut pieces = self.llm.generate(prompt.clone());
        while let Some(piece) = clock.time(pieces.next()).await {
            match piece? {
                Piece::Text(text) => {
                    clock.token();
                    answer.text.push_str(&text);
                    self.turn.note(|report| report.generated.push_str(&text));
                    output.send(text).await?;
                }
                Piece::Call(call) => {
                    clock.token();
                    calls.push(call);
                }
                Piece::Usage(tokens) => answer.bill(tokens),
            }
        }
        Ok(calls)
    }

    /// The model has nothing to say. Of a tool that failed the caller hears in any case.
    async fn nothing_said(
        &self,
        steps: &[ToolStep],
        answer: &mut Answer,
        output: &mut Outlet<String>,
    ) -> Result<(), StageError> {
        let Some(last) = steps.last() else { return Ok(()) };
        let failed = matches!(last.outcome, ToolOutcome::Failed | ToolOutcome::TimedOut);
        if failed && !self.tools.apology().is_empty() {
            answer.has_words_of_ours = true;
            return output.send(self.tools.apology().into()).await;
        }
        Err(EngineError::run("llm", "the model said nothing about what its tools gave").into())
    }

    fn record(&self, span: &Span, clock: &Clock, answer: &Answer) {
        let usage = answer.usage;
        span.record("answer", &answer.text);
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
            report.llm_seconds = Some(clock.seconds());
            report.llm_inter_token_seconds = clock.gaps().map(|(mean, _)| mean);
            report.usage = usage;
            report.tokens_per_second = tokens_per_second;
        });
    }
}

impl Answer {
    /// Every request is billed.
    fn bill(&mut self, tokens: Usage) {
        let sum = self.usage.get_or_insert_default();
        sum.prompt_tokens += tokens.prompt_tokens;
        sum.completion_tokens += tokens.completion_tokens;
        sum.cached_tokens += tokens.cached_tokens;
    }
}
