//! The engine over a GGUF file: prompt, chunks, tokens, end of answer.
use std::{collections::HashSet, sync::Arc};

use futures_util::{
    FutureExt, StreamExt, TryStreamExt,
    future::{self, BoxFuture},
    stream,
};
use rayon::ThreadPool;
use tokio::time::Instant;
use voce_core::{
    EngineError, LanguageModel, ModelCard, Output, Piece, Prompt, Usage, Wait, measured_steps, waited,
};
use voce_models::Store;

use super::{
    ahead::{once, read_ahead},
    answerable::Wanted,
    asked::{certain, common, fit},
    ground::{answerable, quotable},
    network::Network,
    precedence::Precedence,
    quote::{Penalties, Quote},
    slots::{Slot, Slots},
    template::Template,
    tokens::Tokens,
    whole::Whole,
};
use crate::{
    Config,
    answer::Answer,
    prompt::{DEFAULT_SYSTEM_PROMPT, SmallTalk, asked, small_talk},
};

/// The engine in messages.
pub(super) const NAME: &str = "candle";
/// Threads beyond this bring little for one short answer and are missed elsewhere.
const MOST_THREADS: usize = 4;
/// Context unless configured: longer prompts take longer than a caller waits.
const CONTEXT_TOKENS: usize = 2_048;

/// A language model in this process. Answers of several calls share the weights, the threads and the kept prompts.
pub struct Candle {
    card: ModelCard,
    pub(super) inner: Arc<Inner>,
    whole: Arc<Whole>,
}

/// What answers share.
pub(super) struct Inner {
    network: Network,
    pub(super) tokens: Tokens,
    pub(super) template: Template,
    pub(super) slots: Slots,
    pub(super) precedence: Precedence,
    pool: ThreadPool,
    pub(super) config: Config,
    pub(super) context: usize,
}

/// Tokens per second of a model on this machine.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Speed {
    /// How many threads.
    pub threads: usize,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Tokens of the prompt read in a second, none kept from before.
    pub prompt_tokens_per_second: f64,
    /// Tokens of the answer.
    pub generated_tokens: usize,
    /// Tokens of the answer written in a second.
    pub generated_tokens_per_second: f64,
}

impl Candle {
    /// Loads the file, and reads the default system prompt once, which also warms the code.
    pub fn load(config: &Config, store: &Store) -> Result<Self, EngineError> {
        let path = match &config.file {
            Some(path) => path.clone(),
            None => {
                store.file(&config.model, "model.gguf").map_err(|error| EngineError::load(NAME, error))?
            }
        };
        let wrong = |error: &dyn std::fmt::Display| {
            EngineError::load(NAME, format!("{}: {error}; set llm.file to another GGUF file", path.display()))
        };
        let (network, metadata) = Network::load(&path).map_err(|error| wrong(&error))?;
        let tokens = Tokens::of(&metadata).map_err(|error| wrong(&error))?;
        let source = metadata.get("tokenizer.chat_template").and_then(|value| value.to_string().ok());
        let source =
            source.ok_or_else(|| wrong(&"no chat template: this is no instruction-following model"))?;
        let template = Template::of(source).map_err(|error| wrong(&error))?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = if config.threads == 0 { cores.min(MOST_THREADS) } else { config.threads };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("llm-{i}"));
        let pool = pool.build().map_err(|error| EngineError::load(NAME, error))?;
        let trained = network.shape().context;
        let context = match config.context_tokens {
            0 => trained.min(CONTEXT_TOKENS),
            wanted => trained.min(wanted),
        };
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let name = if config.file.is_some() { name } else { config.model.clone() };
        let card = ModelCard { provider: NAME.into(), name, device: "cpu".into() };
        let slots = Slots::new(config.cache_slots);
        let (precedence, config) = (Precedence::default(), config.clone());
        let inner = Inner { network, tokens, template, slots, precedence, pool, config, context };
        let whole = Arc::new(Whole::new(&inner)?);
        let model = Self { card, inner: Arc::new(inner), whole };
        model.warm(DEFAULT_SYSTEM_PROMPT)?;
        Ok(model)
    }

    /// Reads `system` now, so that the first question does not wait for it. Blocking.
    pub fn warm(&self, system: &str) -> Result<(), EngineError> {
        let prompt = Prompt { system: system.to_owned(), ..Prompt::default() };
        let tokens = certain(&self.inner, &prompt)?;
        let mut slot = self.inner.slots.take(&tokens);
        while slot.cache.tokens().len() < tokens.len() {
            self.inner.read_chunk(&tokens, &mut slot);
        }
        Ok(())
    }

    /// How fast the model reads `prompt` (without any cache) and writes `new_tokens`. Blocking.
    pub fn speed(&self, prompt: &str, new_tokens: usize) -> Result<Speed, EngineError> {
        let inner = &self.inner;
        let ids = inner.tokens.ids(prompt).map_err(|error| EngineError::run(NAME, error))?;
        let mut cache = super::network::Cache::default();
        let start = Instant::now();
        let mut logits = Vec::new();
        for chunk in ids.chunks(inner.config.chunk_tokens.max(1)) {
            logits = inner.pool.install(|| inner.network.read(chunk, &mut cache));
        }
        let prompt_seconds = start.elapsed().as_secs_f64();
        let start = Instant::now();
        for _ in 0..new_tokens {
            let next = likeliest(&logits);
            logits = inner.pool.install(|| inner.network.read(&[next], &mut cache));
        }
        Ok(Speed {
            threads: inner.pool.current_num_threads(),
            prompt_tokens: ids.len(),
            prompt_tokens_per_second: ids.len() as f64 / prompt_seconds,
            generated_tokens: new_tokens,
            generated_tokens_per_second: new_tokens as f64 / start.elapsed().as_secs_f64(),
        })
    }

    /// Token ids of `text`, as the file's tokenizer has them.
    pub fn token_ids(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        self.inner.tokens.ids(text).map_err(|error| EngineError::run(NAME, error))
    }

    /// `prompt` with the passages that may hold its answer, where that is looked at.
    fn answerable(&self, prompt: Prompt) -> Prompt {
        if self.inner.config.quote && self.inner.config.quote_checked { answerable(prompt) } else { prompt }
    }

    /// What is said without the model: it would invent where nothing was found.
    fn fixed(&self, prompt: &Prompt) -> Option<&str> {
        if !prompt.searched || !prompt.passages.is_empty() {
            return None;
        }
        let config = &self.inner.config;
        Some(match small_talk(&prompt.question) {
            Some(SmallTalk::Greeting) => &config.greeting_answer,
            Some(SmallTalk::Thanks) => &config.thanks_answer,
            None => &config.unknown_answer,
        })
    }
}

impl LanguageModel for Candle {
    fn model(&self) -> &ModelCard {
        &self.card
    }

    fn count_tokens(&self, text: &str) -> usize {
        self.inner.tokens.ids(text).map_or_else(|_| text.len().div_ceil(4), |ids| ids.len())
    }

    fn context_tokens(&self) -> usize {
        self.inner.context
    }

    fn answer_tokens(&self) -> usize {
        self.inner.config.max_tokens as usize
    }

    /// A model whose answers have to be quotations would add to a summary what was never said.
    fn can_summarise(&self) -> bool {
        !self.inner.config.quote
    }

    fn generate(&self, prompt: Prompt) -> Output<Piece> {
        let prompt = if self.inner.config.quote { self.answerable(quotable(prompt)) } else { prompt };
        if let Some(text) = self.fixed(&prompt) {
            let pieces = [Piece::Text(text.to_owned()), Piece::Usage(Usage::default())];
            return stream::iter(pieces.map(Ok)).boxed();
        }
        let [asking, settling, working, counting] = std::array::from_fn(|_| self.inner.clone());
        let asked = once(move || Asked::new(&asking, &prompt));
        let settled = stream::once(asked).and_then(move |asked| {
            let inner = settling.clone();
            async move {
                let slots = &inner.slots;
                let wanted = |ahead: &[u32]| common(ahead, &asked.tokens) > slots.known(&asked.tokens);
                inner.precedence.settled(wanted).await;
                Ok(asked)
            }
        });
        let pieces = settled
            .map_ok(move |asked| {
                let inner = working.clone();
                measured_steps(Wait::of("llm"), State::Asked(Some(asked)), move |state| state.step(&inner))
            })
            .try_flatten()
            .try_filter_map(|piece| future::ready(Ok(piece)));
        // Counted piece by piece: an answer that is held back keeps nobody from reading ahead.
        stream::unfold(pieces.boxed(), move |mut pieces| {
            let answering = counting.precedence.answer();
            async move {
                let piece = pieces.next().await?;
                drop(answering);
                Some((piece, pieces))
            }
        })
        .fuse()
        .boxed()
    }

    fn wholeness(&self, text: String) -> BoxFuture<'static, Result<Option<f32>, EngineError>> {
        let (inner, whole) = (self.inner.clone(), self.whole.clone());
        once(move || whole.probability(&inner, &text)).boxed()
    }

    fn prepare(&self, prompt: Prompt) -> BoxFuture<'static, Result<(), EngineError>> {
        let prompt = if self.inner.config.quote { quotable(prompt) } else { prompt };
        // The question is not whole yet, so nothing is certain to be missing; but what is there is likely to stay.
        let checked = self.answerable(prompt.clone());
        let prompt = if checked.passages.is_empty() { prompt } else { checked };
        match self.fixed(&prompt) {
            Some(_) => future::ready(Ok(())).boxed(),
            None => read_ahead(self.inner.clone(), prompt).boxed(),
        }
    }
}

impl Inner {
    /// Reads `tokens` after those in `cache`; returns the logits of what follows.
    pub(super) fn read(&self, tokens: &[u32], cache: &mut super::network::Cache) -> Vec<f32> {
        let asked = Instant::now();
        let (before, logits) = self.pool.install(|| (asked.elapsed(), self.network.read(tokens, cache)));
        waited(before);
        logits
    }

    /// Reads the next chunk of `tokens`, which begin with what is in `slot`; returns the logits.
    pub(super) fn read_chunk(&self, tokens: &[u32], slot: &mut Slot) -> Vec<f32> {
        let start = slot.cache.tokens().len();
        let end = (start + self.config.chunk_tokens.max(1)).min(tokens.len());
        self.read(&tokens[start..end], &mut slot.cache)
    }
}

/// A prompt made ready for the model.
struct Asked {
    tokens: Vec<u32>,
    quote: Option<Quote>,
}

impl Asked {
    fn new(inner: &Inner, prompt: &Prompt) -> Result<Self, EngineError> {
        let (tokens, fitting) = fit(inner, prompt)?;
        let config = &inner.config;
        let shown = fitting.passages.iter().take(config.max_passages).map(|passage| passage.text.as_str());
        let wanted = Wanted::of(asked(prompt));
        let quote = match config.quote {
            true => Quote::of(shown, &inner.tokens, config.max_sentences, |text| wanted.rate(text))
                .map_err(|error| EngineError::run(NAME, error))?,
            false => None,
        };
        Ok(Self { tokens, quote })
    }
}

enum State {
    Asked(Option<Asked>),
    Working(Box<Work>),
    Billed,
}

impl State {
    /// Reads a chunk of the prompt or writes; `Some(None)` when that gave no text.
    fn step(&mut self, inner: &Arc<Inner>) -> Result<Option<Option<Piece>>, EngineError> {
        match self {
            Self::Asked(asked) => {
                let Some(asked) = asked.take() else { return Ok(None) };
                *self = Self::Working(Box::new(Work::start(inner, asked)));
                Ok(Some(None))
            }
            Self::Working(work) if work.slot.cache.tokens().len() < work.prompt.len() => {
                work.read_chunk();
                Ok(Some(None))
            }
            Self::Working(work) => match work.write_token()? {
                Some(text) if text.is_empty() => Ok(Some(None)),
                Some(text) => Ok(Some(Some(Piece::Text(text)))),
                None => {
                    let usage = work.usage();
                    *self = Self::Billed;
                    Ok(Some(Some(Piece::Usage(usage))))
                }
            },
            Self::Billed => Ok(None),
        }
    }
}

/// One answer under way.
struct Work {
    inner: Arc<Inner>,
    prompt: Vec<u32>,
    kept: usize,
    slot: Slot,
    logits: Vec<f32>,
    quote: Option<Quote>,
    written: Vec<u32>,
    /// How many of the last written tokens the network has not read yet.
    unread: usize,
    answer: Answer,
}

impl Work {
    fn start(inner: &Arc<Inner>, asked: Asked) -> Self {
        let max_sentences = inner.config.max_sentences;
        let answer = if asked.quote.is_some() { Answer::quoted() } else { Answer::new(max_sentences) };
        let slot = inner.slots.take(&asked.tokens);
        Self {
            inner: inner.clone(),
            kept: slot.cache.tokens().len(),
            prompt: asked.tokens,
            slot,
            logits: Vec::new(),
            quote: asked.quote,
            written: Vec::new(),
            unread: 0,
            answer,
        }
    }

    fn read_chunk(&mut self) {
        self.logits = self.inner.read_chunk(&self.prompt, &mut self.slot);
    }

    /// The text that the next token, or the rest of a quoted sentence, adds, maybe none yet; `None` at the end of the answer.
    fn write_token(&mut self) -> Result<Option<String>, EngineError> {
        let most = self.inner.config.max_tokens as usize;
        let done = self.answer.is_done() || self.quote.as_ref().is_some_and(Quote::is_done);
        if done || self.written.len() >= most {
            return Ok(None);
        }
        let mut next = self.quote.as_mut().and_then(Quote::rest).unwrap_or_default();
        if next.is_empty() {
            self.read_written();
            let Some(token) = self.choose() else { return Ok(None) };
            next.push(token);
        }
        next.truncate(most - self.written.len());
        self.unread += next.len();
        self.written.extend(next);
        let all = self.inner.tokens.text(&self.written).map_err(|error| EngineError::run(NAME, error))?;
        Ok(Some(self.answer.update(&all)))
    }

    fn read_written(&mut self) {
        if self.unread > 0 {
            let last = &self.written[self.written.len() - self.unread..];
            self.logits = self.inner.read(last, &mut self.slot.cache);
            self.unread = 0;
        }
    }

    fn choose(&mut self) -> Option<u32> {
        let (config, tokens) = (&self.inner.config, &self.inner.tokens);
        if let Some(quote) = &mut self.quote {
            let penalties = Penalties {
                passage: config.quote_passage_penalty,
                sentence: config.quote_sentence_penalty,
                words: config.quote_words_bonus,
            };
            return quote.next(&self.logits, tokens.end_score(&self.logits), penalties);
        }
        for token in self.written.iter().copied().collect::<HashSet<u32>>() {
            let logit = &mut self.logits[token as usize];
            *logit = if *logit > 0.0 {
                *logit / config.repetition_penalty
            } else {
                *logit * config.repetition_penalty
            };
        }
        Some(likeliest(&self.logits)).filter(|&next| !tokens.ends(next))
    }

    fn usage(&self) -> Usage {
        Usage {
            prompt_tokens: self.prompt.len() as u32,
            completion_tokens: self.written.len() as u32,
            cached_tokens: self.kept as u32,
        }
    }
}

fn likeliest(logits: &[f32]) -> u32 {
    let best = |best: (usize, f32), (index, &logit): (usize, &f32)| {
        if logit > best.1 { (index, logit) } else { best }
    };
    logits.iter().enumerate().fold((0, f32::MIN), best).0 as u32
}
