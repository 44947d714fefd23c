//! How many tokens a text has for a model that answers elsewhere.
use std::path::Path;

use candle_core::quantized::gguf_file::Content;
use tokenizers::Tokenizer;
use voce_core::EngineError;
use voce_models::Store;

use crate::candle::Tokens;

/// The context of a server that says nothing of it, tokens.
pub const CONTEXT_TOKENS: usize = 8_192;
const NAME: &str = "openai";

/// A way to count.
pub enum Counting {
    /// By the model's `tokenizer.json`.
    Json(Box<Tokenizer>),
    /// By the tokenizer in a GGUF file.
    Gguf(Box<Tokens>),
    /// A token is about four letters of English. Of scripts whose letters take three bytes it is up to a third too few,
    /// and for others too many.
    Estimate,
}

impl Counting {
    /// What `llm.tokenizer` names: nothing, a `tokenizer.json`, a GGUF file, or a model of the store that has either.
    pub fn of(tokenizer: &str, store: &Store) -> Result<Self, EngineError> {
        if tokenizer.is_empty() {
            return Ok(Self::Estimate);
        }
        let named = Path::new(tokenizer);
        let path = match named.is_file() {
            true => named.to_path_buf(),
            false => store
                .file(tokenizer, "tokenizer.json")
                .or_else(|_| store.file(tokenizer, "model.gguf"))
                .map_err(|error| {
                    let expected = "a tokenizer.json, a GGUF file, or a model of the store with one of them";
                    EngineError::load(
                        NAME,
                        format!("llm.tokenizer = {tokenizer:?}: expected {expected}; {error}"),
                    )
                })?,
        };
        let wrong = |error: &dyn std::fmt::Display| {
            EngineError::load(NAME, format!("llm.tokenizer = {tokenizer:?}: {}: {error}", path.display()))
        };
        if path.extension().is_some_and(|extension| extension == "gguf") {
            let mut file = std::fs::File::open(&path).map_err(|error| wrong(&error))?;
            let content = Content::read(&mut file).map_err(|error| wrong(&error))?;
            return Ok(Self::Gguf(Box::new(Tokens::of(&content.metadata).map_err(|error| wrong(&error))?)));
        }
        let mut tokenizer = Tokenizer::from_file(&path).map_err(|error| wrong(&error))?;
        // Files for encoders fill up and cut their texts to one length.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| wrong(&error))?;
        Ok(Self::Json(Box::new(tokenizer)))
    }

    /// Tokens of `text`.
    pub fn count(&self, text: &str) -> usize {
        let counted = match self {
            Self::Json(tokenizer) => tokenizer.encode_fast(text, false).ok().map(|text| text.len()),
            Self::Gguf(tokens) => tokens.ids(text).ok().map(|ids| ids.len()),
            Self::Estimate => None,
        };
        counted.unwrap_or_else(|| text.len().div_ceil(4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "How long is the pump two hundred here?";

    #[test]
    fn tokens_are_counted_by_the_models_own_tokenizer_where_it_is_there() {
        if voce_testkit::models(&["smollm2-135m-instruct", "all-minilm-l6-v2"]).is_none() {
            return;
        }
        let store = Store::open(&voce_models::Config::default()).unwrap();
        assert_eq!(Counting::of("", &store).unwrap().count(TEXT), TEXT.len().div_ceil(4));
        assert_eq!(Counting::of("smollm2-135m-instruct", &store).unwrap().count(TEXT), 9);
        assert_eq!(Counting::of("all-minilm-l6-v2", &store).unwrap().count(TEXT), 9);
        let path = store.file("all-minilm-l6-v2", "tokenizer.json").unwrap();
        assert_eq!(Counting::of(path.to_str().unwrap(), &store).unwrap().count(TEXT), 9);
        let error = Counting::of("no-such-model", &store).err().unwrap().to_string();
        assert!(error.contains("no-such-model") && error.contains("tokenizer.json"), "{error}");
    }
}
