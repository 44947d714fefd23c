//! Spoken clips for tests; `audio/README.md` says what they say.
use std::path::PathBuf;

/// The path of the clip `name`: `q1`, `q4` or `q9`.
pub fn clip(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("audio").join(format!("{name}.wav"))
}

/// The samples of the clip `name`, mono at 16 kHz.
pub fn speech(name: &str) -> Vec<f32> {
    let (samples, rate_hz) = voce_audio::read_wav(clip(name)).expect("the clip is part of the repository");
    assert_eq!(rate_hz, 16_000, "{name} is a clip of another rate");
    samples
}
