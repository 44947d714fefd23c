//! A prompt as tokens: all of it for an answer, and what is certain of it while its question is still being asked.
use voce_core::{EngineError, Prompt};

use super::engine::{Inner, NAME};
use crate::prompt::{asked, plain_turns, turns};

/// What stands for words not said yet: no token begins with both.
const ANY_WORDS: [&str; 2] = ["A", "0"];

/// The tokens of `prompt`, and as much of it as fits into the context beside an answer. The last resort: what asks has
/// counted already, but not what the template puts around it.
pub fn fit(inner: &Inner, prompt: &Prompt) -> Result<(Vec<u32>, Prompt), EngineError> {
    let config = &inner.config;
    let room = inner.context.saturating_sub(config.max_tokens as usize);
    let mut fitting = prompt.clone();
    loop {
        let ids = ids(inner, &fitting)?;
        if ids.len() <= room {
            return Ok((ids, fitting));
        }
        // The oldest exchange goes first, then the least fitting passage.
        let shown = fitting.passages.len().min(config.max_passages);
        if !fitting.history.is_empty() {
            fitting.history.drain(..fitting.history.len().min(2));
        } else if shown > 1 {
            fitting.passages.truncate(shown - 1);
        } else {
            let need = ids.len() + config.max_tokens as usize;
            let reason = format!(
                "prompt and answer take {need} tokens, the context has {}; raise llm.context_tokens or ask for shorter passages",
                inner.context
            );
            return Err(EngineError::run(NAME, reason));
        }
    }
}

/// The tokens with which `prompt` begins however its question goes on: everything up to the question, and the
/// question's words but the last, which may be half heard.
pub fn certain(inner: &Inner, prompt: &Prompt) -> Result<Vec<u32>, EngineError> {
    let (_, mut fitting) = fit(inner, prompt)?;
    if inner.config.quote {
        // What is shown goes on and ends as the question does: "How long is the warranty on the ho".
        fitting.question = asked(&fitting).to_owned();
        fitting.looked_up_as.clear();
    }
    let question = fitting.question.trim_end();
    let said = question.rfind(char::is_whitespace).map_or("", |last| question[..last].trim_end()).to_owned();
    let [mut one, other] = ANY_WORDS.map(|words| {
        fitting.question = if said.is_empty() { words.to_owned() } else { format!("{said} {words}") };
        ids(inner, &fitting)
    });
    if let (Ok(one), Ok(other)) = (&mut one, &other) {
        one.truncate(common(one, other));
    }
    other.and(one)
}

/// How many tokens `one` and `other` begin with alike.
pub fn common(one: &[u32], other: &[u32]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

fn ids(inner: &Inner, prompt: &Prompt) -> Result<Vec<u32>, EngineError> {
    let most = inner.config.max_passages;
    let turns = if inner.config.quote { plain_turns(prompt, most) } else { turns(prompt, most) };
    inner
        .template
        .render(&turns)
        .and_then(|text| inner.tokens.ids(&text))
        .map_err(|error| EngineError::run(NAME, error))
}
