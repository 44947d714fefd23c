//! Errors of a server that repeat what it was sent: the log and the traces must not get the conversation that way.
use std::borrow::Cow;

use voce_core::{Message, Prompt};

/// So many words in the same order are no accident.
const ECHO_WORDS: usize = 4;
/// A shorter text is told from words that errors use anyway by a word of so many letters.
const TELLING_LETTERS: usize = 5;

/// What was said, as its words.
pub struct Conversation(Vec<Vec<String>>);

impl Conversation {
    /// All that a request holds beside the instructions.
    pub fn of(prompt: &Prompt) -> Self {
        let history = prompt.history.iter().map(|message| match message {
            Message::User(text) | Message::Assistant { text, .. } => text.as_str(),
            Message::Tool(step) => step.result.as_str(),
        });
        let passages = prompt.passages.iter().map(|passage| passage.text.as_str());
        let known = [prompt.question.as_str(), prompt.summary.as_str(), prompt.memory.as_str()];
        Self(history.chain(passages).chain(known).map(words).collect())
    }

    /// What a server said, or that it repeats the conversation. Then its own words are in the log at debug.
    pub fn kept_out_of<'a>(&self, said: &'a str) -> Cow<'a, str> {
        let words = words(said);
        if !self.0.iter().any(|text| is_echo(&words, text)) {
            return Cow::Borrowed(said);
        }
        tracing::debug!(said, "the language model's server repeats the conversation");
        let length = said.chars().count();
        Cow::Owned(format!("[{length} characters that repeat the conversation; shown at log level debug]"))
    }
}

/// Whether `words` have four of `text` in a row, or all of a shorter one.
fn is_echo(words: &[String], text: &[String]) -> bool {
    let length = text.len().min(ECHO_WORDS);
    let is_telling = length == ECHO_WORDS || text.iter().any(|word| word.chars().count() >= TELLING_LETTERS);
    length > 0
        && is_telling
        && text.windows(length).any(|run| words.windows(length).any(|window| window == run))
}

/// A backslash and the letter behind it are a line break or a quotation mark of JSON.
fn words(text: &str) -> Vec<String> {
    let mut plain = String::with_capacity(text.len());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        if sign == '\\' {
            signs.next();
            plain.push(' ');
        } else {
            plain.extend(sign.to_lowercase());
        }
    }
    let words = plain.split(|sign: char| !sign.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation() -> Conversation {
        let history = vec![Message::User("No.".into()), Message::User("My tulips.".into())];
        let question = "What is the \"warranty\" of\nthe pump?".into();
        Conversation::of(&Prompt { history, question, ..Prompt::default() })
    }

    #[test]
    fn an_error_of_its_own_is_shown() {
        for said in ["no model \"x\" found", "the context is longer than 4096 tokens", ""] {
            assert_eq!(conversation().kept_out_of(said), said);
        }
    }

    #[test]
    fn an_error_that_repeats_the_conversation_is_not() {
        for said in [
            "cannot answer WHAT IS THE warranty",
            r#"bad: {\"content\":\"warranty\" of\nthe pump?\"}"#,
            "invalid message: my Tulips",
        ] {
            let kept = conversation().kept_out_of(said).to_lowercase();
            assert!(
                kept.contains("characters that repeat") && !kept.contains("pump") && !kept.contains("tulip"),
                "{kept}"
            );
        }
    }
}
