//! What the language model is shown of a call: as much as fits into its context, and a summary of what does not.
//!
//! `fit.rs` decides what is shown and is pure; `summary.rs` and `memory.rs` ask the model for what is kept of old turns
//! and of a whole call; `background.rs` does so between two turns.
mod background;
mod config;
mod counts;
mod cut;
mod fit;
mod memory;
mod record;
mod summary;

use std::sync::Arc;

use futures_util::TryStreamExt;
use voce_core::{EngineError, LanguageModel, Message, Passage, Piece, Prompt, ToolDefinition, Tools};

pub use background::Background;
pub use config::{ContextConfig, Summarise};
use counts::{AROUND_MESSAGE, Counts};
use fit::{Fit, Sizes, fit};
pub use memory::remember;

/// Tokens of what engines add to a request, at most: what sources are and are not, the form of the answer, the marks
/// around passages, summary and memory.
const AROUND_REQUEST: usize = 256;
/// Tokens around one passage: its number and the like.
const AROUND_PASSAGE: usize = 12;
/// Of how many parts of the context one is left free: the words around things are the model's own and not counted
/// exactly, and some servers are counted for by an estimate.
const SPARE: usize = 32;
/// Of how many parts of the context one is kept for what tools will say.
const FOR_STEPS: usize = 8;
/// Stands where the beginning of a question was.
const LEFT_OUT: &str = "(The beginning is left out.) ";

/// The language model's context in one call.
pub struct Context {
    llm: Arc<dyn LanguageModel>,
    tools: Option<Arc<dyn Tools>>,
    counts: Counts,
    config: ContextConfig,
}

impl Context {
    /// Of this model, which may call these tools.
    pub fn new(llm: Arc<dyn LanguageModel>, tools: Option<Arc<dyn Tools>>, config: ContextConfig) -> Self {
        Self { counts: Counts::new(llm.clone()), llm, tools, config }
    }

    /// `prompt` without what does not fit beside the answer. What fits is left as it is.
    pub fn fit(&self, mut prompt: Prompt) -> Prompt {
        let room = self.room(prompt.answer_tokens);
        self.shorten_steps(&mut prompt, room / 2);
        // It only helps; a question that is long stands for itself.
        if self.counts.of(&prompt.looked_up_as) > room / 8 {
            prompt.looked_up_as.clear();
        }
        let begins = begins(&prompt.history);
        let sizes = self.sizes(&prompt, &begins);
        let Fit { question, passages, first_passage, first_exchange, summary, memory } = fit(room, &sizes);
        if question < sizes.question {
            prompt.question = self.end_of(&prompt.question, question);
        }
        prompt.passages.truncate(passages);
        if let Some(passage) = prompt.passages.first_mut().filter(|_| first_passage < sizes.passages[0]) {
            let most = first_passage.saturating_sub(sizes.passages[0] - self.counts.of(&passage.text));
            let count = |text: &str| self.counts.once(text);
            passage.text = cut::beginning(&passage.text, most, count).to_owned();
        }
        let from = begins.get(first_exchange).copied().unwrap_or(prompt.history.len());
        if from > 0 {
            tracing::debug!(messages = from, "earlier messages do not fit into the context");
            prompt.history.drain(..from);
        }
        if !summary {
            prompt.summary.clear();
        }
        if !memory {
            prompt.memory.clear();
        }
        prompt
    }

    /// Tokens for a prompt.
    fn room(&self, answer: Option<u32>) -> usize {
        let context = self.llm.context_tokens();
        let answer = answer.map_or_else(|| self.llm.answer_tokens(), |tokens| tokens as usize);
        context.saturating_sub(answer + context / SPARE + AROUND_REQUEST)
    }

    fn sizes(&self, prompt: &Prompt, begins: &[usize]) -> Sizes {
        let optional = |text: &str| match text.is_empty() {
            true => 0,
            false => self.counts.of(text) + AROUND_MESSAGE,
        };
        let ends = begins.iter().skip(1).copied().chain([prompt.history.len()]);
        let exchange = |(begin, end): (&usize, usize)| {
            prompt.history[*begin..end].iter().map(|message| self.counts.message(message)).sum()
        };
        Sizes {
            fixed: self.counts.of(&prompt.system)
                + AROUND_MESSAGE
                + optional(&prompt.looked_up_as)
                + self.tools(prompt),
            question: self.counts.of(&prompt.question) + AROUND_MESSAGE,
            passages: prompt.passages.iter().map(|passage| self.passage(passage)).collect(),
            exchanges: begins.iter().zip(ends).map(exchange).collect(),
            summary: optional(&prompt.summary),
            memory: optional(&prompt.memory),
        }
    }

    fn passage(&self, passage: &Passage) -> usize {
        let Passage { text, source, heading, .. } = passage;
        AROUND_PASSAGE + self.counts.of(text) + self.counts.of(source) + self.counts.of(heading)
    }

    /// Tokens of the tools, and of what they said or will say.
    fn tools(&self, prompt: &Prompt) -> usize {
        let known;
        let tools: &[ToolDefinition] = match &self.tools {
            Some(tools) if prompt.tools.is_empty() && prompt.answer_tokens.is_none() => {
                known = tools.definitions();
                &known
            }
            _ => &prompt.tools,
        };
        let definition = |tool: &ToolDefinition| {
            let ToolDefinition { name, description, parameters, .. } = tool;
            let parameters = self.counts.of(&parameters.to_string());
            AROUND_MESSAGE + self.counts.of(name) + self.counts.of(description) + parameters
        };
        let steps = prompt.steps.iter().map(|step| self.counts.message(&Message::Tool(step.clone())));
        let steps: usize = steps.sum();
        let expected = if tools.is_empty() { 0 } else { self.llm.context_tokens() / FOR_STEPS };
        tools.iter().map(definition).sum::<usize>() + steps.max(expected)
    }

    /// Cuts what tools said where all of it takes more than `most` tokens.
    fn shorten_steps(&self, prompt: &mut Prompt, most: usize) {
        let all: usize = prompt.steps.iter().map(|step| self.counts.of(&step.result)).sum();
        if all <= most {
            return;
        }
        let each = most / prompt.steps.len().max(1);
        for step in &mut prompt.steps {
            step.result = cut::beginning(&step.result, each, |text| self.counts.once(text)).to_owned();
        }
    }

    /// The last `most` tokens of a question, and a note that it began before.
    fn end_of(&self, question: &str, most: usize) -> String {
        let most = most.saturating_sub(AROUND_MESSAGE + self.counts.of(LEFT_OUT));
        format!("{LEFT_OUT}{}", cut::end(question, most, |text| self.counts.once(text)))
    }

    /// The model's answer to `prompt` as one text of at most `tokens` tokens.
    async fn ask(&self, prompt: Prompt, tokens: u32) -> Result<String, EngineError> {
        let prompt = self.fit(Prompt { answer_tokens: Some(tokens), ..prompt });
        let mut pieces = self.llm.generate(prompt);
        let mut answer = String::new();
        // A server that does not keep to the limit is not read for ever.
        while answer.len() < 16 * tokens as usize {
            match pieces.try_next().await? {
                Some(Piece::Text(text)) => answer += &text,
                Some(Piece::Call(_) | Piece::Usage(_)) => {}
                None => break,
            }
        }
        let answer = cut::beginning(answer.trim(), tokens as usize, |text| self.counts.once(text)).to_owned();
        Ok(answer)
    }
}

/// Where the exchanges of a history begin: with what the caller said.
fn begins(history: &[Message]) -> Vec<usize> {
    let is_begin = |(place, message): (usize, &Message)| {
        (place == 0 || matches!(message, Message::User(_))).then_some(place)
    };
    history.iter().enumerate().filter_map(is_begin).collect()
}

#[cfg(test)]
mod tests;
