//! `voce doctor`: loads every part as `serve` would and says how it went, and what to do where it did not.
mod judge;
mod traces;

use std::process::ExitCode;

use anyhow::Result;
use voce_core::{EngineError, ModelCard};
use voce_models::{Runtime, Store};

use crate::config::Config;

/// Fails if `serve` could not run.
pub async fn run(config: Config) -> Result<ExitCode> {
    println!("voce {}", env!("CARGO_PKG_VERSION"));
    let parts = config.clone();
    let healthy = tokio::task::spawn_blocking(move || parts_of(&parts)).await?;
    let page = match voce_web::is_built() {
        true => "built in".to_owned(),
        false => "not built in; run scripts/page, then build voce again".to_owned(),
    };
    line(voce_web::is_built(), "page", &page);
    traces::tell(&config).await;
    let healthy = judge::tell(&config).await && healthy;
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Loads the parts one by one. Blocking. Returns whether all that `serve` needs is there.
fn parts_of(config: &Config) -> bool {
    let store = match Store::open(&config.models) {
        Ok(store) => store,
        Err(error) => return line(false, "model store", &error.to_string()),
    };
    println!("model store: {}", store.dir().display());
    let runtime = match Runtime::load(&store, &config.runtime) {
        Ok(runtime) => runtime,
        Err(error) => return line(false, "ONNX Runtime", &error.to_string()),
    };
    line(true, "ONNX Runtime", &runtime.report().to_string());
    let card = |card: &ModelCard| format!("{} by {} on {}", card.name, card.provider, card.device);
    let silero = voce_turn::build_vad_factory(&config.turn, &store, &runtime).and_then(|factory| factory());
    let mut healthy = told("voice activity", silero.map(|_| "silero on cpu".to_owned()));
    let model = voce_turn::build_end_of_turn(&config.turn, &store, &runtime);
    healthy &= told("end of turn", model.map(|engine| card(engine.model())));
    let model = voce_stt::build(&config.stt, &store, &runtime);
    healthy &= told("speech to text", model.map(|engine| card(engine.model())));
    let model = voce_rag::build(&config.knowledge, &store);
    let none = || "none: answers stand on the language model alone".to_owned();
    healthy &= told("knowledge", model.map(|engine| engine.map_or_else(none, |engine| card(engine.model()))));
    let model = voce_llm::build_for(&config.llm, &store, crate::engines::system_prompt(config));
    healthy &= told("language model", model.map(|engine| card(engine.model())));
    let model = voce_tts::build(&config.tts, &store, &runtime);
    healthy & told("text to speech", model.map(|engine| card(engine.model())))
}

fn told(part: &str, outcome: Result<String, EngineError>) -> bool {
    match outcome {
        Ok(text) => line(true, part, &text),
        Err(error) => line(false, part, &error.to_string()),
    }
}

fn line(good: bool, part: &str, text: &str) -> bool {
    println!("{:<8} {part:<16} {text}", if good { "ok" } else { "PROBLEM" });
    good
}
