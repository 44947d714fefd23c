//! Which language model answers, and how it is held to short, true answers.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::format::AnswerFormat;

/// The `[llm]` table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `candle`: a GGUF file in this process. `openai`: a server that speaks OpenAI's chat completions.
    pub engine: Engine,
    /// candle: name of the model in the store. openai: the model's name at the server.
    pub model: String,
    /// candle: a GGUF file (Llama or Qwen2) to use instead of the store's.
    pub file: Option<PathBuf>,
    /// openai: address of the server up to and including `/v1`. The key is read from `OPENAI_API_KEY` alone.
    pub base_url: String,
    /// Longest answer, tokens.
    pub max_tokens: u32,
    /// 0 takes the likeliest token always. candle knows only that.
    pub temperature: f32,
    /// openai: `text`, or `json`: the model is asked for an object of spoken words, code and links, and servers that can
    /// (vLLM, llama.cpp, OpenAI) hold it to that. Either way code and links are shown and not spoken.
    pub answer_format: AnswerFormat,
    /// openai: time to connect, ms.
    pub connect_timeout_ms: u64,
    /// openai: time from the request to the first token, ms.
    pub first_token_timeout_ms: u64,
    /// openai: time between two tokens, ms.
    pub next_token_timeout_ms: u64,
    /// openai: more fields of the request's body, as the server names them.
    pub extra_body: serde_json::Map<String, serde_json::Value>,
    /// candle: threads; 0 takes the processor's cores, at most 4.
    pub threads: usize,
    /// Longest prompt and answer together, tokens. 0: candle takes what the model was trained for, at most 2048; openai
    /// takes 8192, since servers do not say.
    pub context_tokens: usize,
    /// openai: what tokens are counted with: a `tokenizer.json`, a GGUF file, or a model of the store that has one of
    /// them. Empty: a token is taken for four bytes, which for English is near enough.
    pub tokenizer: String,
    /// candle: prompts whose computation is kept for the next turn.
    pub cache_slots: usize,
    /// candle: prompt tokens between two looks at whether the answer is still wanted.
    pub chunk_tokens: usize,
    /// candle: passages that are shown to the model, best first.
    pub max_passages: usize,
    /// candle: most sentences of an answer; 0 sets no limit.
    pub max_sentences: usize,
    /// candle: divides the score of tokens that the answer already has; 1 does nothing.
    pub repetition_penalty: f32,
    /// candle: answers are sentences of the passages, chosen by the model. A small model that words answers itself
    /// joins facts that do not belong together; larger ones may be trusted with `false`.
    pub quote: bool,
    /// candle, quoting: taken from the score of a sentence for every passage before its own.
    pub quote_passage_penalty: f32,
    /// candle, quoting: taken from the score of a sentence for every sentence before it in its passage.
    pub quote_sentence_penalty: f32,
    /// candle, quoting: added to the score of a sentence that names all the words of the question; to one that names some, its
    /// share.
    pub quote_words_bonus: f32,
    /// candle, quoting: a passage is quoted only if it names what the question asks about and holds the kind of thing that
    /// is asked for (a price, a weight). Knows English; `false` for other languages.
    pub quote_checked: bool,
    /// candle: the answer when the knowledge base was searched and holds nothing: a small model would invent.
    pub unknown_answer: String,
    /// candle: the answer to a greeting, when nothing was found.
    pub greeting_answer: String,
    /// candle: the answer to thanks, when nothing was found.
    pub thanks_answer: String,
}

/// Who answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// This process.
    #[default]
    Candle,
    /// A server.
    Openai,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            engine: Engine::Candle,
            model: "smollm2-135m-instruct".into(),
            file: None,
            base_url: "https://api.openai.com/v1".into(),
            max_tokens: 80,
            temperature: 0.0,
            answer_format: AnswerFormat::Text,
            connect_timeout_ms: 3_000,
            first_token_timeout_ms: 15_000,
            next_token_timeout_ms: 10_000,
            extra_body: serde_json::Map::new(),
            threads: 0,
            context_tokens: 0,
            tokenizer: String::new(),
            cache_slots: 8,
            chunk_tokens: 128,
            max_passages: 3,
            max_sentences: 2,
            repetition_penalty: 1.1,
            quote: true,
            quote_passage_penalty: 2.5,
            quote_sentence_penalty: 1.0,
            quote_words_bonus: 4.0,
            quote_checked: true,
            unknown_answer: "I am sorry, I do not know that.".into(),
            greeting_answer: "Hello! How can I help you?".into(),
            thanks_answer: "You are welcome.".into(),
        }
    }
}
