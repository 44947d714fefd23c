//! How fast the language model in this process reads a prompt and writes an answer.
use anyhow::Result;
use serde::Serialize;
use voce_llm::Candle;
use voce_models::Store;

use crate::{cli::BenchArgs, config::Config};

/// The prompt unless one is given: as long as a question with three passages, and the same as the baseline's.
const SENTENCE: &str =
    "The water pump has a warranty of two years from the date of purchase. Keep the receipt. ";
const NEW_TOKENS: usize = 40;

/// What is printed; the baseline prints the same names.
#[derive(Serialize)]
pub struct Speed {
    name: String,
    threads: usize,
    prompt_tokens: usize,
    prompt_tokens_per_second: f64,
    generated_tokens: usize,
    generated_tokens_per_second: f64,
}

/// Medians over the timed runs. Blocking.
pub fn speed(mut config: Config, args: &BenchArgs) -> Result<Speed> {
    config.llm.threads = args.threads;
    let model = Candle::load(&config.llm, &Store::open(&config.models)?)?;
    let prompt = args.input.clone().unwrap_or_else(|| SENTENCE.repeat(9));
    let first = model.speed(&prompt, NEW_TOKENS)?;
    let runs = (0..args.repeat).map(|_| model.speed(&prompt, NEW_TOKENS)).collect::<Result<Vec<_>, _>>()?;
    Ok(Speed {
        name: format!("voce {}", config.llm.model),
        threads: first.threads,
        prompt_tokens: first.prompt_tokens,
        prompt_tokens_per_second: super::median(
            runs.iter().map(|run| run.prompt_tokens_per_second).collect(),
        )?,
        generated_tokens: first.generated_tokens,
        generated_tokens_per_second: super::median(
            runs.iter().map(|run| run.generated_tokens_per_second).collect(),
        )?,
    })
}
