//! What a judge file of each kind may hold. Whatever else stands in it is refused, with its place.
use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::{
    Message, Part, Passage,
    code::{Better, Matches, Of},
};

/// What decides how the rest is read.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) kind: Word,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    Model,
    Pattern,
    Budget,
    Language,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scale {
    pub(super) from: i64,
    pub(super) to: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelFile {
    #[serde(rename = "kind")]
    _kind: Word,
    pub(super) name: Spanned<String>,
    pub(super) version: Spanned<u32>,
    pub(super) scale: Option<Spanned<Scale>>,
    pub(super) needs: Option<Vec<Part>>,
    pub(super) rubric: Spanned<String>,
    #[serde(default)]
    pub(super) scores: BTreeMap<Spanned<String>, String>,
    #[serde(default)]
    pub(super) examples: Vec<ExampleFile>,
    pub(super) sees: Spanned<Vec<Part>>,
    pub(super) model: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExampleFile {
    pub(super) question: String,
    pub(super) answer: String,
    #[serde(default)]
    pub(super) generated: String,
    #[serde(default)]
    pub(super) history: Vec<Message>,
    pub(super) passages: Option<Vec<Passage>>,
    #[serde(default)]
    pub(super) end_reason: String,
    #[serde(default)]
    pub(super) figures: BTreeMap<Spanned<String>, f64>,
    pub(super) score: Spanned<i64>,
    pub(super) reason: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PatternFile {
    #[serde(rename = "kind")]
    _kind: Word,
    pub(super) name: Spanned<String>,
    pub(super) version: Spanned<u32>,
    pub(super) scale: Option<Spanned<Scale>>,
    pub(super) needs: Option<Vec<Part>>,
    #[serde(default)]
    pub(super) of: Of,
    pub(super) matches: Matches,
    pub(super) patterns: Spanned<Vec<PatternLine>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PatternLine {
    pub(super) regex: Spanned<String>,
    pub(super) means: String,
    pub(super) score: Option<Spanned<i64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BudgetFile {
    #[serde(rename = "kind")]
    _kind: Word,
    pub(super) name: Spanned<String>,
    pub(super) version: Spanned<u32>,
    pub(super) scale: Option<Spanned<Scale>>,
    pub(super) needs: Option<Vec<Part>>,
    pub(super) figure: Spanned<String>,
    #[serde(default)]
    pub(super) better: Better,
    pub(super) limits: Spanned<BTreeMap<Spanned<String>, f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LanguageFile {
    #[serde(rename = "kind")]
    _kind: Word,
    pub(super) name: Spanned<String>,
    pub(super) version: Spanned<u32>,
    pub(super) scale: Option<Spanned<Scale>>,
    pub(super) needs: Option<Vec<Part>>,
    pub(super) expected: Spanned<String>,
    #[serde(default)]
    pub(super) among: Vec<Spanned<String>>,
}
