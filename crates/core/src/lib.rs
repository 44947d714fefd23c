//! The vocabulary of a voice assistant: frames, engine traits, calls and events. No I/O, no model, no task.
mod call;
mod engines;
mod event;
mod frames;
mod report;
mod tools;
mod wait;

pub use call::{CONTROLS, Call, Control, FarEnd, Recorder, SPEAKER_FRAMES, Speaker, in_memory};
pub use engines::{
    EndOfTurn, EngineError, Knowledge, LanguageModel, ModelCard, Output, SpeechToText, TextToSpeech,
    VoiceActivity, measured_steps, steps,
};
pub use event::{EndReason, Event};
pub use frames::{
    AudioFrame, Line, MICROPHONE_RATE_HZ, MediaTime, Message, Part, Passage, Phoneme, Piece, Prompt, Speech,
    SpokenWord, Text, Token, Transcript, TurnId, Usage,
};
pub use report::TurnReport;
pub use tools::{Memory, OnInterruption, ToolCall, ToolDefinition, ToolOutcome, ToolPolicy, ToolStep, Tools};
pub use wait::{Wait, lock, on_wait, waited, waited_so_far};
