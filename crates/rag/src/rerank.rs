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
use voce_models::{Device as Wanted, Store};

use crate::{ENGINE, device};

/// Longer pairs are cut at the passage's end, as sentence-transformers cuts them for this kind of model.
const LONGEST_TOKENS: usize = 512;

/// A loaded cross-encoder. Blocking: call it on a blocking thread.
pub struct Reranker {
    device: Device,
    model: BertModel,
    pooler: Linear,
    classifier: Linear,
    tokenizer: Tokenizer,
    threads: ThreadPool,
}

impl Reranker {
    /// Loads `model` from the store and runs it once, on the device that is `wanted`.
    pub fn load(store: &Store, model: &str, threads: usize, wanted: Wanted) -> Result<Self, EngineError> {
        let device = device::choose(wanted)?;
        let file = |name: &str| store.file(model, name).map_err(|error| EngineError::load(ENGINE, error));
        let (weights, config) = (file("model.safetensors")?, file("config.json")?);
        Self::read(&weights, &config, &file("tokenizer.json")?, threads, device)
    }

    /// Loads a model from its files.
    fn read(
        weights: &Path,
        config: &Path,
        tokenizer: &Path,
        threads: usize,
        device: Device,
    ) -> Result<Self, EngineError> {
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
        let tensors = candle_core::safetensors::load(weights, &device);
        let tensors = tensors.map_err(|error| broken(weights, &error))?;
        let variables = VarBuilder::from_tensors(tensors, DTYPE, &device);
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
        let reranker = Self { device, model, pooler, classifier, tokenizer, threads };
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
        let tokens = Tensor::new(tokens, &self.device)?.unsqueeze(0)?;
        let types = Tensor::new(types, &self.device)?.unsqueeze(0)?;
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

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, path::PathBuf};

    use super::*;

    const WORDS: [&str; 15] = [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "how", "long", "is", "the", "warranty", "two", "years", "pump",
        "open", "at", "eight",
    ];

    /// A tiny cross-encoder whose weights come from their names, as in `scripts/baselines/reranker.py`.
    fn tiny(folder: &Path) -> [PathBuf; 3] {
        let mut tensors = HashMap::new();
        let mut add = |name: String, shape: &[usize]| {
            let base = if name.ends_with("LayerNorm.weight") { 1.0 } else { 0.0 };
            let value =
                |place: usize| (((place + 1) as f64 * 0.7 + name.len() as f64).sin() * 0.3 + base) as f32;
            let values: Vec<f32> = (0..shape.iter().product()).map(value).collect();
            tensors.insert(name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
        };
        for (name, rows) in [("word", WORDS.len()), ("position", 32), ("token_type", 2)] {
            add(format!("bert.embeddings.{name}_embeddings.weight"), &[rows, 8]);
        }
        let mut layers = vec![("bert.pooler.dense".to_owned(), 8, 8), ("classifier".to_owned(), 1, 8)];
        let mut norms = vec!["bert.embeddings".to_owned()];
        for layer in 0..2 {
            let layer = format!("bert.encoder.layer.{layer}");
            for part in ["self.query", "self.key", "self.value", "output.dense"] {
                layers.push((format!("{layer}.attention.{part}"), 8, 8));
            }
            layers.push((format!("{layer}.intermediate.dense"), 16, 8));
            layers.push((format!("{layer}.output.dense"), 8, 16));
            norms.extend([format!("{layer}.attention.output"), format!("{layer}.output")]);
        }
        for (name, rows, columns) in layers {
            add(format!("{name}.weight"), &[rows, columns]);
            add(format!("{name}.bias"), &[rows]);
        }
        for name in norms {
            add(format!("{name}.LayerNorm.weight"), &[8]);
            add(format!("{name}.LayerNorm.bias"), &[8]);
        }
        let files = ["model.safetensors", "config.json", "tokenizer.json"].map(|name| folder.join(name));
        candle_core::safetensors::save(&tensors, &files[0]).unwrap();
        let config = serde_json::json!({
            "vocab_size": WORDS.len(), "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 16, "hidden_act": "gelu", "hidden_dropout_prob": 0.1, "max_position_embeddings": 32,
            "type_vocab_size": 2, "initializer_range": 0.02, "layer_norm_eps": 1e-12, "pad_token_id": 0, "model_type": "bert",
        });
        std::fs::write(&files[1], config.to_string()).unwrap();
        let vocabulary: HashMap<&str, usize> = WORDS.into_iter().zip(0..).collect();
        let tokenizer = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
            "pre_tokenizer": {"type": "Whitespace"}, "decoder": null,
            "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
            "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
        });
        std::fs::write(&files[2], tokenizer.to_string()).unwrap();
        files
    }

    fn load(folder: &Path) -> Reranker {
        let [weights, config, tokenizer] = tiny(folder);
        Reranker::read(&weights, &config, &tokenizer, 1, Device::Cpu).unwrap()
    }

    #[test]
    fn scores_are_those_of_transformers() {
        let folder = tempfile::tempdir().unwrap();
        let reranker = load(folder.path());
        for (question, passage, expected) in [
            ("how long is the warranty", "the warranty is two years", 0.339_738),
            ("how long is the warranty", "open at eight", 0.441_143),
            ("is the pump open", "unknown pump", -0.279_573),
        ] {
            let score = reranker.score(question, passage).unwrap();
            assert!((score - expected).abs() < 1e-4, "{question} | {passage}: {score}, expected {expected}");
        }
        // Longer than the model can read: cut at the passage's end.
        reranker.score("is the pump open", &"pump ".repeat(100)).unwrap();
    }

    #[test]
    fn a_model_without_the_one_output_is_refused_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let [weights, config, tokenizer] = tiny(folder.path());
        let mut tensors = candle_core::safetensors::load(&weights, &Device::Cpu).unwrap();
        tensors.remove("classifier.weight");
        candle_core::safetensors::save(&tensors, &weights).unwrap();
        let error = Reranker::read(&weights, &config, &tokenizer, 1, Device::Cpu).err().unwrap().to_string();
        assert!(error.contains("model.safetensors") && error.contains("classifier.weight"), "{error}");
    }

    #[tokio::test]
    async fn passages_come_best_first_and_a_late_reranker_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let reranker = Arc::new(load(folder.path()));
        let passage = |text: &str| Passage { text: text.into(), ..Passage::default() };
        let passages = vec![passage("the warranty is two years"), passage("open at eight")];
        let question = "how long is the warranty".to_owned();
        let ordered = |budget| order(reranker.clone(), question.clone(), passages.clone(), budget);
        let found = ordered(Duration::from_secs(60)).await.unwrap().unwrap();
        assert_eq!(
            found,
            [passages[1].clone(), passages[0].clone()],
            "the random weights like the other one better"
        );
        assert_eq!(ordered(Duration::ZERO).await.unwrap(), None);
    }
}
