//! What of the passages may be an answer, where answers are sentences of them.
use voce_core::Prompt;

use super::answerable::Wanted;
use crate::{fence::material, orders::without_orders, prompt::asked};

/// `prompt` with passages that can be quoted: nothing in them orders the assistant about or ends a message.
pub fn quotable(mut prompt: Prompt) -> Prompt {
    for passage in &mut prompt.passages {
        passage.text = material(&without_orders(&passage.text));
    }
    prompt.passages.retain(|passage| passage.text.contains(char::is_alphanumeric));
    prompt
}

/// `prompt` with the passages that may hold the answer to its question, taken as whole.
pub fn answerable(mut prompt: Prompt) -> Prompt {
    let wanted = Wanted::of(asked(&prompt));
    prompt.passages.retain(|passage| wanted.may_stand_in(&passage.heading, &passage.text, passage.score));
    prompt
}
