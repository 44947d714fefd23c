//! The assistant itself: stages, turn-taking, the loop of a call. Knows no engine and no transport.
//!
//! Read `assistant.rs` first: it is the whole pipeline in order.
pub mod answer;
mod assistant;
mod books;
mod config;
mod context;
mod conversation;
mod endpointing;
mod flow;
mod follow_up;
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
mod tools;
mod turn;
mod utterance;

pub use assistant::{Engines, Mouth, VoiceActivityFactory, listen, prepare, reply, say, understand};
pub use config::{AssistantConfig, ListeningConfig, PatienceConfig, Phrase, Strategy};
pub use context::{Context, ContextConfig, Summarise};
pub use conversation::{
    Action, Called, Conversation, Exchange, Input, Known, OpenedBy, Overlap, Rules, Ticket,
};
pub use endpointing::{Change, Decision, Endpointing, Outcome};
pub use flow::{Flow, FlowError, Inlet, Outlet, Running, Stage, StageError};
pub use follow_up::looked_up_as;
pub use gate::{Gate, Gateway, Keeper, gate};
pub use overlap::{InterruptionConfig, Meaning};
pub use session::{Settings, run};
pub use stages::{Heard, Moment, Played, Spoken, Transcription};
pub use tools::{Consent, Desk, Hands, News, Told, consent};
pub use turn::{TraceId, Turn};
