//! How many tokens a text has, each text counted once a call.
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use parking_lot::Mutex;
use voce_core::{LanguageModel, Message};

/// Texts whose count is kept. A call of 256 turns has not many more; then all are counted anew.
const MOST: usize = 1_024;
/// Tokens that a chat template puts around a message: its role and the marks of its two ends.
pub const AROUND_MESSAGE: usize = 8;

/// Counts by the model's own tokenizer.
pub struct Counts {
    llm: Arc<dyn LanguageModel>,
    /// By the text's hash: 64 bits, so that two texts of a call share one as good as never, and then are counted alike.
    known: Mutex<HashMap<u64, usize>>,
    hasher: RandomState,
}

impl Counts {
    /// Of this model.
    pub fn new(llm: Arc<dyn LanguageModel>) -> Self {
        Self { llm, known: Mutex::default(), hasher: RandomState::new() }
    }

    /// Tokens of `text`.
    pub fn of(&self, text: &str) -> usize {
        if text.is_empty() {
            return 0;
        }
        let key = self.hasher.hash_one(text);
        if let Some(count) = self.known.lock().get(&key) {
            return *count;
        }
        let count = self.llm.count_tokens(text);
        let mut known = self.known.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, count);
        count
    }

    /// Tokens of a text that is asked for once, such as a part of another.
    pub fn once(&self, text: &str) -> usize {
        self.llm.count_tokens(text)
    }

    /// Tokens of `message` and what stands around it.
    pub fn message(&self, message: &Message) -> usize {
        AROUND_MESSAGE
            + match message {
                Message::User(text) | Message::Assistant { text, .. } => self.of(text),
                // A call and its result are two messages.
                Message::Tool(step) => {
                    AROUND_MESSAGE
                        + self.of(&step.call.name)
                        + self.of(&step.call.arguments)
                        + self.of(&step.result)
                }
            }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use voce_core::{ModelCard, Output, Piece, Prompt};

    use super::*;

    struct Words {
        card: ModelCard,
        asked: AtomicUsize,
    }

    impl LanguageModel for Words {
        fn model(&self) -> &ModelCard {
            &self.card
        }

        fn generate(&self, _: Prompt) -> Output<Piece> {
            unreachable!("only counts")
        }

        fn count_tokens(&self, text: &str) -> usize {
            self.asked.fetch_add(1, Ordering::SeqCst);
            text.split_whitespace().count()
        }
    }

    #[test]
    fn a_text_is_counted_once_and_the_memory_of_it_is_bounded() {
        let model = Arc::new(Words { card: ModelCard::default(), asked: AtomicUsize::new(0) });
        let counts = Counts::new(model.clone());
        for _ in 0..3 {
            assert_eq!(counts.of("one two three"), 3);
            assert_eq!(counts.message(&Message::User("one two three".into())), 3 + AROUND_MESSAGE);
        }
        assert_eq!(model.asked.load(Ordering::SeqCst), 1);
        for number in 0..3 * MOST {
            counts.of(&number.to_string());
        }
        assert!(counts.known.lock().len() <= MOST);
    }
}
