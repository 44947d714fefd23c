//! A cross-encoder puts passages in order: a BERT reads question and passage together and gives one number. Slower than
//! comparing vectors, so it reads only what was found, and who takes too long is not waited for.
use std::{path::Path, sync::Arc, time::Duration};

use candle_core::{Device, IndexOp, Tensor};
use candle_nn::{Linear, Module, VarBuilder};
use candle_transformers::models::bert::{BertModel, Config, DTYPE};
use rayon::ThreadPool;
use tokenizers::{Tokenizer, TruncationParams, TruncationStrategy};
use tokio::time::Instant;
use voce_core::{EngineError, Passage};
use voce_models::Store;

use crate::ENGINE;

/// Longer pairs are cut at the passage's end, as sentence-transformers cuts them for this kind of model.
const LONGEST_TOKENS: usize = 512;

/// A loaded cross-encoder. Blocking: call it on a blocking thread.
pub struct Reranker {
    model: BertModel,
    pooler: Linear,
    classifier: Linear,
    tokenizer: Tokenizer,
    threads: ThreadPool,
}

impl Reranker {
    /// Loads `model` from the store and runs it once.
    pub fn load(store: &Store, model: &str, threads: usize) -> Result<Self, EngineError> {
        let file = |name: &str| store.file(model, name).map_err(|error| EngineError::load(ENGINE, error));
        Self::read(&file("model.safetensors")?, &file("config.json")?, &file("tokenizer.json")?, threads)
    }

    /// Loads a model from its files.
    fn read(weights: &Path, config: &Path, tokenizer: &Path, threads: usize) -> Result<Self, EngineError> {
        let broken = |what: &Path, error: &dyn std::fmt::Display| {
            let reason = format!(
                "{} cannot be used as a reranker: {error}; expected a BERT with one output (BertForSequenceClassification); \
                 check with `voce models verify`",
                what.display()
            );
            EngineError::load(ENGINE, reason)
        };
        let text = std::fs::read_to_string(config).map_err(|error| broken(config, &error))?;
        let bert: Config = serde_json::from_str(&text).map_err(|error| broken(config, &error))?;
        let tensors = candle_core::safetensors::load(weights, &Device::Cpu);
        let tensors = tensors.map_err(|error| broken(weights, &error))?;
        let variables = VarBuilder::from_tensors(tensors, DTYPE, &Device::Cpu);
        let size = bert.hidden_size;
        let network = BertModel::load(variables.pp("bert"), &bert).and_then(|network| {
            let pooler = candle_nn::linear(size, size, variables.pp("bert.pooler.dense"))?;
            Ok((network, pooler, candle_nn::linear(size, 1, variables.pp("classifier"))?))
        });
        let (model, pooler, classifier) = network.map_err(|error| broken(weights, &error))?;
        let longest = LONGEST_TOKENS.min(bert.max_position_embeddings);
        let tokenizer = load_tokenizer(tokenizer, longest).map_err(|error| broken(tokenizer, &error))?;
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|index| format!("rerank-{index}"))
            .build()
            .map_err(|error| EngineError::load(ENGINE, format!("no threads for the reranker: {error}")))?;
        let reranker = Self { model, pooler, classifier, tokenizer, threads };
        reranker.score("The first pair", "is slow.").map_err(|error| broken(weights, &error))?;
        Ok(reranker)
    }

    /// How well `passage` answers `question`: higher is better, of no unit.
    pub fn score(&self, question: &str, passage: &str) -> Result<f32, EngineError> {
        let encoding = self.tokenizer.encode((question, passage), true);
        let encoding = encoding.map_err(|error| EngineError::run(ENGINE, error))?;
        let forward = || self.forward(encoding.get_ids(), encoding.get_type_ids());
        self.threads.install(forward).map_err(|error| EngineError::run(ENGINE, error))
    }

    fn forward(&self, tokens: &[u32], types: &[u32]) -> candle_core::Result<f32> {
        let tokens = Tensor::new(tokens, &Device::Cpu)?.unsqueeze(0)?;
        let types = Tensor::new(types, &Device::Cpu)?.unsqueeze(0)?;
        let states = self.model.forward(&tokens, &types, None)?;
        let first = states.i((.., 0))?.contiguous()?;
        let pooled = self.pooler.forward(&first)?.tanh()?;
        self.classifier.forward(&pooled)?.flatten_all()?.i(0)?.to_scalar()
    }
}

/// The passages, the best first; `None` if `budget` was too short for them.
pub async fn order(
    reranker: Arc<Reranker>,
    question: String,
    passages: Vec<Passage>,
    budget: Duration,
) -> Result<Option<Vec<Passage>>, EngineError> {
    let until = Instant::now() + budget;
    // The work ends itself at the deadline, so that it does not hold a thread that the next question needs.
    let work = tokio::task::spawn_blocking(move || {
        let mut scored = Vec::with_capacity(passages.len());
        for passage in passages {
            if Instant::now() >= until {
                return Ok(None);
            }
            let text = if passage.heading.is_empty() {
                passage.text.clone()
            } else {
                format!("{}\n{}", passage.heading, passage.text)
            };
            scored.push((reranker.score(&question, &text)?, passage));
        }
        Ok(Some(scored))
    });
    let Ok(done) = tokio::time::timeout_at(until, work).await else { return Ok(None) };
    match done {
        Ok(scored) => Ok(scored?.map(best_first)),
        Err(join) if join.is_panic() => std::panic::resume_unwind(join.into_panic()),
        Err(_) => Err(EngineError::run(ENGINE, "the process is ending")),
    }
}

/// Of equals the order stays.
fn best_first(mut scored: Vec<(f32, Passage)>) -> Vec<Passage> {
    scored.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    scored.into_iter().map(|(_, passage)| passage).collect()
}

fn load_tokenizer(path: &Path, longest: usize) -> tokenizers::Result<Tokenizer> {
    let mut tokenizer = Tokenizer::from_file(path)?;
    tokenizer.with_padding(None);
    let truncation = TruncationParams {
        max_length: longest,
        strategy: TruncationStrategy::OnlySecond,
        ..TruncationParams::default()
    };
    tokenizer.with_truncation(Some(truncation))?;
    Ok(tokenizer)
}
