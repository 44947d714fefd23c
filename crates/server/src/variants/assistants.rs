//! The variants with all that their calls need, loaded.
use std::sync::Arc;

use anyhow::Result;
use voce_core::ModelCard;
use voce_pipeline::{Engines, Settings};

use super::{Variant, assign};
use crate::{commands::talk, config::Config, engines};

/// One variant, ready for calls.
pub struct Assistant {
    pub name: String,
    weight: f64,
    pub engines: Engines,
    pub settings: Settings,
}

/// All of them. Cheap to clone.
#[derive(Clone)]
pub struct Assistants(Arc<[Assistant]>);

impl Assistants {
    /// Loads what the variants need, each different part once, and says in the log what that came to. Blocking.
    pub fn load(config: &Config) -> Result<Self> {
        let variants = super::of(config)?;
        let configs: Vec<&Config> = variants.iter().map(|variant| &variant.config).collect();
        let engines = engines::build_all(&configs)?;
        let assistants: Vec<Assistant> = variants
            .into_iter()
            .zip(engines)
            .map(|(Variant { name, weight, config }, engines)| Assistant {
                name,
                weight,
                engines,
                settings: talk::settings(&config),
            })
            .collect();
        let assistants = Self(assistants.into());
        let memory_mb = resident_mb();
        let (variants, voices) =
            (assistants.0.len(), assistants.different(|one| Arc::as_ptr(&one.tts).cast()));
        let language_models = assistants.different(|one| Arc::as_ptr(&one.llm).cast());
        let recognisers = assistants.different(|one| Arc::as_ptr(&one.stt).cast());
        tracing::info!(variants, recognisers, language_models, voices, memory_mb, "models are loaded");
        Ok(assistants)
    }

    /// Whom a call belongs to, and for good: by who calls, else by the call.
    pub fn of_call(&self, user: Option<&str>, call: &str) -> &Assistant {
        let weights: Vec<(&str, f64)> = self.0.iter().map(|one| (one.name.as_str(), one.weight)).collect();
        let place = assign::choose(&weights, user.unwrap_or(call)).unwrap_or_default();
        &self.0[place]
    }

    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|one| one.name.clone()).collect()
    }

    /// What runs: role and card, each once.
    pub fn cards(&self) -> Vec<(&'static str, ModelCard)> {
        let mut cards: Vec<(&str, ModelCard)> = vec![];
        for card in self.0.iter().flat_map(|one| engines::cards(&one.engines)) {
            let is_known = |known: &(&str, ModelCard)| known == &card;
            if !cards.iter().any(is_known) {
                cards.push(card);
            }
        }
        cards
    }

    fn different(&self, part: fn(&Engines) -> *const ()) -> usize {
        let mut parts: Vec<*const ()> = self.0.iter().map(|one| part(&one.engines)).collect();
        parts.sort_unstable();
        parts.dedup();
        parts.len()
    }
}

/// Memory of this process, where the system tells it as Linux does.
fn resident_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes / 1_024)
}
