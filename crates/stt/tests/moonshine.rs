//! Moonshine on its real weights.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use voce_models::{Runtime, RuntimeConfig, Store};
use voce_stt::{Config, Engine, Recognizer, build, load};
use voce_testkit::{contract, models, speech};

fn ready() -> Option<(Store, Runtime)> {
    models(&["onnxruntime-cpu", "moonshine-base-en"])?;
    let store = Store::open(&voce_models::Config::default()).unwrap();
    let runtime = Runtime::load(&store, &RuntimeConfig::default()).unwrap();
    Some((store, runtime))
}

fn moonshine() -> Option<Recognizer> {
    let (store, runtime) = ready()?;
    let config = Config { engine: Some(Engine::Moonshine), ..Config::default() };
    Some(load(&config, &store, &runtime).unwrap())
}

#[tokio::test]
async fn moonshine_keeps_the_contract_of_speech_to_text() {
    let Some((store, runtime)) = ready() else { return };
    let config = Config { engine: Some(Engine::Moonshine), ..Config::default() };
    let engine = build(&config, &store, &runtime).unwrap();
    assert_eq!(engine.model().name, "moonshine-base-en");
    contract::speech_to_text::speech_to_text(engine, &speech("q1")).await;
}

#[test]
fn the_clips_are_understood() {
    let Some(moonshine) = moonshine() else { return };
    for (clip, words) in [
        ("q1", "What is the warranty period for the water pump?"),
        ("q4", "Can I return the machine after 30 days if the box has been opened?"),
    ] {
        let heard = moonshine.transcribe_samples(&speech(clip)).unwrap();
        assert_eq!((heard.text.as_str(), heard.retries), (words, 0));
    }
    let heard = moonshine.transcribe_samples(&speech("q9")).unwrap();
    assert!(
        heard.text.starts_with("The display shows E17 and the motor makes a strange noise"),
        "{}",
        heard.text
    );
}

#[test]
fn quiet_and_hurried_speech_is_understood_too() {
    let Some(moonshine) = moonshine() else { return };
    let sound = speech("q1");
    let quiet: Vec<f32> = sound.iter().map(|sample| sample * 0.01).collect();
    let heard = moonshine.transcribe_samples(&quiet).unwrap();
    assert!(heard.text.to_lowercase().contains("warranty period"), "{heard:?}");
    // Cut hard before the first and after the last sound.
    let loud = |sample: &f32| sample.abs() > 0.02;
    let (start, end) = (sound.iter().position(loud).unwrap(), sound.iter().rposition(loud).unwrap());
    let heard = moonshine.transcribe_samples(&sound[start..end]).unwrap();
    assert!(heard.text.to_lowercase().contains("warranty period"), "{heard:?}");
}

#[test]
fn sound_that_ends_right_behind_the_last_word_is_heard_to_its_end_and_once() {
    let Some(moonshine) = moonshine() else { return };
    let sound = speech("opening_hours");
    let last = sound.iter().rposition(|sample| sample.abs() > 0.01).unwrap();
    for behind_ms in [20, 40, 60] {
        let heard = moonshine.transcribe_samples(&sound[..last + 16 * behind_ms]).unwrap();
        assert_eq!(heard.text, "The opening hours of the shop.", "{behind_ms} ms behind the last sound");
    }
}

#[test]
fn sound_without_words_gives_few_tokens_and_no_panic() {
    let Some(moonshine) = moonshine() else { return };
    let noise =
        (0..48_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 16) as f32 / 65_536.0 - 0.5);
    let noise: Vec<f32> = noise.collect();
    let click: Vec<f32> = (0..400).map(|index| if index == 200 { 1.0 } else { 0.0 }).collect();
    for sound in [&noise[..], &noise[..700], &noise[..9_000], &click, &[0.3; 16_000]] {
        let heard = moonshine.transcribe_samples(sound).unwrap();
        assert!(heard.tokens.len() <= 30, "{heard:?}");
    }
    let silence = moonshine.transcribe_samples(&[0.0; 600 * 16_000]).unwrap();
    assert_eq!((silence.text.as_str(), silence.retries), ("", 0));
}

#[test]
fn long_speech_is_heard_in_pieces() {
    let Some(moonshine) = moonshine() else { return };
    let long: Vec<f32> = ["q9", "q4", "q1", "q9", "q4", "q1"].into_iter().flat_map(speech).collect();
    let heard = moonshine.transcribe_samples(&long).unwrap();
    for words in ["E17", "30 days", "water pump"] {
        assert_eq!(heard.text.matches(words).count(), 2, "{}", heard.text);
    }
}

#[test]
fn without_a_configuration_the_recogniser_is_the_one_in_the_store() {
    let Some((store, runtime)) = ready() else { return };
    let parakeet = store.model_dir("parakeet-tdt-0.6b-v2").is_dir();
    let recognizer = load(&Config::default(), &store, &runtime).unwrap();
    let name = &voce_core::SpeechToText::model(&recognizer).name;
    assert!(parakeet || name == "moonshine-base-en", "{name}");
    let absent = Config { engine: Some(Engine::Parakeet), ..Config::default() };
    if !parakeet {
        let error = load(&absent, &store, &runtime).err().unwrap().to_string();
        assert!(error.contains("voce models pull parakeet-tdt-0.6b-v2"), "{error}");
    }
    let unknown = Config { model: Some("no-such-model".into()), ..Config::default() };
    assert!(load(&unknown, &store, &runtime).err().unwrap().to_string().contains("no-such-model"));
}
