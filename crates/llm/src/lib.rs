//! Language models: any OpenAI-compatible server, or a GGUF file in this process.
mod answer;
mod background;
mod calls;
mod candle;
mod config;
mod counting;
mod echo;
mod fence;
mod format;
mod messages;
mod openai;
mod orders;
mod prompt;

use std::sync::Arc;

use voce_core::{EngineError, LanguageModel};
use voce_models::Store;

pub use candle::{Candle, Speed};
pub use config::{Config, Engine};
use counting::Counting;
pub use format::AnswerFormat;
pub use openai::OpenAi;
pub use prompt::DEFAULT_SYSTEM_PROMPT;

/// Opens the configured engine. A model in this process is loaded and run once; a server is not asked before the
/// first question.
pub fn build(config: &Config, store: &Store) -> Result<Arc<dyn LanguageModel>, EngineError> {
    match config.engine {
        Engine::Candle => Ok(Arc::new(Candle::load(config, store)?)),
        Engine::Openai => {
            Ok(Arc::new(OpenAi::new(config)?.counting(Counting::of(&config.tokenizer, store)?)))
        }
    }
}

/// Like [`build`], and has a model in this process read the assistant's own `system` prompts already, so that not
/// even the first caller waits for them.
pub fn build_for(
    config: &Config,
    store: &Store,
    systems: &[&str],
) -> Result<Arc<dyn LanguageModel>, EngineError> {
    match config.engine {
        Engine::Candle => {
            let model = Candle::load(config, store)?;
            for system in systems {
                model.warm(system)?;
            }
            Ok(Arc::new(model))
        }
        Engine::Openai => build(config, store),
    }
}
