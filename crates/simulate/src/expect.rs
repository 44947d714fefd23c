//! What a scenario expects: of one turn, and of a whole call.
use std::collections::BTreeMap;

use serde::Deserialize;
use voce_core::EndReason;

use crate::fields::{Pattern, Texts, some_seconds};

/// `expect` of a turn. What is left out is not looked at, but that the turn ends as it should: `completed`, or
/// `interrupted` where the scenario interrupts it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TurnExpect {
    /// Words that the assistant must have understood, all of them.
    pub understood: Texts,
    /// Facts that the answer must hold as it was heard, all of them.
    pub contains: Texts,
    /// Facts of which the answer must hold at least one.
    pub contains_any: Texts,
    /// Regular expressions that must be found in the answer, all of them.
    pub matches: Vec<Pattern>,
    /// What the answer must not hold.
    pub lacks: Texts,
    /// Documents that must be among those that were retrieved; the end of their name is enough.
    pub sources: Texts,
    /// Tools that must have been called.
    pub tools: Texts,
    /// Whether the answer must have been cut short.
    pub interrupted: Option<bool>,
    /// How the turn must have ended.
    pub end_reason: Option<EndReason>,
    /// Longest time from the end of the caller's speech to the first sound of the answer, seconds.
    #[serde(deserialize_with = "some_seconds")]
    pub voice_to_voice_seconds: Option<f64>,
    /// Least score by metric.
    pub scores: BTreeMap<String, f64>,
}

/// `expect` of a call. Facts are looked for in all of its answers.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallExpect {
    /// Facts that the answers must hold, all of them.
    pub contains: Texts,
    /// Facts of which the answers must hold at least one.
    pub contains_any: Texts,
    /// Regular expressions that must be found in the answers, all of them.
    pub matches: Vec<Pattern>,
    /// What no answer must hold.
    pub lacks: Texts,
    /// Documents that must have been retrieved in some turn.
    pub sources: Texts,
    /// Tools that must have been called in some turn.
    pub tools: Texts,
    /// How many turns the caller must have had.
    pub turns: Option<usize>,
    /// How many turns the caller may have had.
    pub most_turns: Option<usize>,
    /// How many answers must have been cut short.
    pub interrupted: Option<usize>,
    /// How the last turn must have ended.
    pub end_reason: Option<EndReason>,
    /// Longest time from the end of the caller's speech to the first sound of the answer, seconds: in 95 of 100 turns of
    /// all calls of the scenario.
    #[serde(deserialize_with = "some_seconds")]
    pub voice_to_voice_seconds: Option<f64>,
    /// Least mean score of the call's answers by metric.
    pub scores: BTreeMap<String, f64>,
}
