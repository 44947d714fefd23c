//! Arbitrary text as an offer: the check before the parser lets through only what is small.
#![no_main]
use libfuzzer_sys::fuzz_target;
use voce_transport::strangers::check_offer;

fuzz_target!(|offer: &str| {
    match check_offer(offer) {
        Ok(()) => assert!(offer.lines().filter(|line| line.starts_with("m=")).count() <= 16),
        Err(reason) => assert!(reason.contains("expected"), "{reason}"),
    }
});
