//! Silero and Smart Turn on the real models: the contracts, and the same answers as pipecat-ai 1.14 gives.
//!
//! `pipecat.json` holds those: for each clip of the testkit the probability that the turn is over after it and after
//! its first half (`LocalSmartTurnAnalyzerV3`), and the probability of speech in each 32 ms (`SileroOnnxModel`, whose
//! state is not reset).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::collections::BTreeMap;

use serde::Deserialize;
use voce_core::EndOfTurn;
use voce_models::{Runtime, RuntimeConfig, Store};
use voce_testkit::{contract, models, speech};
use voce_turn::{Config, Silero, SmartTurn, build_end_of_turn, build_vad_factory};

#[derive(Deserialize)]
struct Reference {
    finished: f32,
    half: f32,
    speech: Vec<f32>,
}

fn references() -> BTreeMap<String, Reference> {
    serde_json::from_str(include_str!("pipecat.json")).unwrap()
}

fn ready() -> Option<(Store, Runtime)> {
    models(&["onnxruntime-cpu", "silero-vad", "smart-turn-v3.2"])?;
    let store = Store::open(&voce_models::Config::default()).unwrap();
    let runtime = Runtime::load(&store, &RuntimeConfig::default()).unwrap();
    Some((store, runtime))
}

#[test]
fn silero_keeps_the_contract_of_voice_activity() {
    let Some((store, runtime)) = ready() else { return };
    let new_call = build_vad_factory(&Config::default(), &store, &runtime).unwrap();
    contract::voice_activity::voice_activity(|| new_call().unwrap(), &speech("q1"));
}

#[test]
fn smart_turn_keeps_the_contract_of_end_of_turn() {
    let Some((store, runtime)) = ready() else { return };
    let model = build_end_of_turn(&Config::default(), &store, &runtime).unwrap();
    let finished = speech("q4");
    contract::end_of_turn::end_of_turn(&*model, &finished, &finished[..finished.len() / 2]);
}

#[test]
fn silero_hears_what_pipecat_hears_until_it_clears_its_state() {
    let Some((store, runtime)) = ready() else { return };
    let path = store.file("silero-vad", "silero_vad.onnx").unwrap();
    let silero = Silero::load(&path, &runtime).unwrap();
    for (clip, reference) in references() {
        let mut call = silero.for_new_call().unwrap();
        for (chunk, expected) in speech(&clip).chunks_exact(512).zip(&reference.speech) {
            let probability = call.listen(chunk).unwrap();
            // A state that was cleared, in the silence at the end, hears silence a little differently.
            let near = (probability - expected).abs() < 1e-3 || (probability < 0.1 && *expected < 0.1);
            assert!(near, "{clip}: {probability}, pipecat {expected}");
        }
    }
}

#[test]
fn smart_turn_judges_as_pipecat_does() {
    let Some((store, runtime)) = ready() else { return };
    let path = store.file("smart-turn-v3.2", "smart-turn-v3.2-cpu.onnx").unwrap();
    let model = SmartTurn::load(&path, 1, "smart-turn-v3.2", &runtime).unwrap();
    for (clip, reference) in references() {
        let sound = speech(&clip);
        for (sound, expected) in
            [(&sound[..], reference.finished), (&sound[..sound.len() / 2], reference.half)]
        {
            let probability = model.probability(sound).unwrap();
            assert!((probability - expected).abs() < 1e-3, "{clip}: {probability}, pipecat {expected}");
        }
    }
}

#[test]
fn speech_is_heard_again_after_a_minute_of_music() {
    let Some((store, runtime)) = ready() else { return };
    let path = store.file("silero-vad", "silero_vad.onnx").unwrap();
    let mut call = Silero::load(&path, &runtime).unwrap();
    let chord = |index: usize| {
        let time = index as f32 / 16_000.0;
        [220.0, 277.2, 329.6].iter().map(|hertz| (std::f32::consts::TAU * hertz * time).sin() * 0.1).sum()
    };
    let music: Vec<f32> = (0..60 * 16_000).map(chord).collect();
    call.listen(&music).unwrap();
    let heard = speech("q1").chunks_exact(512).filter(|chunk| call.listen(chunk).unwrap() > 0.5).count();
    assert!(heard > 50, "{heard} of 89 chunks");
}

#[test]
fn a_missing_model_is_named_with_its_remedy() {
    let Some((store, runtime)) = ready() else { return };
    let config = Config { end_of_turn_model: "no-such-model".into(), ..Config::default() };
    let error = build_end_of_turn(&config, &store, &runtime).err().unwrap().to_string();
    assert!(error.contains("smart_turn") && error.contains("no-such-model"), "{error}");
}
