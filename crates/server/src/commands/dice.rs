//! Chance from a seed, as simulated callers use it.
pub use voce_simulate::Dice;
