//! A GGUF file in this process: candle reads the file, the arithmetic and the cache are our own.
mod ahead;
mod answerable;
mod asked;
mod engine;
mod ground;
mod kernels;
mod matrix;
mod network;
mod precedence;
mod quote;
mod slots;
mod template;
mod tokens;
mod whole;

pub use engine::{Candle, Speed};
pub use tokens::Tokens;
