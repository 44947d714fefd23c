//! What came of a call.
use std::fmt;

use serde::Serialize;
use voce_core::{ToolOutcome, TurnReport};

/// One call that was held.
#[derive(Clone, Debug, Serialize)]
pub struct CallRecord {
    /// Which call of the scenario, from 1.
    pub call: u32,
    /// Its name in traces: the session id.
    pub id: String,
    /// Who spoke.
    pub voice: String,
    /// What the caller said, and what came of it.
    pub exchanges: Vec<Exchange>,
    /// All turns in order, also those that answer nothing that was planned (a greeting).
    pub turns: Vec<TurnReport>,
    /// Tools that were called, in the order in which the calls ended.
    pub tools: Vec<ToolUse>,
    /// Why the call did not get to its end.
    pub trouble: Option<String>,
    /// How long it took.
    pub seconds: f64,
}

/// Something that the caller said, and what came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Exchange {
    /// What the caller said.
    pub said: String,
    /// Whether it was said into the answer before, to stop it.
    pub interrupts: bool,
    /// What was said into the answer without meaning to stop it.
    pub backchannel: Option<String>,
    /// The turn that answers it, where there is one.
    pub turn: Option<TurnReport>,
    /// Tools that were called for the answer.
    pub tools: Vec<ToolUse>,
    /// Why it did not go as planned.
    pub trouble: Option<String>,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ToolUse {
    /// Which tool.
    pub name: String,
    /// How it ended.
    pub outcome: ToolOutcome,
}

impl Exchange {
    /// The answer as far as it was heard; empty without one.
    pub fn heard(&self) -> &str {
        self.turn.as_ref().map_or("", |turn| &turn.heard)
    }
}

impl fmt::Display for ToolUse {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let outcome = match self.outcome {
            ToolOutcome::Done => "answered",
            ToolOutcome::Failed => "failed",
            ToolOutcome::TimedOut => "took too long",
            ToolOutcome::Cancelled => "was cancelled",
            ToolOutcome::Unconfirmed => "was not confirmed",
            ToolOutcome::Refused => "was refused",
        };
        write!(out, "{:?} {outcome}", self.name)
    }
}

impl CallRecord {
    /// The call as it can be read: who said what, and how the assistant understood it.
    pub fn transcript(&self) -> String {
        let mut text = format!("call {} ({}, session {})\n", self.call, self.voice, self.id);
        for (number, exchange) in (1..).zip(&self.exchanges) {
            let into = if exchange.interrupts { " (into the answer)" } else { "" };
            text += &format!("{number}. caller{into}: {}\n", exchange.said);
            if let Some(nod) = &exchange.backchannel {
                text += &format!("   caller, while the assistant speaks: {nod}\n");
            }
            if let Some(turn) = &exchange.turn {
                text += &format!("   understood: {}\n   assistant: {}\n", turn.question, turn.heard);
                let sources: Vec<&str> =
                    turn.passages.iter().map(|passage| passage.source.as_str()).collect();
                let waited =
                    turn.voice_to_voice_seconds.map_or_else(|| "-".into(), |waited| format!("{waited:.3} s"));
                let (ended, sources) = (turn.end_reason.as_str(), sources.join(", "));
                text += &format!("   {ended}; voice to voice {waited}; sources: {sources}\n");
            }
            for tool in &exchange.tools {
                text += &format!("   tool {tool}\n");
            }
            if let Some(trouble) = &exchange.trouble {
                text += &format!("   {trouble}\n");
            }
        }
        if let Some(trouble) = &self.trouble {
            text += &format!("{trouble}\n");
        }
        text
    }
}
