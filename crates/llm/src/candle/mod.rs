//! A GGUF file in this process: candle reads the file, the arithmetic and the cache are our own.
mod engine;
mod kernels;
mod matrix;
mod network;
mod quote;
mod slots;
mod template;
mod tokens;

pub use engine::{Candle, Speed};
