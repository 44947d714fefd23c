//! What the assistant can do beside speaking: tools that the language model calls.
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::EngineError;

/// A tool as the language model and the pipeline see it.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolDefinition {
    /// Letters, digits, `_` and `-`; at most 64.
    pub name: String,
    /// What it is good for, for the model.
    pub description: String,
    /// JSON schema of its arguments, an object.
    pub parameters: serde_json::Value,
    /// How it is called.
    pub policy: ToolPolicy,
}

/// How a tool is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolPolicy {
    /// A call that takes longer has failed.
    pub timeout: Duration,
    /// Said when a call takes longer than `filler_after`; empty: nothing.
    pub filler: String,
    /// How long a caller may wait in silence.
    pub filler_after: Duration,
    /// What becomes of a call when the caller interrupts.
    pub on_interruption: OnInterruption,
    /// Whether it changes anything in the world. Such a tool is not called for an answer that nobody may want yet.
    pub has_effects: bool,
    /// What the caller is asked before it is called, with `{argument}` in the place of arguments; none: nothing.
    pub confirm: Option<String>,
}

/// What becomes of a call when the caller interrupts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnInterruption {
    /// It is cancelled.
    #[default]
    Cancel,
    /// It goes on; what comes of it is known in the next turn.
    Finish,
}

/// One call as the model wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The model's own name for this call.
    pub id: String,
    /// The tool.
    pub name: String,
    /// JSON text, an object if the model kept to the schema.
    pub arguments: String,
}

/// A call and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolStep {
    /// The call.
    pub call: ToolCall,
    /// What the tool said, or why it failed, for the model.
    pub result: String,
    /// How it ended.
    pub outcome: ToolOutcome,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolOutcome {
    /// The tool answered.
    #[default]
    Done,
    /// It failed; the result says why.
    Failed,
    /// It took too long.
    TimedOut,
    /// The caller interrupted.
    Cancelled,
    /// The caller is to be asked first.
    Unconfirmed,
    /// The caller did not want it.
    Refused,
}

/// A set of tools.
pub trait Tools: Send + Sync + 'static {
    /// What there is now; a server may change its mind between two answers.
    fn definitions(&self) -> std::sync::Arc<[ToolDefinition]>;
    /// Calls one. Dropping the future cancels the call. The error is for the model and the trace: what failed and why.
    fn call(&self, call: ToolCall) -> BoxFuture<'static, Result<String, EngineError>>;
}

/// What is remembered of callers between their calls.
pub trait Memory: Send + Sync + 'static {
    /// What is remembered of `user`; empty if nothing is.
    fn recall(&self, user: String) -> BoxFuture<'static, Result<String, EngineError>>;
    /// Remembers `text` of `user` in the place of what was remembered; empty forgets.
    fn remember(&self, user: String, text: String) -> BoxFuture<'static, Result<(), EngineError>>;
}
