//! What tests share: fakes, engine contracts, replay of WAV files, a scripted WebRTC caller.
pub mod contract;
pub mod fakes;
pub mod mlflow;
mod weights;

pub use weights::models;
