//! Calls over real UDP on the loopback interface, with the scripted caller at the far end.
#![expect(clippy::unwrap_used, reason = "a test may; clippy only knows those in functions marked as tests")]

mod door;
mod far_end;
mod leaks;
mod one_port;
mod relay;
mod server;
mod signalling;
mod sound;
