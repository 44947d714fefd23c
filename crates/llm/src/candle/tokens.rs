//! Text to token ids and back, built from what a GGUF file says of its tokenizer.
use std::collections::HashMap;

use candle_core::quantized::gguf_file::Value;
use tokenizers::{
    AddedToken, SplitDelimiterBehavior, Tokenizer,
    models::bpe::{BPE, Vocab},
    pre_tokenizers::{
        byte_level::ByteLevel,
        digits::Digits,
        sequence::Sequence,
        split::{Split, SplitPattern},
    },
};

/// How Qwen2 and Llama 3 split text into words (from their tokenizer.json).
const WORDS: [(&str, &str); 2] = [
    (
        "qwen2",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
    (
        "llama-bpe",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
];
/// Token type of control tokens in GGUF.
const CONTROL: u32 = 3;

/// A file's tokenizer.
pub struct Tokens {
    tokenizer: Tokenizer,
    ends: Vec<u32>,
    /// Tokens that end a message or a sentence.
    closing: Vec<u32>,
}

impl Tokens {
    /// From a file's metadata. Only byte-level BPE, which Llama 3, Qwen and SmolLM use.
    pub fn of(metadata: &HashMap<String, Value>) -> Result<Self, String> {
        let text = |key: &str| metadata.get(key).and_then(|value| value.to_string().ok()).map(String::as_str);
        let list = |key: &str| metadata.get(key).and_then(|value| value.to_vec().ok());
        if text("tokenizer.ggml.model") != Some("gpt2") {
            return Err(format!(
                "tokenizer {:?}, expected gpt2 (byte-level BPE)",
                text("tokenizer.ggml.model")
            ));
        }
        let names: Vec<String> = list("tokenizer.ggml.tokens")
            .ok_or("no tokenizer.ggml.tokens")?
            .iter()
            .map(|token| token.to_string().cloned().unwrap_or_default())
            .collect();
        let merges = list("tokenizer.ggml.merges")
            .ok_or("no tokenizer.ggml.merges")?
            .iter()
            .filter_map(|merge| merge.to_string().ok()?.split_once(' '))
            .map(|(left, right)| (left.to_owned(), right.to_owned()))
            .collect();
        let vocabulary: Vocab = names.iter().cloned().zip(0..).collect();
        let model = BPE::builder().vocab_and_merges(vocabulary, merges).build().map_err(|e| e.to_string())?;
        let mut tokenizer = Tokenizer::new(model);
        let split = text("tokenizer.ggml.pre").unwrap_or_default();
        tokenizer.with_pre_tokenizer(Some(words(split)?));
        tokenizer.with_decoder(Some(ByteLevel::default()));
        let control: Vec<AddedToken> = list("tokenizer.ggml.token_type")
            .map_or(&[][..], |types| types.as_slice())
            .iter()
            .zip(&names)
            .filter(|(kind, _)| kind.to_i32().is_ok_and(|kind| kind as u32 == CONTROL))
            .map(|(_, name)| AddedToken::from(name.clone(), true))
            .collect();
        tokenizer.add_special_tokens(control).map_err(|e| e.to_string())?;
        let id = |key: &str| metadata.get(key).and_then(|value| value.to_u32().ok());
        let mut ends: Vec<u32> = ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"]
            .into_iter()
            .filter_map(id)
            .collect();
        // Some files name only one of the two ways to end.
        let known = ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>"];
        ends.extend(known.into_iter().filter_map(|name| tokenizer.token_to_id(name)));
        // A leading space is written so in byte-level vocabularies.
        let closes = |name: &str| name.trim_start_matches('Ġ').starts_with(['.', '?', '!']);
        let marks = names.iter().zip(0..).filter(|(name, _)| closes(name)).map(|(_, id)| id);
        let closing = ends.iter().copied().chain(marks).collect();
        Ok(Self { tokenizer, ends, closing })
    }

    /// Ids of `text`, control tokens written out in it included.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>, String> {
        Ok(self.tokenizer.encode_fast(text, false).map_err(|e| e.to_string())?.get_ids().to_vec())
    }

    /// Text of `ids` without control tokens. A character of which only the first bytes are there is U+FFFD.
    pub fn text(&self, ids: &[u32]) -> Result<String, String> {
        self.tokenizer.decode(ids, true).map_err(|e| e.to_string())
    }

    /// How much the model would like to be done.
    pub fn end_score(&self, logits: &[f32]) -> f32 {
        self.ends
            .iter()
            .filter_map(|&id| logits.get(id as usize))
            .fold(f32::MIN, |best, &logit| best.max(logit))
    }

    /// How likely the next token is one that ends a message or a sentence, 0 to 1.
    pub fn closing_probability(&self, logits: &[f32]) -> f32 {
        let most = logits.iter().copied().fold(f32::MIN, f32::max);
        let all: f32 = logits.iter().map(|logit| (logit - most).exp()).sum();
        let closing = self.closing.iter().filter_map(|&id| logits.get(id as usize));
        closing.map(|logit| (logit - most).exp()).sum::<f32>() / all
    }

    /// Whether the model says with this token that it is done.
    pub fn ends(&self, id: u32) -> bool {
        self.ends.contains(&id)
    }
}

fn words(split: &str) -> Result<Sequence, String> {
    if let Some((_, pattern)) = WORDS.iter().find(|(name, _)| *name == split) {
        let pattern = SplitPattern::Regex((*pattern).to_owned());
        let split =
            Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(|e| e.to_string())?;
        return Ok(Sequence::new(vec![split.into(), ByteLevel::new(false, true, false).into()]));
    }
    match split {
        "smollm" => {
            Ok(Sequence::new(vec![Digits::new(true).into(), ByteLevel::new(false, true, true).into()]))
        }
        "gpt-2" | "default" => Ok(Sequence::new(vec![ByteLevel::new(false, true, true).into()])),
        other => Err(format!("pre-tokenizer {other:?}, expected smollm, qwen2, llama-bpe or gpt-2")),
    }
}
