//! The door: who may use the server, from which sites, and how much of it.
mod config;

pub use config::{AccessConfig, KeyLimits, Required};
