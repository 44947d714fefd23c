//! Text to vectors: a BERT sentence encoder on candle, as sentence-transformers runs all-MiniLM-L6-v2 (mean of the
//! last layer, length one).
use candle_core::{Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config, DTYPE};
use rayon::{ThreadPool, prelude::*};
use tokenizers::{Tokenizer, TruncationParams};
use tokio::time::Instant;
use voce_core::{EngineError, waited};
use voce_models::Store;

use crate::{ENGINE, device};

/// Longer texts are cut; the limit that sentence-transformers sets for this model.
const LONGEST_TOKENS: usize = 256;

/// A loaded encoder. Blocking: call it on a blocking thread.
pub struct Embedder {
    name: String,
    dimension: usize,
    device: Device,
    model: BertModel,
    tokenizer: Tokenizer,
    threads: ThreadPool,
}

impl Embedder {
    /// Loads `model` from the store onto the CPU and runs it once. Computes on `threads` threads of its own, so that it
    /// leaves the others to whoever paces sound.
    pub fn load(store: &Store, model: &str, threads: usize) -> Result<Self, EngineError> {
        Self::load_on(store, model, threads, Device::Cpu)
    }

    /// As [`Self::load`], on `device`.
    pub(crate) fn load_on(
        store: &Store,
        model: &str,
        threads: usize,
        device: Device,
    ) -> Result<Self, EngineError> {
        let file = |name: &str| store.file(model, name).map_err(|error| EngineError::load(ENGINE, error));
        let (weights, config, tokenizer) =
            (file("model.safetensors")?, file("config.json")?, file("tokenizer.json")?);
        let broken = |what: &std::path::Path, error: &dyn std::fmt::Display| {
            let path = what.display();
            EngineError::load(
                ENGINE,
                format!("{path} cannot be used: {error}; check with `voce models verify`"),
            )
        };
        let text = std::fs::read_to_string(&config).map_err(|error| broken(&config, &error))?;
        let bert: Config = serde_json::from_str(&text).map_err(|error| broken(&config, &error))?;
        let tensors = candle_core::safetensors::load(&weights, &device);
        let tensors = tensors.map_err(|error| broken(&weights, &error))?;
        let variables = VarBuilder::from_tensors(tensors, DTYPE, &device);
        let network = BertModel::load(variables, &bert).map_err(|error| broken(&weights, &error))?;
        let words = load_tokenizer(&tokenizer).map_err(|error| broken(&tokenizer, &error))?;
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|index| format!("embed-{index}"))
            .build()
            .map_err(|error| EngineError::load(ENGINE, format!("no threads for embeddings: {error}")))?;
        let embedder = Self {
            name: model.to_owned(),
            dimension: bert.hidden_size,
            device,
            model: network,
            tokenizer: words,
            threads,
        };
        embedder.embed("The first text is slow.").map_err(|error| broken(&weights, &error))?;
        Ok(embedder)
    }

    /// The model's name in the store.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it computes: `cpu`, `cuda:0`.
    pub fn device(&self) -> &'static str {
        device::name(&self.device)
    }

    /// Numbers in a vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The vector of `text`, of length one. Texts go one by one: on a CPU padding costs what batching saves, and
    /// without padding there is nothing to mask.
    pub fn embed(&self, text: &str) -> Result<Vec<f32>, EngineError> {
        let encoding = self.tokenizer.encode(text, true).map_err(|error| EngineError::run(ENGINE, error))?;
        let tokens = encoding.get_ids();
        let asked = Instant::now();
        let (before, vector) = self.threads.install(|| (asked.elapsed(), self.forward(tokens)));
        waited(before);
        vector.map_err(|error| EngineError::run(ENGINE, error))
    }

    /// The vectors of `texts`, as many at the same time as there are threads.
    pub fn embed_all(&self, texts: &[String]) -> Result<Vec<Vec<f32>>, EngineError> {
        self.threads.install(|| texts.par_iter().map(|text| self.embed(text)).collect())
    }

    fn forward(&self, tokens: &[u32]) -> candle_core::Result<Vec<f32>> {
        let tokens = Tensor::new(tokens, &self.device)?.unsqueeze(0)?;
        let states = self.model.forward(&tokens, &tokens.zeros_like()?, None)?;
        let mut vector: Vec<f32> = states.squeeze(0)?.mean(0)?.to_vec1()?;
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::EPSILON);
        vector.iter_mut().for_each(|value| *value /= length);
        Ok(vector)
    }
}

fn load_tokenizer(path: &std::path::Path) -> tokenizers::Result<Tokenizer> {
    let mut tokenizer = Tokenizer::from_file(path)?;
    tokenizer.with_padding(None);
    let truncation = TruncationParams { max_length: LONGEST_TOKENS, ..Default::default() };
    tokenizer.with_truncation(Some(truncation))?;
    Ok(tokenizer)
}
