//! Makes the spoken questions that tests all over the repository ask: `crates/testkit/audio/*.wav`, 16 kHz,
//! mono, 16 bit, 0.3 s of silence in front and 0.8 s behind. Run from the repository root, only to make them
//! anew: `cargo run --release -p voce-tts --example questions`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::error::Error;

use voce_models::{Runtime, RuntimeConfig, Store};
use voce_tts::{Config, Kokoro};

const QUESTIONS: [(&str, &str, &str); 3] = [
    ("warranty", "af_heart", "What is the warranty period for the water pump?"),
    ("hours", "am_michael", "What are the opening hours on Saturday?"),
    ("filter", "bf_emma", "How often should I clean the filter?"),
];
const RATE_HZ: u32 = 16_000;

fn main() -> Result<(), Box<dyn Error>> {
    let store = Store::open(&voce_models::Config::default())?;
    let runtime = Runtime::load(&store, &RuntimeConfig::default())?;
    for (name, voice, question) in QUESTIONS {
        let config = Config { voice: voice.into(), ..Config::default() };
        let speech = Kokoro::load(&config, &store, &runtime)?.synthesize(question)?;
        let spoken = voce_audio::resample(&speech.samples, speech.rate_hz, RATE_HZ)?;
        let silence = |seconds: f64| vec![0.0; (f64::from(RATE_HZ) * seconds) as usize];
        let samples = [silence(0.3), spoken, silence(0.8)].concat();
        let path = format!("crates/testkit/audio/{name}_{voice}.wav");
        voce_audio::write_wav(&path, &samples, RATE_HZ)?;
        println!("{path}: {:.2} s, {question:?}", samples.len() as f64 / f64::from(RATE_HZ));
    }
    Ok(())
}
