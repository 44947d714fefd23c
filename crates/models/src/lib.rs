//! The model store: what to fetch, from where, checked how; and the ONNX Runtime that runs it.
pub mod onnx;
mod runtime;
mod store;

pub use runtime::{Device, Runtime, RuntimeConfig};
pub use store::{Config, ModelError, Store};
