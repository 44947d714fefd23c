//! Reads one judge file. Whatever is wrong with it is said with its line, and with what was expected.
mod form;

use std::{collections::BTreeMap, path::Path};

use regex::Regex;
use serde::de::DeserializeOwned;
use toml::Spanned;

use crate::{
    Example, FIGURES, JudgeError, Kind, Metric, Part, Turn,
    code::{self, Better, Expected, Matches},
};
use form::{BudgetFile, ExampleFile, Head, LanguageFile, ModelFile, PatternFile, Scale, Word};

/// The widest scale; people and models cannot tell more apart.
const WIDEST: i64 = 100;

/// The metric of a judge file.
pub(crate) fn metric(path: &Path, text: &str) -> Result<Metric, JudgeError> {
    let file = File { path, text };
    let Head { kind } = file.read()?;
    match kind {
        Word::Model => file.model(),
        Word::Pattern => file.pattern(),
        Word::Budget => file.budget(),
        Word::Language => file.language(),
    }
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn read<T: DeserializeOwned>(&self) -> Result<T, JudgeError> {
        toml::from_str(self.text).map_err(|error| {
            self.wrong(error.span().map_or(0, |span| span.start), error.message().to_owned())
        })
    }

    fn wrong(&self, at: usize, reason: String) -> JudgeError {
        let before = self.text.get(..at).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        JudgeError::File { file: self.path.to_owned(), line, reason }
    }

    fn refuse<T, V>(&self, value: &Spanned<V>, reason: String) -> Result<T, JudgeError> {
        Err(self.wrong(value.span().start, reason))
    }

    fn model(&self) -> Result<Metric, JudgeError> {
        let file: ModelFile = self.read()?;
        let scale = self.scale(file.scale.as_ref())?;
        if file.rubric.as_ref().trim().is_empty() {
            return self.refuse(&file.rubric, "the rubric is empty; expected what is judged and how".into());
        }
        let sees = file.sees.as_ref();
        if sees.is_empty() || sees.iter().any(|part| matches!(part, Part::Retrieval | Part::Interruption)) {
            let expected = "expected some of question, answer, history, passages, events";
            return self.refuse(&file.sees, format!("sees {sees:?}; {expected}"));
        }
        if let Some(model) = file.model.as_ref().filter(|model| model.as_ref().trim().is_empty()) {
            return self.refuse(model, "model is empty; leave it out for judge.model".into());
        }
        let mut scores = BTreeMap::new();
        for (score, meaning) in file.scores {
            scores.insert(self.score_key(&score, scale)?, meaning.trim().to_owned());
        }
        let examples = file.examples.into_iter().map(|example| self.example(example, scale));
        let kind = Kind::Model {
            rubric: file.rubric.as_ref().trim().to_owned(),
            scores,
            examples: examples.collect::<Result<_, _>>()?,
            sees: sees.clone(),
            model: file.model.map(Spanned::into_inner),
        };
        self.metric(&file.name, &file.version, kind, scale, file.needs)
    }

    fn example(&self, example: ExampleFile, scale: (i64, i64)) -> Result<Example, JudgeError> {
        let score = self.score(&example.score, scale)?;
        if example.reason.as_ref().trim().is_empty() {
            return self.refuse(&example.reason, "the reason is empty; expected why it is this score".into());
        }
        let mut figures = BTreeMap::new();
        for (name, value) in example.figures {
            self.figure(&name)?;
            figures.insert(name.into_inner(), value);
        }
        let turn = Turn {
            trace_id: String::new(),
            question: example.question,
            answer: example.answer,
            generated: example.generated,
            history: example.history,
            passages: example.passages,
            end_reason: example.end_reason,
            figures,
        };
        Ok(Example { turn, score: score as f64, reason: example.reason.into_inner() })
    }

    fn pattern(&self) -> Result<Metric, JudgeError> {
        let file: PatternFile = self.read()?;
        let scale = self.scale(file.scale.as_ref())?;
        if file.patterns.as_ref().is_empty() {
            return self.refuse(&file.patterns, "there is no pattern; expected at least one".into());
        }
        let matched = match file.matches {
            Matches::Good => scale.1,
            Matches::Bad => scale.0,
        };
        let mut patterns = vec![];
        for line in file.patterns.into_inner() {
            let regex = Regex::new(line.regex.as_ref()).or_else(|error| {
                self.refuse(&line.regex, format!("not a regular expression of Rust's regex crate: {error}"))
            })?;
            let score = line.score.map_or(Ok(matched), |score| self.score(&score, scale))?;
            patterns.push(code::Line { regex, means: line.means, score: score as f64 });
        }
        let kind = Kind::Pattern(code::Pattern { of: file.of, matches: file.matches, patterns });
        self.metric(&file.name, &file.version, kind, scale, file.needs)
    }

    fn budget(&self) -> Result<Metric, JudgeError> {
        let file: BudgetFile = self.read()?;
        let scale = self.scale(file.scale.as_ref())?;
        self.figure(&file.figure)?;
        let mut limits = BTreeMap::new();
        for (score, limit) in file.limits.as_ref() {
            if !limit.is_finite() {
                return self.refuse(score, format!("the limit of score {} is no number", score.as_ref()));
            }
            let number = self.score_key(score, scale)?;
            if number == scale.0 {
                let reason = format!("score {number} needs no limit: it is what the others do not reach");
                return self.refuse(score, reason);
            }
            limits.insert(number, *limit);
        }
        if limits.is_empty() {
            let reason = format!("there is no limit; expected e.g. {} = 0.8", scale.1);
            return self.refuse(&file.limits, reason);
        }
        let ordered: Vec<f64> = limits.values().copied().collect();
        let stricter = |pair: &[f64]| match file.better {
            Better::Low => pair[1] < pair[0],
            Better::High => pair[1] > pair[0],
        };
        if !ordered.windows(2).all(stricter) {
            return self.refuse(&file.limits, "a higher score must have a stricter limit".into());
        }
        let limits = limits.into_iter().map(|(score, limit)| (score as f64, limit)).collect();
        let kind =
            Kind::Budget(code::Budget { figure: file.figure.into_inner(), better: file.better, limits });
        self.metric(&file.name, &file.version, kind, scale, file.needs)
    }

    fn language(&self) -> Result<Metric, JudgeError> {
        let file: LanguageFile = self.read()?;
        let scale = self.scale(file.scale.as_ref())?;
        let expected = match file.expected.as_ref().as_str() {
            "question" => Expected::Question,
            _ => Expected::Fixed(self.language_code(&file.expected)?),
        };
        let among: Vec<whatlang::Lang> =
            file.among.iter().map(|code| self.language_code(code)).collect::<Result<_, _>>()?;
        let kind = Kind::Language(code::Language { expected, among });
        self.metric(&file.name, &file.version, kind, scale, file.needs)
    }

    fn language_code(&self, code: &Spanned<String>) -> Result<whatlang::Lang, JudgeError> {
        whatlang::Lang::from_code(code.as_ref().as_str()).map_or_else(
            || {
                let expected = "expected three letters of ISO 639-3, e.g. eng, deu, fra, spa";
                self.refuse(code, format!("{:?} is no language that can be told; {expected}", code.as_ref()))
            },
            Ok,
        )
    }

    fn metric(
        &self,
        name: &Spanned<String>,
        version: &Spanned<u32>,
        kind: Kind,
        (from, to): (i64, i64),
        needs: Option<Vec<Part>>,
    ) -> Result<Metric, JudgeError> {
        let stem = self.path.file_stem().and_then(std::ffi::OsStr::to_str).unwrap_or_default();
        if name.as_ref() != stem {
            let reason = format!("name is {:?}; expected {stem:?}, as the file is called", name.as_ref());
            return self.refuse(name, reason);
        }
        let mut letters = stem.chars();
        let first = letters.next().is_some_and(|first| first.is_ascii_lowercase());
        let plain = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '_';
        if !first || !letters.all(plain) || stem.len() > 64 {
            let expected = "expected a small letter, then small letters, digits and underscores, 64 at most";
            return self.refuse(name, format!("name is {stem:?}; {expected}"));
        }
        if *version.as_ref() == 0 {
            return self.refuse(version, "version is 0; expected 1 or more".into());
        }
        Ok(Metric {
            name: name.as_ref().clone(),
            version: *version.as_ref(),
            kind,
            scale: (from as f64, to as f64),
            needs: needs.unwrap_or_else(|| vec![Part::Question, Part::Answer]),
        })
    }

    /// 1 to 5 unless the file says otherwise.
    fn scale(&self, scale: Option<&Spanned<Scale>>) -> Result<(i64, i64), JudgeError> {
        let Some(spanned) = scale else { return Ok((1, 5)) };
        let Scale { from, to } = spanned.as_ref();
        if from >= to || to.saturating_sub(*from) > WIDEST || from.abs() > WIDEST {
            let expected = format!("expected from below to, {WIDEST} apart at most");
            return self.refuse(spanned, format!("the scale is {from} to {to}; {expected}"));
        }
        Ok((*from, *to))
    }

    fn score(&self, score: &Spanned<i64>, (from, to): (i64, i64)) -> Result<i64, JudgeError> {
        let value = *score.as_ref();
        if !(from..=to).contains(&value) {
            return self
                .refuse(score, format!("score {value} is outside the scale; expected {from} to {to}"));
        }
        Ok(value)
    }

    fn score_key(&self, key: &Spanned<String>, (from, to): (i64, i64)) -> Result<i64, JudgeError> {
        match key.as_ref().parse::<i64>() {
            Ok(score) if (from..=to).contains(&score) => Ok(score),
            _ => {
                let reason =
                    format!("score {:?} is outside the scale; expected {from} to {to}", key.as_ref());
                self.refuse(key, reason)
            }
        }
    }

    fn figure(&self, name: &Spanned<String>) -> Result<(), JudgeError> {
        if FIGURES.iter().any(|figure| figure.name == name.as_ref()) {
            return Ok(());
        }
        let known: Vec<&str> = FIGURES.iter().map(|figure| figure.name).collect();
        let reason =
            format!("a turn has no figure {:?}; expected one of {}", name.as_ref(), known.join(", "));
        self.refuse(name, reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "kind = \"model\"\nname = \"warmth\"\nversion = 1\nsees = [\"answer\"]\nrubric = \"Warm?\"\n";

    fn refused(text: &str, line: usize, words: &[&str]) {
        match metric(Path::new("judges/warmth.toml"), text) {
            Err(JudgeError::File { line: found, reason, .. }) => {
                assert_eq!(found, line, "{reason}\n{text}");
                for word in words {
                    assert!(reason.contains(word), "{reason:?} should say {word:?}\n{text}");
                }
            }
            other => panic!("{other:?}\n{text}"),
        }
    }

    #[test]
    fn a_small_file_is_a_metric_from_1_to_5() {
        let metric = metric(Path::new("judges/warmth.toml"), GOOD).unwrap();
        assert_eq!((metric.name.as_str(), metric.version, metric.scale), ("warmth", 1, (1.0, 5.0)));
        assert_eq!(metric.needs, [Part::Question, Part::Answer]);
        assert!(metric.allows(5.0) && !metric.allows(0.0) && !metric.allows(3.5) && !metric.allows(f64::NAN));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let example = |score: &str, more: &str| {
            format!(
                "{GOOD}[[examples]]\nquestion = \"q\"\nanswer = \"a\"\nscore = {score}\nreason = \"r\"\n{more}"
            )
        };
        refused(&format!("{GOOD}rubrik = \"x\"\n"), 6, &["rubrik", "rubric"]);
        refused(&GOOD.replace("version = 1", "version = \"one\""), 3, &["u32"]);
        refused(&GOOD.replace("version = 1", "version = 0"), 3, &["1 or more"]);
        refused(&GOOD.replace("rubric = \"Warm?\"\n", ""), 1, &["missing", "rubric"]);
        refused(&GOOD.replace("Warm?", " "), 5, &["empty"]);
        refused(&GOOD.replace("\"warmth\"", "\"warm\""), 2, &["warm", "\"warmth\"", "file"]);
        refused(&GOOD.replace("[\"answer\"]", "[\"anser\"]"), 4, &["anser", "answer"]);
        refused(&GOOD.replace("[\"answer\"]", "[]"), 4, &["expected", "question"]);
        refused(&GOOD.replace("\"model\"", "\"modal\""), 1, &["modal", "pattern"]);
        refused(&GOOD.replace("version = 1", "version = "), 3, &[]);
        refused(&format!("{GOOD}scale = {{ from = 5, to = 1 }}\n"), 6, &["5 to 1", "below"]);
        refused(&format!("{GOOD}[scores]\n1 = \"bad\"\n9 = \"great\"\n"), 8, &["9", "1 to 5"]);
        refused(&example("6", ""), 9, &["score 6", "1 to 5"]);
        refused(&example("3.5", ""), 9, &["i64"]);
        refused(&example("3", "figures = { loudness = 1.0 }\n"), 11, &["loudness", "voice_to_voice_seconds"]);
        refused(&example("3", "passages = [{ text = \"t\", page = 3 }]\n"), 11, &["page", "source"]);
    }

    #[test]
    fn computed_metrics_are_checked_too() {
        let head = |kind: &str| format!("kind = \"{kind}\"\nname = \"warmth\"\nversion = 1\n");
        let pattern = format!("{}matches = \"bad\"\n[[patterns]]\nmeans = \"list\"\n", head("pattern"));
        refused(&format!("{pattern}regex = '(a'\n"), 7, &["regular expression"]);
        refused(&format!("{pattern}regex = 'a'\nscore = 8\n"), 8, &["score 8"]);
        refused(&format!("{}patterns = []\nmatches = \"bad\"\n", head("pattern")), 4, &["at least one"]);
        let budget = format!("{}figure = \"heard_seconds\"\n", head("budget"));
        refused(&format!("{budget}[limits]\n5 = 2.0\n4 = 1.0\n"), 5, &["stricter"]);
        refused(&format!("{budget}[limits]\n1 = 2.0\n"), 6, &["needs no limit"]);
        refused(
            &format!("{}figure = \"length\"\n[limits]\n5 = 1.0\n", head("budget")),
            4,
            &["heard_seconds"],
        );
        refused(&format!("{}expected = \"klingon\"\n", head("language")), 4, &["klingon", "deu"]);
        refused(
            &format!("{}expected = \"eng\"\nrubric = \"x\"\n", head("language")),
            5,
            &["rubric", "among"],
        );
    }
}
