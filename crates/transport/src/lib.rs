//! A browser's WebRTC connection as a Call, and the protocols it speaks.
