//! One scenario: a YAML file that says what callers do and what is expected of the assistant.
//!
//! `config/scenarios/` explains the format by example.
use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use crate::{
    expect::{CallExpect, TurnExpect},
    fields::{self, Texts},
};

/// Why a file is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// It cannot be read.
    #[error("cannot read the scenario {}: {reason}", file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// It says something that is not understood.
    #[error("{}:{line}:{column}: {reason}", file.display())]
    Format {
        /// Which.
        file: PathBuf,
        /// From 1.
        line: u64,
        /// From 1.
        column: u64,
        /// What is wrong and what was expected.
        reason: String,
    },
}

/// What callers do and what is expected of the assistant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called in reports; also the start of its calls' session ids.
    #[serde(deserialize_with = "fields::text")]
    pub name: String,
    /// Calls, unless the command line says how many.
    #[serde(default = "one", deserialize_with = "fields::count")]
    pub calls: u32,
    /// Who speaks: the calls take these voices in turn, from one that the seed draws. Voices have accents.
    #[serde(default = "usual_voice")]
    pub voices: Texts,
    /// How fast they speak, 0.5 to 2; 1 is natural.
    #[serde(default = "natural", deserialize_with = "fields::speed")]
    pub speed: f64,
    /// What sounds behind the caller, throughout the call.
    #[serde(default)]
    pub noise: Option<Noise>,
    /// A folder of documents, seen from the scenario's file, that answers stand on in its calls. None: the configured
    /// knowledge base.
    #[serde(default)]
    pub knowledge: Option<PathBuf>,
    /// How long a caller waits for an answer to begin and end, seconds.
    #[serde(default = "patience", deserialize_with = "fields::seconds")]
    pub patience_seconds: f64,
    /// What a caller says, one after the other, each when the last answer is over.
    #[serde(default)]
    pub turns: Vec<Spanned<ScriptedTurn>>,
    /// In place of `turns`: who the caller is; a language model plays them.
    #[serde(default)]
    pub persona: Option<Persona>,
    /// What is expected of each call.
    #[serde(default)]
    pub expect: CallExpect,
}

/// One thing that a caller says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedTurn {
    /// Its words; of several wordings the seed draws one for each call.
    pub say: Texts,
    /// Quiet before it, seconds.
    #[serde(default = "moment", deserialize_with = "fields::seconds")]
    pub wait: f64,
    /// A break in mid-sentence.
    #[serde(default)]
    pub pause: Option<Pause>,
    /// What the caller says into the answer to show that they listen; it must not stop the answer.
    #[serde(default)]
    pub backchannel: Option<Backchannel>,
    /// What the caller says into the answer to stop it.
    #[serde(default)]
    pub interrupt: Option<Interruption>,
    /// What is expected of the answer.
    #[serde(default)]
    pub expect: TurnExpect,
}

/// A break in mid-sentence.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// How many words come before it.
    #[serde(deserialize_with = "fields::count")]
    pub after_words: u32,
    /// How long it is.
    #[serde(deserialize_with = "fields::seconds")]
    pub seconds: f64,
}

/// A nod in words.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backchannel {
    /// Its words, or several to draw from.
    pub say: Texts,
    /// Words of the answer that are heard before it.
    #[serde(default)]
    pub after_words: Option<u32>,
    /// Seconds of the answer that are heard before it.
    #[serde(default, deserialize_with = "fields::some_seconds")]
    pub after_seconds: Option<f64>,
}

/// What stops an answer. It is a turn of its own, with its own answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interruption {
    /// Its words, or several wordings to draw from.
    pub say: Texts,
    /// Words of the answer that are heard before it.
    #[serde(default)]
    pub after_words: Option<u32>,
    /// Seconds of the answer that are heard before it.
    #[serde(default, deserialize_with = "fields::some_seconds")]
    pub after_seconds: Option<f64>,
    /// What is expected of the answer to it.
    #[serde(default)]
    pub expect: TurnExpect,
}

/// A caller who is played by a language model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Persona {
    /// Who they are, in words for the model: "a pensioner who hears badly".
    #[serde(deserialize_with = "fields::text")]
    pub who: String,
    /// What they want to have reached before they hang up.
    #[serde(deserialize_with = "fields::text")]
    pub goal: String,
    /// What they say first, as they say it. None: the model begins.
    #[serde(default)]
    pub opening: Texts,
    /// After so many turns they hang up in any case.
    #[serde(default = "six", deserialize_with = "fields::count")]
    pub most_turns: u32,
}

/// What sounds behind a caller.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noise {
    /// Of what kind.
    pub kind: NoiseKind,
    /// How much louder the caller is, decibels.
    #[serde(deserialize_with = "fields::decibels")]
    pub snr_db: f64,
}

/// Kinds of noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseKind {
    /// A bad line.
    White,
    /// Traffic, wind, a fan.
    Pink,
    /// Other people who speak.
    Babble,
}

/// When something is said into an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// So many of its words were heard.
    Words(u32),
    /// It has sounded for so many seconds.
    Seconds(f64),
}

impl When {
    fn of(words: Option<u32>, seconds: Option<f64>) -> Option<Self> {
        match (words, seconds) {
            (Some(words), None) => Some(Self::Words(words)),
            (None, Some(seconds)) => Some(Self::Seconds(seconds)),
            _ => None,
        }
    }
}

impl Backchannel {
    /// When it is said. The scenario was checked: it says one of the two.
    pub fn when(&self) -> When {
        When::of(self.after_words, self.after_seconds).unwrap_or(When::Words(0))
    }
}

impl Interruption {
    /// When it is said. The scenario was checked: it says one of the two.
    pub fn when(&self) -> When {
        When::of(self.after_words, self.after_seconds).unwrap_or(When::Words(0))
    }
}

impl Scenario {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, or is no scenario: with line, column and what was expected.
    pub fn load(file: &Path) -> Result<Self, ScenarioError> {
        let text = std::fs::read_to_string(file)
            .map_err(|reason| ScenarioError::Read { file: file.to_owned(), reason })?;
        let mut scenario = Self::read(file, &text)?;
        let folder = file.parent().unwrap_or(Path::new(""));
        scenario.knowledge = scenario.knowledge.map(|knowledge| folder.join(knowledge));
        Ok(scenario)
    }

    /// Reads the text of `file`.
    fn read(file: &Path, text: &str) -> Result<Self, ScenarioError> {
        let wrong = |location: Option<Location>, reason: String| {
            let (line, column) = location.map_or((1, 1), |at| (at.line().max(1), at.column().max(1)));
            ScenarioError::Format { file: file.to_owned(), line, column, reason }
        };
        // "yes" and "no" are what people say, not truth values.
        let options = serde_saphyr::options! { strict_booleans: true };
        let scenario: Self = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| wrong(error.location(), fields::reason(&error)))?;
        scenario.check().map_err(|(location, reason)| wrong(location, reason))?;
        Ok(scenario)
    }

    /// The metrics whose scores are expected somewhere, each once.
    pub fn metrics(&self) -> Vec<String> {
        let turns = self.turns.iter().flat_map(|turn| {
            let interruption = turn.value.interrupt.as_ref();
            [Some(&turn.value.expect), interruption.map(|interruption| &interruption.expect)]
        });
        let all = turns.flatten().flat_map(|expect| expect.scores.keys()).chain(self.expect.scores.keys());
        all.map(|metric| (metric.clone(), ())).collect::<BTreeMap<_, _>>().into_keys().collect()
    }

    /// What no single field can tell.
    fn check(&self) -> Result<(), (Option<Location>, String)> {
        match (self.turns.is_empty(), &self.persona) {
            (true, None) => {
                return Err((None, "nobody says anything: expected `turns` or a `persona`".into()));
            }
            (false, Some(_)) => {
                return Err((None, "expected either `turns` or a `persona`, found both".into()));
            }
            _ => {}
        }
        self.turns
            .iter()
            .try_for_each(|turn| turn.value.check().map_err(|reason| (Some(turn.referenced), reason)))
    }
}

impl ScriptedTurn {
    fn check(&self) -> Result<(), String> {
        if let Some(pause) = self.pause {
            let short =
                self.say.iter().find(|text| text.split_whitespace().count() <= pause.after_words as usize);
            if let Some(text) = short {
                let words = text.split_whitespace().count();
                return Err(format!(
                    "pause.after_words is {}, but {text:?} has {words} words: expected fewer than that",
                    pause.after_words
                ));
            }
        }
        let one = |what: &str, words: Option<u32>, seconds: Option<f64>| match When::of(words, seconds) {
            Some(_) => Ok(()),
            None => Err(format!("{what} needs one of `after_words` and `after_seconds`")),
        };
        if let Some(backchannel) = &self.backchannel {
            one("backchannel", backchannel.after_words, backchannel.after_seconds)?;
        }
        if let Some(interrupt) = &self.interrupt {
            one("interrupt", interrupt.after_words, interrupt.after_seconds)?;
        }
        Ok(())
    }
}

fn one() -> u32 {
    1
}

fn six() -> u32 {
    6
}

fn natural() -> f64 {
    1.0
}

fn patience() -> f64 {
    45.0
}

fn moment() -> f64 {
    0.3
}

fn usual_voice() -> Texts {
    Texts(vec!["af_heart".into()])
}

#[cfg(test)]
mod tests;
