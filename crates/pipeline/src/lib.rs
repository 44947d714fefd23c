//! The assistant itself: stages, turn-taking, the loop of a call. Knows no engine and no transport.
//!
//! Read `assistant.rs` first: it is the whole pipeline in order.
pub mod answer;
mod assistant;
mod books;
mod config;
mod conversation;
mod endpointing;
mod flow;
mod gate;
pub mod hints;
mod lines;
mod overlap;
mod pauses;
pub mod sentences;
mod session;
mod shown;
pub mod spans;
mod stages;
mod turn;
mod utterance;

pub use assistant::{Engines, Mouth, VoiceActivityFactory, listen, prepare, reply, say, understand};
pub use config::{AssistantConfig, ListeningConfig, PatienceConfig, Phrase, Strategy};
pub use conversation::{Action, Conversation, Exchange, Input, OpenedBy, Overlap, Rules, Ticket};
pub use endpointing::{Change, Decision, Endpointing, Outcome};
pub use flow::{Flow, FlowError, Inlet, Outlet, Running, Stage, StageError};
pub use gate::{Gate, Gateway, Keeper, gate};
pub use overlap::{InterruptionConfig, Meaning};
pub use session::{Settings, run};
pub use stages::{Heard, Moment, Played, Spoken, Transcription};
pub use turn::{TraceId, Turn};
