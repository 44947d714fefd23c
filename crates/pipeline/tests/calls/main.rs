//! The pipeline with fakes for engines: whole calls in virtual time.
mod conversation;
mod harness;
mod spans;
