//! Builds every engine as configured.
use anyhow::{Context, Result};
use voce_core::ModelCard;
use voce_models::{Runtime, Store};
use voce_pipeline::Engines;

use crate::config::Config;

/// Loads all engines. Blocking and slow: seconds for the models, once.
///
/// The error says which part could not load, why, and what to do about it.
pub fn build(config: &Config) -> Result<Engines> {
    let (store, runtime) = foundation(config)?;
    // The parts load side by side: most of their time is reading files and warming up, each on one thread.
    std::thread::scope(|scope| {
        let knowledge = scope.spawn(|| voce_rag::build(&config.knowledge, &store));
        let llm = scope.spawn(|| voce_llm::build_for(&config.llm, &store, system_prompt(config)));
        let tts = scope.spawn(|| voce_tts::build(&config.tts, &store, &runtime));
        let voice_activity = voce_turn::build_vad_factory(&config.turn, &store, &runtime);
        let end_of_turn = voce_turn::build_end_of_turn(&config.turn, &store, &runtime);
        let stt = voce_stt::build(&config.stt, &store, &runtime);
        Ok(Engines {
            voice_activity: voice_activity?,
            end_of_turn: end_of_turn?,
            stt: stt?,
            knowledge: knowledge
                .join()
                .map_err(|_| anyhow::anyhow!("loading the knowledge base panicked"))??,
            llm: llm.join().map_err(|_| anyhow::anyhow!("loading the language model panicked"))??,
            tts: tts.join().map_err(|_| anyhow::anyhow!("loading the voice panicked"))??,
        })
    })
}

/// The start of every prompt: the configured one, else the language model's own.
pub fn system_prompt(config: &Config) -> &str {
    match config.assistant.system_prompt.as_str() {
        "" => voce_llm::DEFAULT_SYSTEM_PROMPT,
        configured => configured,
    }
}

/// The model store and the ONNX Runtime that all engines stand on.
pub fn foundation(config: &Config) -> Result<(Store, Runtime)> {
    let store = Store::open(&config.models)?;
    let runtime =
        Runtime::load(&store, &config.runtime).context("the ONNX Runtime is needed by every speech model")?;
    Ok((store, runtime))
}

/// What each part runs on: role and card.
pub fn cards(engines: &Engines) -> Vec<(&'static str, ModelCard)> {
    let mut cards = vec![
        ("speech to text", engines.stt.model().clone()),
        ("end of turn", engines.end_of_turn.model().clone()),
        ("language model", engines.llm.model().clone()),
        ("text to speech", engines.tts.model().clone()),
    ];
    if let Some(knowledge) = &engines.knowledge {
        cards.insert(2, ("knowledge", knowledge.model().clone()));
    }
    cards
}
