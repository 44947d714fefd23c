//! Arbitrary bytes as a WAV file: whatever comes of them are numbers, and not more than the bytes can hold.
#![no_main]
use libfuzzer_sys::fuzz_target;
use voce_audio::parse_wav;

fuzz_target!(|file: &[u8]| {
    if let Ok((samples, rate_hz)) = parse_wav(file, "fuzz") {
        assert!(samples.len() <= file.len() && (1_000..=768_000).contains(&rate_hz));
        assert!(samples.iter().all(|sample| sample.is_finite()));
    }
});
