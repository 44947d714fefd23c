//! Whether a caller's words are whole: how likely the model finds it that the message ends after them.
//!
//! LiveKit's turn detector is a language model of this size, trained for the question. An untrained one tells most of
//! it: on the material of `voce bench turn` SmolLM2 135M gives 62 % of the places where a sentence breaks off, and 9 %
//! of those where one ends, less than 0.05.
use std::sync::Arc;

use voce_core::EngineError;

use super::{
    engine::{Inner, NAME},
    network::Cache,
};
use crate::prompt::Turn;

/// Stands for the caller's words while the beginning of their message is looked for.
const WORDS: &str = "WORDS";

/// The beginning of a caller's message, read already.
pub struct Whole(Cache);

impl Whole {
    /// Reads what stands before a caller's words. Blocking.
    pub fn new(inner: &Inner) -> Result<Self, EngineError> {
        let failed = |error: String| EngineError::run(NAME, error);
        let turn = Turn { role: "user", content: WORDS.into() };
        let text = inner.template.render(&[turn]).map_err(failed)?;
        let before = text.find(WORDS).map_or("", |place| &text[..place]);
        let mut cache = Cache::default();
        let ids = inner.tokens.ids(before).map_err(failed)?;
        if !ids.is_empty() {
            inner.read(&ids, &mut cache);
        }
        Ok(Self(cache))
    }

    /// How likely the message ends after `text`, 0 to 1. Blocking.
    pub fn probability(&self, inner: &Arc<Inner>, text: &str) -> Result<Option<f32>, EngineError> {
        // Recognisers end whatever they hear with a mark; what counts is whether the model would.
        let words = text.trim().trim_end_matches(|letter: char| !letter.is_alphanumeric());
        let mut ids = inner.tokens.ids(words).map_err(|error| EngineError::run(NAME, error))?;
        if ids.is_empty() {
            return Ok(None);
        }
        // The end tells; a long beginning only costs time.
        ids.drain(..ids.len().saturating_sub(inner.config.chunk_tokens.clamp(1, MOST_TOKENS)));
        let mut cache = self.0.clone();
        let logits = inner.read(&ids, &mut cache);
        Ok(Some(inner.tokens.closing_probability(&logits)))
    }
}

/// Tokens of the caller's words that are read.
const MOST_TOKENS: usize = 48;

#[cfg(test)]
mod tests {
    use voce_core::LanguageModel;
    use voce_models::Store;

    use crate::{Candle, Config};

    #[tokio::test]
    async fn what_breaks_off_is_less_whole_than_what_does_not() {
        if voce_testkit::models(&["smollm2-135m-instruct"]).is_none() {
            return;
        }
        let store = Store::open(&voce_models::Config::default()).unwrap();
        let model = Candle::load(&Config::default(), &store).unwrap();
        let mut whole = vec![];
        for text in [
            "What is the warranty period for the water pump?",
            "The screen has gone black.",
            "Who can I talk to about a refund?",
            "Can you tell me.",
            "Could you book me?",
            "The doctor told me.",
        ] {
            whole.push(model.wholeness(text.into()).await.unwrap().unwrap());
        }
        let least = whole[..3].iter().copied().fold(1.0_f32, f32::min);
        let most = whole[3..].iter().copied().fold(0.0_f32, f32::max);
        assert!(least > 0.05 && most < 0.02, "{whole:?}");
        assert_eq!(model.wholeness(" ... ".into()).await.unwrap(), None);
    }
}
