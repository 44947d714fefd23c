//! A metric: one judge file, checked. How the file is read stands in `file.rs`.
use std::{
    collections::{BTreeMap, HashSet},
    ffi::OsStr,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{
    JudgeError, Turn,
    code::{Budget, Language, Pattern},
    file,
};

/// The files that come with the binary.
const SHIPPED: &[(&str, &str)] = &[
    ("answer_relevancy.toml", include_str!("../../../config/judges/answer_relevancy.toml")),
    ("answered_too_early.toml", include_str!("../../../config/judges/answered_too_early.toml")),
    ("coherence.toml", include_str!("../../../config/judges/coherence.toml")),
    ("faithfulness.toml", include_str!("../../../config/judges/faithfulness.toml")),
    ("fit_for_speech.toml", include_str!("../../../config/judges/fit_for_speech.toml")),
    ("interruption_handled.toml", include_str!("../../../config/judges/interruption_handled.toml")),
    ("language.toml", include_str!("../../../config/judges/language.toml")),
    ("latency_budget.toml", include_str!("../../../config/judges/latency_budget.toml")),
    ("retrieval_relevancy.toml", include_str!("../../../config/judges/retrieval_relevancy.toml")),
    ("spoken_form.toml", include_str!("../../../config/judges/spoken_form.toml")),
    ("tone.toml", include_str!("../../../config/judges/tone.toml")),
];

/// A metric. The file's name is `NAME.toml`.
#[derive(Clone, Debug)]
pub struct Metric {
    /// Its name in MLflow, e.g. `faithfulness`.
    pub name: String,
    /// Raised by who edits it when its scores mean something else: turns are then scored anew.
    pub version: u32,
    /// How it is found.
    pub kind: Kind,
    /// Lowest and highest score, whole numbers; both can be given.
    pub scale: (f64, f64),
    /// Parts a turn must have to be scored at all.
    pub needs: Vec<Part>,
}

/// How a score is found.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A model is asked.
    Model {
        /// What is judged and how, for the model.
        rubric: String,
        /// What single scores mean, for the model.
        scores: BTreeMap<i64, String>,
        /// Turns with their scores.
        examples: Vec<Example>,
        /// What of the turn the model sees. Metrics of one model share a request, so that it holds the parts of all of
        /// them; the model is told which ones each metric is about.
        sees: Vec<Part>,
        /// Another model than `judge.model`.
        model: Option<String>,
    },
    /// Regular expressions.
    Pattern(Pattern),
    /// A figure of the turn.
    Budget(Budget),
    /// The answer's language.
    Language(Language),
}

/// A part of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What was asked.
    Question,
    /// What was heard of the answer.
    Answer,
    /// The earlier conversation.
    History,
    /// What retrieval found, at least one passage.
    Passages,
    /// That the knowledge base was searched, whether it held something or not. (Only as a need.)
    Retrieval,
    /// Figures and how the turn ended.
    Events,
    /// That the caller cut this answer off, or the one before with this question. (Only as a need.)
    Interruption,
}

/// A turn with its score, shown to the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// The turn.
    pub turn: Turn,
    /// Its score.
    pub score: f64,
    /// Why.
    pub reason: String,
}

/// All metrics in force.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// In the order of their names.
    pub all: Vec<Metric>,
}

impl Metric {
    /// Whether a model is asked for it.
    pub fn asks_a_model(&self) -> bool {
        matches!(self.kind, Kind::Model { .. })
    }

    /// Whether the turn has what it needs; of a computed metric, whether it can be computed of this turn.
    pub fn applies(&self, turn: &Turn) -> bool {
        self.needs.iter().all(|part| turn.has(*part))
            && (self.asks_a_model() || self.computed(turn).is_some())
    }

    /// Score and reason of a computed metric; `None` where the turn does not say, and of those that ask a model.
    pub(crate) fn computed(&self, turn: &Turn) -> Option<(f64, String)> {
        match &self.kind {
            Kind::Model { .. } => None,
            Kind::Pattern(pattern) => Some(pattern.score(turn, self.scale)),
            Kind::Budget(budget) => budget.score(turn, self.scale),
            Kind::Language(language) => language.score(turn, self.scale),
        }
    }

    /// Whether this score can be given.
    pub fn allows(&self, score: f64) -> bool {
        score.fract() == 0.0 && (self.scale.0..=self.scale.1).contains(&score)
    }
}

impl Metrics {
    /// The files of a folder, or those that come with the binary where it is not there.
    ///
    /// # Errors
    /// A file that cannot be read or is no judge file, with line and reason; none at all.
    pub fn load(folder: &Path) -> Result<Self, JudgeError> {
        if !folder.exists() {
            return Self::of_files(
                SHIPPED.iter().map(|(name, text)| (folder.join(name), (*text).to_owned())),
            );
        }
        let unreadable = |error: std::io::Error| {
            JudgeError::Config(format!(
                "judge.folder {} cannot be read ({error}); expected a folder of judge files such as config/judges",
                folder.display()
            ))
        };
        let mut files = vec![];
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            if file.extension() != Some(OsStr::new("toml")) {
                continue;
            }
            let text = std::fs::read_to_string(&file).map_err(|error| JudgeError::File {
                file: file.clone(),
                line: 1,
                reason: format!("cannot be read ({error}); expected a text in UTF-8"),
            })?;
            files.push((file, text));
        }
        if files.is_empty() {
            return Err(JudgeError::Config(format!(
                "judge.folder {} holds no judge file; expected NAME.toml, one metric each, or no such folder for those that come with voce",
                folder.display()
            )));
        }
        Self::of_files(files)
    }

    // A metric is called as its file, so no two have one name.
    fn of_files(files: impl IntoIterator<Item = (PathBuf, String)>) -> Result<Self, JudgeError> {
        let read = files.into_iter().map(|(path, text)| file::metric(&path, &text));
        let mut all = read.collect::<Result<Vec<Metric>, JudgeError>>()?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Self { all })
    }

    /// The metric of that name.
    pub fn named(&self, name: &str) -> Option<&Metric> {
        self.all.iter().find(|metric| metric.name == name)
    }

    /// Those of these names, without the others.
    ///
    /// # Errors
    /// A name that is none of a metric.
    pub fn only(self, names: &[String]) -> Result<Self, JudgeError> {
        if let Some(unknown) = names.iter().find(|name| self.named(name).is_none()) {
            let known: Vec<&str> = self.all.iter().map(|metric| metric.name.as_str()).collect();
            return Err(JudgeError::Config(format!(
                "there is no metric {unknown:?}; expected one of {}",
                known.join(", ")
            )));
        }
        let names: HashSet<&str> = names.iter().map(String::as_str).collect();
        let all = self.all.into_iter().filter(|metric| names.contains(metric.name.as_str())).collect();
        Ok(Self { all })
    }

    /// Changes when a metric is added, taken out or given another version: 8 hex digits.
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        for metric in &self.all {
            hash.update(format!("{} {}\n", metric.name, metric.version));
        }
        hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> Metrics {
        Metrics::load(Path::new("no such folder")).unwrap()
    }

    #[test]
    fn the_shipped_files_are_those_of_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/judges");
        let names = |metrics: &Metrics| -> Vec<String> {
            metrics.all.iter().map(|metric| metric.name.clone()).collect()
        };
        assert_eq!(names(&Metrics::load(&folder).unwrap()), names(&shipped()));
        for name in ["answer_relevancy", "retrieval_relevancy", "faithfulness", "tone", "coherence"] {
            assert!(shipped().named(name).unwrap().asks_a_model(), "{name}");
        }
    }

    #[test]
    fn every_example_is_a_turn_that_its_metric_applies_to() {
        for metric in &shipped().all {
            let Kind::Model { examples, scores, .. } = &metric.kind else { continue };
            assert!(examples.len() >= 2, "{}", metric.name);
            assert_eq!(scores.len(), 5, "{}", metric.name);
            for example in examples {
                assert!(metric.applies(&example.turn), "{}: {:?}", metric.name, example.turn);
            }
        }
    }

    #[test]
    fn the_fingerprint_tells_sets_and_versions_apart() {
        let all = shipped();
        let fewer = all.clone().only(&["tone".to_owned(), "coherence".to_owned()]).unwrap();
        let mut newer = all.clone();
        newer.all[0].version += 1;
        assert_eq!(all.fingerprint(), shipped().fingerprint());
        assert_eq!(all.fingerprint().len(), 8);
        assert_ne!(all.fingerprint(), fewer.fingerprint());
        assert_ne!(all.fingerprint(), newer.fingerprint());
        let error = all.only(&["tome".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("tome") && error.contains("tone"), "{error}");
    }

    #[test]
    fn a_folder_without_judge_files_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("calibration.jsonl"), "{}").unwrap();
        let error = Metrics::load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("NAME.toml"), "{error}");
    }
}
