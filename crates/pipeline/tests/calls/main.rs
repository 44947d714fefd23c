//! The pipeline with fakes for engines: whole calls in virtual time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod context;
mod conversation;
mod grounding;
mod harness;
mod parts;
mod properties;
mod spans;
mod tools;
