//! The assistant itself: stages, turn-taking, the loop of a call. Knows no engine and no transport.
//!
//! Read `assistant.rs` first: it is the whole pipeline in order.
mod assistant;
mod config;
mod conversation;
mod endpointing;
mod flow;
pub mod sentences;
mod session;
pub mod spans;
mod stages;
mod turn;

pub use assistant::{Ears, Engines, VoiceActivityFactory, listen, reply, say};
pub use config::{AssistantConfig, ListeningConfig};
pub use conversation::{Action, Conversation, Input};
pub use endpointing::{Change, Endpointing, Outcome};
pub use flow::{Flow, FlowError, Inlet, Outlet, Running, Stage, StageError};
pub use session::{Settings, run};
pub use stages::{Heard, Played, Sound, Spoken};
pub use turn::{TraceId, Turn};
