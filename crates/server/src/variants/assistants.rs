//! The variants with all that their calls need, loaded.
use std::sync::Arc;

use anyhow::Result;
use parking_lot::RwLock;
use voce_core::ModelCard;
use voce_pipeline::{Engines, Settings};

use super::{Variant, assign};
use crate::{
    commands::talk,
    config::Config,
    engines::{self, Loaded},
};

/// One variant, ready for calls.
pub struct Assistant {
    pub name: String,
    weight: f64,
    pub engines: Engines,
    pub settings: Settings,
}

/// All of them. Cheap to clone.
#[derive(Clone)]
pub struct Assistants {
    all: Arc<[Assistant]>,
    loaded: Loaded,
    /// What the assistant is called, and whether its variants are to be named.
    name: String,
    has_variants: bool,
}

/// Those that take the next calls; they can be exchanged. Cheap to clone.
#[derive(Clone)]
pub struct Running(Arc<RwLock<Assistants>>);

impl Running {
    pub fn new(assistants: Assistants) -> Self {
        Self(Arc::new(RwLock::new(assistants)))
    }

    /// Those of now. A call that has them keeps them.
    pub fn now(&self) -> Assistants {
        self.0.read().clone()
    }

    /// The next call gets these.
    pub fn exchange(&self, assistants: Assistants) {
        let before = std::mem::replace(&mut *self.0.write(), assistants);
        // Models that nobody needs any more go here, with the lock given back.
        drop(before);
    }
}

impl Assistants {
    /// Loads what the variants need, each different part once, and says in the log what that came to. What `before` has
    /// loaded is shared where its section is the same. Blocking.
    pub fn load(config: &Config, before: Option<&Self>) -> Result<Self> {
        let variants = super::of(config)?;
        let configs: Vec<&Config> = variants.iter().map(|variant| &variant.config).collect();
        let mut loaded = before.map(|before| before.loaded.clone()).unwrap_or_default();
        let engines = engines::build_all(&configs, &mut loaded)?;
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
        let assistants = Self {
            all: assistants.into(),
            loaded,
            name: config.assistant.name.clone(),
            has_variants: !config.variants.is_empty(),
        };
        let memory_mb = resident_mb();
        let (variants, voices) =
            (assistants.all.len(), assistants.different(|one| Arc::as_ptr(&one.tts).cast()));
        let language_models = assistants.different(|one| Arc::as_ptr(&one.llm).cast());
        let recognisers = assistants.different(|one| Arc::as_ptr(&one.stt).cast());
        tracing::info!(variants, recognisers, language_models, voices, memory_mb, "models are loaded");
        Ok(assistants)
    }

    /// Whom a call belongs to, and for good: by who calls, else by the call.
    pub fn of_call(&self, user: Option<&str>, call: &str) -> &Assistant {
        let weights: Vec<(&str, f64)> = self.all.iter().map(|one| (one.name.as_str(), one.weight)).collect();
        let place = assign::choose(&weights, user.unwrap_or(call)).unwrap_or_default();
        &self.all[place]
    }

    /// What the assistant is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The variants that share the calls; none where there is but the configuration itself.
    pub fn names(&self) -> Vec<String> {
        if !self.has_variants {
            return vec![];
        }
        self.all.iter().map(|one| one.name.clone()).collect()
    }

    /// What runs: role and card, each once.
    pub fn cards(&self) -> Vec<(&'static str, ModelCard)> {
        let mut cards: Vec<(&str, ModelCard)> = vec![];
        for card in self.all.iter().flat_map(|one| engines::cards(&one.engines)) {
            let is_known = |known: &(&str, ModelCard)| known == &card;
            if !cards.iter().any(is_known) {
                cards.push(card);
            }
        }
        cards
    }

    fn different(&self, part: fn(&Engines) -> *const ()) -> usize {
        let mut parts: Vec<*const ()> = self.all.iter().map(|one| part(&one.engines)).collect();
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
