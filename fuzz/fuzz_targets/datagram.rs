//! Arbitrary bytes on the UDP port: a user name is found within them or not at all.
#![no_main]
use libfuzzer_sys::fuzz_target;
use voce_transport::strangers::receiver_ufrag;

fuzz_target!(|datagram: &[u8]| {
    if let Some(ufrag) = receiver_ufrag(datagram) {
        assert!(!ufrag.contains(':'));
        assert!(datagram.windows(ufrag.len().max(1)).any(|part| part == ufrag.as_bytes()) || ufrag.is_empty());
    }
});
