//! What tests share: fakes, engine contracts, replay of WAV files, a scripted WebRTC caller.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod audio;
pub mod contract;
pub mod fakes;
#[cfg(feature = "judge")]
pub mod judge_server;
#[cfg(feature = "mlflow")]
pub mod mlflow;
pub mod tools;
mod weights;

pub use audio::{clip, speech};
#[cfg(feature = "caller")]
pub use voce_caller as caller;
pub use weights::models;
