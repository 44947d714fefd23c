//! The real model, where it is there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::sync::LazyLock;

use voce_core::TextToSpeech;
use voce_models::{Runtime, RuntimeConfig, Store};
use voce_tts::{Config, Kokoro};

/// A process loads ONNX Runtime once; none where the models are not.
static LOADED: LazyLock<Option<(Store, Runtime)>> = LazyLock::new(|| {
    let dir = voce_testkit::models(&["kokoro-82m-int8", "onnxruntime-cpu"])?;
    let store = Store::open(&voce_models::Config { dir: Some(dir), ..Default::default() }).unwrap();
    let runtime = Runtime::load(&store, &RuntimeConfig::default()).unwrap();
    Some((store, runtime))
});

fn load(voice: &str) -> Option<Kokoro> {
    let (store, runtime) = LOADED.as_ref()?;
    Some(Kokoro::load(&Config { voice: voice.into(), ..Config::default() }, store, runtime).unwrap())
}

#[tokio::test]
async fn kokoro_keeps_the_contract_of_a_voice() {
    let Some(kokoro) = load("af_heart") else { return };
    voce_testkit::contract::text_to_speech::text_to_speech(&kokoro).await;
}

#[test]
fn words_sound_when_the_voice_says_them() {
    let Some(kokoro) = load("bf_emma") else { return };
    let speech = kokoro.synthesize("One, two.").unwrap();
    let rate = f64::from(speech.rate_hz);
    let loudness = |from: f64, to: f64| {
        let samples = &speech.samples[(from * rate) as usize..(to * rate) as usize];
        (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len() as f32).sqrt()
    };
    let words = &speech.words;
    assert_eq!(words.len(), 2);
    // The quietest moment of the whole lies between the two words.
    let moments = (10..).map(|step| f64::from(step) * 0.01).take_while(|at| at + 0.1 < words[1].end_seconds);
    let quietest = moments.min_by(|a, b| loudness(*a, a + 0.02).total_cmp(&loudness(*b, b + 0.02))).unwrap();
    let pause = words[0].end_seconds - 0.04..words[1].start_seconds + 0.04;
    assert!(pause.contains(&quietest), "{quietest} s is not within {pause:?}");
    assert!(speech.phonemes.len() > 4);
}

#[test]
fn an_unknown_voice_is_an_error_that_lists_the_voices() {
    let Some((store, runtime)) = LOADED.as_ref() else { return };
    for name in ["af_nobody", "zf_xiaobei", "../x", ""] {
        let config = Config { voice: name.into(), ..Config::default() };
        let error = Kokoro::load(&config, store, runtime).err().expect("no such voice").to_string();
        assert!(error.contains("af_heart") && error.contains("bm_george"), "{error}");
    }
}

#[test]
fn a_very_long_text_is_spoken_to_its_end() {
    let Some(kokoro) = load("af_heart") else { return };
    let text =
        "The pump has a warranty of two years and the filter should be cleaned every month, ".repeat(8);
    let speech = kokoro.synthesize(&text).unwrap();
    assert_eq!(speech.words.len(), text.split_whitespace().count());
    assert!(speech.samples.len() > 20 * 24_000);
}

#[test]
fn a_second_voice_on_the_same_model_is_another_voice() {
    let Some(first) = load("af_heart") else { return };
    let (store, _) = LOADED.as_ref().unwrap();
    let second = first.with_voice(store, "bm_george", 1.0).unwrap();
    assert!(second.model().name.ends_with("bm_george"));
    assert_ne!(first.phonemes("The car park."), second.phonemes("The car park."), "the accent is British");
    let alone = load("bm_george").unwrap().synthesize("Good morning.").unwrap();
    assert_eq!(second.synthesize("Good morning.").unwrap().samples, alone.samples);
    assert!(first.with_voice(store, "af_nobody", 1.0).is_err());
    assert!(first.with_voice(store, "bm_george", 3.0).is_err());
}
