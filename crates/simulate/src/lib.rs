//! Simulated callers: scenarios, how they are spoken, and what is expected of the assistant.
//!
//! `scenario.rs` and `expect.rs` are the file, `plan.rs` one call drawn from it, `person.rs` who holds it over a
//! [`voce_core::FarEnd`] (in memory or over any transport), `check.rs` what was expected against what happened.
mod attention;
mod check;
mod dice;
mod expect;
mod facts;
mod fields;
mod junit;
pub mod noise;
mod outcome;
mod person;
mod persona;
mod phone;
mod plan;
mod record;
mod scenario;
mod track;
mod utterances;

pub use check::{Check, percentile};
pub use dice::Dice;
pub use expect::{CallExpect, TurnExpect};
pub use fields::{Pattern, Texts};
pub use junit::junit;
pub use outcome::{CallOutcome, ScenarioOutcome, Scorer, Scores};
pub use person::{Actor, hold};
pub use plan::{Nod, Plan, Utterance};
pub use record::{CallRecord, Exchange, ToolUse};
pub use scenario::{
    Backchannel, Interruption, Noise, NoiseKind, Pause, Persona, Scenario, ScenarioError, ScriptedTurn, When,
};
pub use track::{Track, TrackError};
pub use utterances::{Sound, SpeechError, Utterances, Voices};
