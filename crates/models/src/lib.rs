//! The model store: what to fetch, from where, checked how; and the ONNX Runtime that runs it.
mod archive;
mod constant;
mod disk;
mod error;
mod flatbuffer;
mod fold;
mod hub;
mod manifest;
pub mod onnx;
mod ort_format;
mod places;
mod progress;
mod pull;
mod rebuild;
mod record;
mod registry;
mod runtime;
mod store;
mod web;

pub use error::ModelError;
pub use manifest::{HubFile, Manifest, Member, Model, ModelFile, Rebuild, Selection, Source};
pub use places::{Hub, Places};
pub use progress::{Bars, Lines, Progress, Silent, progress};
pub use pull::Pulled;
pub use rebuild::ort_to_onnx;
pub use runtime::{Device, Runtime, RuntimeConfig};
pub use store::{Config, Listed, State, Store, Verified};
