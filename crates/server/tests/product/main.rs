//! The product as its users meet it: the real binary, real models, real connections.
mod calls;
mod errors;
mod harness;
mod many_calls;
mod serving;
mod talk;
mod traces;
