//! The product as its users meet it: the real binary, real models, real connections.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod calls;
mod chaos;
mod errors;
mod harness;
mod many_calls;
mod serving;
mod talk;
mod traces;
mod turn_taking;
