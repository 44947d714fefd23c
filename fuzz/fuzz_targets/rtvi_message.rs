//! Arbitrary text on the data channel of a call: it is understood or refused with words, and what is refused is not
//! longer than what came.
#![no_main]
use libfuzzer_sys::fuzz_target;
use voce_transport::strangers::{Request, request};

fuzz_target!(|text: &str| {
    if let Request::Unsupported { reason, .. } = request(text) {
        assert!(!reason.is_empty());
        // Escaped letters and our own words.
        assert!(reason.len() <= 10 * text.len() + 1_000, "{} bytes of refusal for {}", reason.len(), text.len());
    }
});
