//! `voce doctor`: loads every part as `serve` would and says how it went, and what to do where it did not.
mod deployment;
mod judge;
mod tools;
mod traces;

use std::process::ExitCode;

use anyhow::Result;
use voce_core::{EngineError, ModelCard};
use voce_models::{Runtime, Store};
use voce_rag::{Collection, StoreKind};

use crate::{
    config::Config,
    variants::{self, Variant},
};

/// Fails if `serve` could not run.
pub async fn run(config: Config) -> Result<ExitCode> {
    println!("voce {}", env!("CARGO_PKG_VERSION"));
    let parts = config.clone();
    let healthy = tokio::task::spawn_blocking(move || parts_of(&parts)).await?;
    let healthy = deployment::tell(&config) && healthy;
    let page = match voce_web::is_built() {
        true => "built in".to_owned(),
        false => "not built in; run scripts/page, then build voce again".to_owned(),
    };
    line(voce_web::is_built(), "page", &page);
    let healthy = tools::tell(&config).await && healthy;
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
    let variants = match variants::of(config) {
        Ok(variants) => variants,
        Err(error) => return line(false, "variants", &error.to_string()),
    };
    for told in variants::lines(config) {
        line(true, "variant", &told);
    }
    let card = |card: &ModelCard| format!("{} by {} on {}", card.name, card.provider, card.device);
    let mut healthy = true;
    for (of, config) in different(&variants, |all| &all.turn) {
        let silero =
            voce_turn::build_vad_factory(&config.turn, &store, &runtime).and_then(|factory| factory());
        healthy &= told("voice activity", of, silero.map(|_| "silero on cpu".to_owned()));
        let model = voce_turn::build_end_of_turn(&config.turn, &store, &runtime);
        healthy &= told("end of turn", of, model.map(|engine| card(engine.model())));
    }
    for (of, config) in different(&variants, |all| &all.stt) {
        let model = voce_stt::build(&config.stt, &store, &runtime);
        healthy &= told("speech to text", of, model.map(|engine| card(engine.model())));
    }
    for (of, config) in different(&variants, |all| &all.knowledge) {
        let model = voce_rag::build(&config.knowledge, &store);
        let none = || "none: answers stand on the language model alone".to_owned();
        let words = model.map(|engine| engine.map_or_else(none, |engine| card(engine.model())));
        let is_there = words.is_ok();
        healthy &= told("knowledge", of, words);
        if is_there && config.knowledge.store != StoreKind::None {
            healthy &= told("knowledge base", of, known(&config.knowledge));
        }
    }
    for (of, config) in different(&variants, |all| &all.llm) {
        let model = voce_llm::build_for(&config.llm, &store, &[crate::engines::system_prompt(config)]);
        healthy &= told("language model", of, model.map(|engine| card(engine.model())));
    }
    for (of, config) in different(&variants, |all| &all.tts) {
        let model = voce_tts::build(&config.tts, &store, &runtime);
        healthy &= told("text to speech", of, model.map(|engine| card(engine.model())));
    }
    healthy
}

/// How much is in the knowledge base. Blocking.
fn known(config: &voce_rag::Config) -> Result<String, EngineError> {
    tokio::runtime::Handle::current().block_on(async {
        let Some(Collection { store, .. }) = voce_rag::open_collection(config).await? else {
            return Ok(format!("nothing in {}; fill it with `voce ingest FILES`", config.place()));
        };
        let sources = store.sources().await.map_err(|error| EngineError::run("knowledge", error))?;
        let chunks: usize = sources.iter().map(|source| source.chunks).sum();
        Ok(format!("{} sources, {chunks} chunks in {}", sources.len(), config.place()))
    })
}

/// The variants whose section is not that of one before, each with its name; the first goes without.
fn different<'a, S: PartialEq>(
    variants: &'a [Variant],
    section: fn(&'a Config) -> &'a S,
) -> Vec<(&'a str, &'a Config)> {
    let mut different: Vec<(&str, &Config)> = vec![];
    for Variant { name, config, .. } in variants {
        let is_known = different.iter().any(|(_, other)| section(other) == section(config));
        if !is_known {
            different.push((if different.is_empty() { "" } else { name }, config));
        }
    }
    different
}

fn told(part: &str, of: &str, outcome: Result<String, EngineError>) -> bool {
    let of = if of.is_empty() { String::new() } else { format!(" (variant {of})") };
    match outcome {
        Ok(text) => line(true, part, &(text + &of)),
        Err(error) => line(false, part, &(error.to_string() + &of)),
    }
}

fn line(good: bool, part: &str, text: &str) -> bool {
    println!("{:<8} {part:<16} {text}", if good { "ok" } else { "PROBLEM" });
    good
}
