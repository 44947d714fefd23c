//! What a judge sees of a turn: read from its trace (`trace.rs`), or given as JSON.
use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

use crate::Part;

/// How an answer ends in the history that its hearer did not let come to its end.
pub const CUT: char = '—';

/// One turn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Turn {
    /// `tr-` and 32 hex digits; empty where there is no trace.
    pub trace_id: String,
    /// What the caller asked, as understood.
    pub question: String,
    /// The answer as far as it was heard.
    pub answer: String,
    /// The answer as the language model wrote it.
    pub generated: String,
    /// What was said before, oldest first. An answer that the caller cut off ends in a dash.
    pub history: Vec<Message>,
    /// What retrieval found; `None` where nothing was looked for.
    pub passages: Option<Vec<Passage>>,
    /// `completed`, `interrupted`, ...
    pub end_reason: String,
    /// Figures of the turn by name, e.g. `voice_to_voice_seconds`; see [`crate::FIGURES`] for all of them. Flags are 0
    /// or 1.
    pub figures: BTreeMap<String, f64>,
}

/// A message of the conversation so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// `user` or `assistant`.
    pub role: String,
    /// Its text.
    pub text: String,
}

/// A passage that retrieval found. In files also a bare text.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Passage {
    /// The document.
    pub source: String,
    /// Its text.
    pub text: String,
    /// How well it fits, as the search says.
    pub score: Option<f64>,
}

impl Turn {
    /// Whether the turn has this part.
    pub fn has(&self, part: Part) -> bool {
        match part {
            Part::Question => !self.question.trim().is_empty(),
            Part::Answer => !self.answer.trim().is_empty(),
            Part::History => !self.history.is_empty(),
            Part::Passages => self.passages.as_ref().is_some_and(|passages| !passages.is_empty()),
            Part::Retrieval => self.passages.is_some(),
            Part::Events => !self.end_reason.is_empty() || !self.figures.is_empty(),
            Part::Interruption => self.was_interrupted() || self.interrupts(),
        }
    }

    /// Whether the caller spoke into the answer and it ended there.
    pub fn was_interrupted(&self) -> bool {
        self.end_reason == "interrupted"
            || self.figures.get("interruptions").is_some_and(|count| *count > 0.0)
    }

    /// Whether the question is what the caller said into the answer before.
    fn interrupts(&self) -> bool {
        let before = self.history.iter().rfind(|message| message.role == "assistant");
        before.is_some_and(|message| message.text.trim_end().ends_with(CUT))
    }
}

impl<'de> Deserialize<'de> for Passage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PassageVisitor)
    }
}

struct PassageVisitor;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PassageFields {
    source: String,
    text: String,
    score: Option<f64>,
}

impl<'de> Visitor<'de> for PassageVisitor {
    type Value = Passage;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a passage: a text, or source, text and score")
    }

    fn visit_str<E>(self, text: &str) -> Result<Passage, E> {
        Ok(Passage { text: text.to_owned(), ..Passage::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Passage, A::Error> {
        let PassageFields { source, text, score } =
            PassageFields::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Passage { source, text, score })
    }
}
