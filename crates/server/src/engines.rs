//! Builds every engine as configured, for one configuration or for several that share what they have in common.
use std::{sync::Arc, thread::ScopedJoinHandle};

use anyhow::{Context, Result, anyhow};
use tokio::runtime::Handle;
use voce_core::{EndOfTurn, EngineError, LanguageModel, ModelCard, Prompt, SpeechToText, Tools};
use voce_models::{Runtime, Store};
use voce_pipeline::{Engines, VoiceActivityFactory};
use voce_tools::Toolbox;

use crate::config::Config;

/// What is loaded, each part with the section that it was loaded for. What is loaded later shares it where that is equal.
#[derive(Clone, Default)]
pub struct Loaded {
    foundation: Option<(Store, Runtime)>,
    turn: Parts<voce_turn::Config, (VoiceActivityFactory, Arc<dyn EndOfTurn>)>,
    stt: Parts<voce_stt::Config, Arc<dyn SpeechToText>>,
    knowledge: voce_rag::Loaded,
    llm: Parts<voce_llm::Config, Arc<dyn LanguageModel>>,
    tts: voce_tts::Loaded,
    tools: Parts<voce_tools::Config, Option<Arc<Toolbox>>>,
}

type Parts<S, T> = Vec<(S, T)>;

/// Loads all engines. Blocking and slow: seconds for the models, once.
///
/// The error says which part could not load, why, and what to do about it.
pub fn build(config: &Config) -> Result<Engines> {
    build_all(&[config], &mut Loaded::default())?.pop().context("no configuration was given")
}

/// The engines of each configuration, in their order. Parts whose section is equal are one, so ten prompts cost the
/// models of one; voices of a model and thresholds of a knowledge base share it too. The same holds for what is in `loaded`,
/// which afterwards has what was built here; after an error it is of no use. Blocking.
pub fn build_all(configs: &[&Config], loaded: &mut Loaded) -> Result<Vec<Engines>> {
    let Some(first) = configs.first() else { return Ok(vec![]) };
    let (store, runtime) = match &loaded.foundation {
        Some(foundation) => foundation.clone(),
        None => foundation(first)?,
    };
    let known_models: Vec<voce_llm::Config> = loaded.llm.iter().map(|(config, _)| config.clone()).collect();
    let Loaded { turn, stt, knowledge, llm, tts, tools, .. } = &mut *loaded;
    // What was ignored before may count now.
    tools.retain(|(_, toolbox)| toolbox.is_some());
    // First of all: MCP servers start while the models load.
    let tools = each(configs, |all| &all.tools, tools, toolbox)?;
    // Callers are the same, whichever variant answers them.
    let memory = crate::memory::of(first)?;
    // The parts load side by side: most of their time is reading files and warming up, each on one thread.
    let engines: Vec<Engines> = std::thread::scope(|scope| {
        let knowledge =
            scope.spawn(|| voce_rag::build_all(&sections(configs, |all| &all.knowledge), &store, knowledge));
        let llm = scope.spawn(|| {
            each(
                configs,
                |all| &all.llm,
                llm,
                |llm, sharing| {
                    let prompts: Vec<&str> = sharing.iter().map(|config| system_prompt(config)).collect();
                    voce_llm::build_for(llm, &store, &prompts)
                },
            )
        });
        let tts =
            scope.spawn(|| voce_tts::build_all(&sections(configs, |all| &all.tts), &store, &runtime, tts));
        let turn = each(
            configs,
            |all| &all.turn,
            turn,
            |turn, _| {
                let voice_activity = voce_turn::build_vad_factory(turn, &store, &runtime)?;
                Ok((voice_activity, voce_turn::build_end_of_turn(turn, &store, &runtime)?))
            },
        )?;
        let stt = each(configs, |all| &all.stt, stt, |stt, _| voce_stt::build(stt, &store, &runtime))?;
        let knowledge = joined(knowledge, "the knowledge base")?;
        let llm = joined(llm, "the language model")?;
        let tts = joined(tts, "the voice")?;
        for toolbox in tools.iter().flatten() {
            Handle::current().block_on(toolbox.ready());
        }
        let parts = turn.into_iter().zip(stt).zip(knowledge).zip(llm).zip(tts).zip(tools);
        let engines = |(((((turn, stt), knowledge), llm), tts), tools): (_, Option<Arc<Toolbox>>)| {
            let (voice_activity, end_of_turn) = turn;
            Engines {
                voice_activity,
                end_of_turn,
                stt,
                knowledge,
                llm,
                tts,
                tools: tools.map(|tools| tools as Arc<dyn Tools>),
                memory: memory.clone(),
            }
        };
        anyhow::Ok(parts.map(engines).collect())
    })?;
    // A model that is loaded for a prompt reads it at once; one that was there before reads it here.
    for (config, engines) in
        configs.iter().zip(&engines).filter(|(config, _)| known_models.contains(&config.llm))
    {
        let prompt = Prompt { system: system_prompt(config).to_owned(), ..Prompt::default() };
        Handle::current().block_on(engines.llm.prepare(prompt))?;
    }
    loaded.foundation = Some((store, runtime));
    Ok(engines)
}

/// The tools of a section, if it has any.
fn toolbox(tools: &voce_tools::Config, sharing: &[&Config]) -> Result<Option<Arc<Toolbox>>, EngineError> {
    if tools.is_empty() {
        return Ok(None);
    }
    if sharing.iter().all(|config| config.llm.engine == voce_llm::Engine::Candle) {
        tracing::warn!(
            "[tools] is ignored: the language model in this process calls none; set llm.engine = \"openai\""
        );
        return Ok(None);
    }
    Toolbox::start(tools, &Handle::current()).map(Some)
}

/// One part for each configuration, loaded once for each different section that `loaded` does not have. `load` is told which
/// configurations share it. Afterwards `loaded` has these parts and no others.
fn each<'a, S: PartialEq + Clone, T: Clone>(
    configs: &[&'a Config],
    section: fn(&'a Config) -> &'a S,
    loaded: &mut Parts<S, T>,
    load: impl Fn(&S, &[&'a Config]) -> Result<T, EngineError>,
) -> Result<Vec<T>, EngineError> {
    let mut now: Parts<S, T> = vec![];
    let mut all = vec![];
    for config in configs {
        let own = section(config);
        let known = now.iter().chain(&*loaded).find(|(other, _)| other == own).map(|(_, part)| part.clone());
        let part = match known {
            Some(part) => part,
            None => {
                let sharing: Vec<&Config> =
                    configs.iter().copied().filter(|other| section(other) == own).collect();
                load(own, &sharing)?
            }
        };
        now.push((own.clone(), part.clone()));
        all.push(part);
    }
    *loaded = now;
    Ok(all)
}

fn sections<'a, S>(configs: &[&'a Config], section: fn(&'a Config) -> &'a S) -> Vec<&'a S> {
    configs.iter().map(|config| section(config)).collect()
}

fn joined<T>(loading: ScopedJoinHandle<'_, Result<T, EngineError>>, what: &str) -> Result<T> {
    Ok(loading.join().map_err(|_| anyhow!("loading {what} panicked"))??)
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn equal_sections_are_loaded_once_and_told_who_shares_them() {
        let plain = Config::default();
        let mut calm = plain.clone();
        calm.assistant.system_prompt = "Be calm.".into();
        let mut other = plain.clone();
        other.llm.max_tokens += 1;
        let (loads, mut loaded) = (Cell::new(0), vec![]);
        let mut load = |configs: &[&'static Config]| {
            let parts = each(
                configs,
                |all| &all.llm,
                &mut loaded,
                |llm, sharing| {
                    loads.set(loads.get() + 1);
                    Ok((
                        llm.max_tokens,
                        sharing.iter().map(|one| system_prompt(one).len()).collect::<Vec<_>>(),
                    ))
                },
            );
            parts.expect("nothing fails")
        };
        // Kept to the end of the process, as sections are borrowed.
        let [plain, calm, other] = [plain, calm, other].map(|config| &*Box::leak(Box::new(config)));
        let parts = load(&[plain, other, calm]);
        assert_eq!(loads.get(), 2);
        assert_eq!((&parts[0], parts[0].1.len()), (&parts[2], 2));
        assert_eq!((parts[1].0, parts[1].1.len()), (plain.llm.max_tokens + 1, 1));
        // What is there already is not loaded again, and what is no longer wanted is let go.
        assert_eq!(load(&[calm])[0], parts[0]);
        assert_eq!(loads.get(), 2);
        load(&[other]);
        assert_eq!(loads.get(), 3);
    }
}
