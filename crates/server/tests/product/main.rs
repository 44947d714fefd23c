//! The product as its users meet it: the real binary, real models, real connections.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod access;
mod calibrate;
mod calls;
mod content;
mod disk;
mod drain;
mod errors;
mod grounding;
mod harness;
mod inspector;
mod judging;
mod knowledge;
mod many_calls;
mod memory;
mod metrics;
mod mlflow_pages;
mod observability;
mod postgres;
mod replay;
mod report;
mod scripted_model;
#[allow(dead_code, reason = "the chaos test needs more of it")]
mod serving;
mod simulate;
mod talk;
mod tools;
mod traces;
mod turn_taking;
