//! What tests share: fakes, engine contracts, replay of WAV files, a scripted WebRTC caller.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod audio;
#[cfg(feature = "caller")]
pub mod caller;
pub mod contract;
pub mod fakes;
#[cfg(feature = "mlflow")]
pub mod mlflow;
mod weights;

pub use audio::{clip, speech};
pub use weights::models;
