//! RTVI, the protocol of Pipecat's clients, as JSON on the data channel: our events become its messages, its messages
//! become requests to us. Beside it travels SmallWebRTC's own signalling, and its keep-alive, which is not JSON.
//!
//! What a caller does by hand comes as a `client-message`: `{"t": "push-to-talk", "d": {"pressed": true}}`, the same
//! with `false`, and `{"t": "interrupt"}`.
//!
//! `voce_caller::rtvi` is the inverse: what a message lost of its event would be lost to simulated callers. So beside the
//! protocol's own fields a message carries the turn it is about, and a line its place.
//!
//! Spoken with the message forms of protocol 1.4, which clients of 2.x understand too: a line of the answer is
//! announced as a `bot-output` that is not spoken yet, then each word follows as one that is.
mod message;
mod request;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod there_and_back;
mod told;

pub use message::{bot_ready, error_response, peer_left, server_response};
pub use request::{Request, request};
pub use told::messages;

/// The version named in `bot-ready`.
pub const VERSION: &str = "1.4.0";
/// What every message of the protocol is labelled with.
pub const LABEL: &str = "rtvi-ai";
const PUSH_TO_TALK: &str = "push-to-talk";
const INTERRUPT: &str = "interrupt";
