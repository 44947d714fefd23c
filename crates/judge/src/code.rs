//! Metrics that are computed. Pure: the same turn has the same score everywhere.
use regex::Regex;
use serde::Deserialize;
use whatlang::{Detector, Lang, Script};

use crate::Turn;

/// Fewer words tell no language: "no" is half a dozen.
const FEWEST_WORDS: usize = 4;
/// The same for scripts without spaces, and for languages that write words in one.
const LETTERS_OF_FEWEST_WORDS: usize = 12;

/// Regular expressions over a text of the turn.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Which text.
    pub of: Of,
    /// Whether a match is good or bad.
    pub matches: Matches,
    /// What is looked for.
    pub patterns: Vec<Line>,
}

/// A text of the turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// What the caller asked.
    Question,
    /// What was heard of the answer.
    #[default]
    Answer,
    /// What the language model wrote, before it was made fit for the voice.
    Generated,
}

/// What a match means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matches {
    /// The best matching pattern's score counts; nothing found is the lowest.
    Good,
    /// The worst matching pattern's score counts; nothing found is the highest.
    Bad,
}

/// One pattern.
#[derive(Clone, Debug)]
pub struct Line {
    /// What is looked for.
    pub regex: Regex,
    /// What it is, for the reason.
    pub means: String,
    /// The score if it is there.
    pub score: f64,
}

/// A figure of the turn against limits.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Which; see [`crate::FIGURES`].
    pub figure: String,
    /// Which end of it is good.
    pub better: Better,
    /// The limit of each score, the lowest score first. What reaches none has the lowest score of the scale.
    pub limits: Vec<(f64, f64)>,
}

/// Which end of a figure is good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// At most the limit.
    #[default]
    Low,
    /// At least the limit.
    High,
}

/// The language of the answer.
#[derive(Clone, Debug)]
pub struct Language {
    /// Which is right.
    pub expected: Expected,
    /// The only languages of their scripts that come into question; none: all that can be told. Fewer are told apart
    /// more surely.
    pub among: Vec<Lang>,
}

/// The right language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The caller's.
    Question,
    /// This one.
    Fixed(Lang),
}

impl Pattern {
    pub(crate) fn score(&self, turn: &Turn, (lowest, highest): (f64, f64)) -> (f64, String) {
        let text = match self.of {
            Of::Question => &turn.question,
            Of::Generated if !turn.generated.is_empty() => &turn.generated,
            Of::Generated | Of::Answer => &turn.answer,
        };
        let found: Vec<&Line> = self.patterns.iter().filter(|line| line.regex.is_match(text)).collect();
        let (score, nothing) = match self.matches {
            Matches::Good => (found.iter().map(|line| line.score).fold(lowest, f64::max), lowest),
            Matches::Bad => (found.iter().map(|line| line.score).fold(highest, f64::min), highest),
        };
        let names: Vec<&str> = found.iter().map(|line| line.means.as_str()).collect();
        if names.is_empty() {
            let sought: Vec<&str> = self.patterns.iter().map(|line| line.means.as_str()).collect();
            return (nothing, format!("Holds none of: {}.", sought.join(", ")));
        }
        (score, format!("Holds: {}.", names.join(", ")))
    }
}

impl Budget {
    /// `None` if the turn has no such figure.
    pub(crate) fn score(&self, turn: &Turn, (lowest, _): (f64, f64)) -> Option<(f64, String)> {
        let value = *turn.figures.get(&self.figure)?;
        let (reaches, word) = match self.better {
            Better::Low => ((|value, limit| value <= limit) as fn(f64, f64) -> bool, "at most"),
            Better::High => ((|value, limit| value >= limit) as fn(f64, f64) -> bool, "at least"),
        };
        let is = format!("{} is {}", self.figure, shown(value));
        // The best score stands last.
        match self.limits.iter().rev().find(|(_, limit)| reaches(value, *limit)) {
            Some((score, limit)) => Some((*score, format!("{is}; {score} is {word} {}.", shown(*limit)))),
            None => {
                let (score, limit) = self.limits.first()?;
                Some((lowest, format!("{is}; even {score} is {word} {}.", shown(*limit))))
            }
        }
    }
}

/// Three digits behind the point at most.
fn shown(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

impl Language {
    /// `None` where a text is too short to tell.
    pub(crate) fn score(&self, turn: &Turn, (lowest, highest): (f64, f64)) -> Option<(f64, String)> {
        let written = script(&turn.answer)?;
        let right_script = match self.expected {
            Expected::Fixed(language) => written.langs().contains(&language),
            Expected::Question => script(&turn.question)?.langs() == written.langs(),
        };
        // Another script says enough, also where it does not say which language it is.
        if !right_script {
            return Some((lowest, format!("The answer is in another script ({}).", written.name())));
        }
        let expected = match self.expected {
            Expected::Fixed(language) => language,
            Expected::Question => self.of(&turn.question)?,
        };
        let spoken = self.of(&turn.answer)?;
        let named = |language: Lang| language.eng_name();
        Some(if spoken == expected {
            (highest, format!("The answer is in {}, as it should be.", named(spoken)))
        } else {
            (lowest, format!("The answer is in {}, not in {}.", named(spoken), named(expected)))
        })
    }

    fn of(&self, text: &str) -> Option<Lang> {
        // Among languages of other scripts there would be none left.
        let detector = match script(text)?.langs().iter().any(|language| self.among.contains(language)) {
            true => Detector::with_allowlist(self.among.clone()),
            false => Detector::new(),
        };
        let told = detector.detect(text)?;
        told.is_reliable().then(|| told.lang())
    }
}

/// The script of a text that is long enough; words are counted only where they stand apart. Japanese is written in
/// three, of which any may prevail.
fn script(text: &str) -> Option<Script> {
    if text.split_whitespace().count() < FEWEST_WORDS && text.chars().count() < LETTERS_OF_FEWEST_WORDS {
        return None;
    }
    whatlang::detect_script(text).map(|script| match script {
        Script::Hiragana | Script::Katakana => Script::Mandarin,
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALE: (f64, f64) = (1.0, 5.0);

    fn answer(text: &str) -> Turn {
        Turn { answer: text.to_owned(), ..Turn::default() }
    }

    fn line(regex: &str, means: &str, score: f64) -> Line {
        Line { regex: Regex::new(regex).unwrap(), means: means.to_owned(), score }
    }

    #[test]
    fn the_worst_bad_pattern_counts() {
        let patterns = vec![line(r"\*\*", "bold", 3.0), line(r"https?://", "an address", 2.0)];
        let pattern = Pattern { of: Of::Answer, matches: Matches::Bad, patterns };
        assert_eq!(pattern.score(&answer("Two years."), SCALE).0, 5.0);
        assert_eq!(pattern.score(&answer("**Two** years."), SCALE), (3.0, "Holds: bold.".to_owned()));
        assert_eq!(
            pattern.score(&answer("**See** http://x.example"), SCALE),
            (2.0, "Holds: bold, an address.".to_owned())
        );
    }

    #[test]
    fn the_best_good_pattern_counts() {
        let patterns = vec![line("(?i)please", "please", 4.0), line("(?i)thank you", "thanks", 5.0)];
        let pattern = Pattern { of: Of::Question, matches: Matches::Good, patterns };
        let asked = |text: &str| Turn { question: text.to_owned(), ..Turn::default() };
        assert_eq!(pattern.score(&asked("When?"), SCALE).0, 1.0);
        assert_eq!(pattern.score(&asked("When, please? Thank you."), SCALE).0, 5.0);
    }

    #[test]
    fn what_the_model_wrote_is_what_was_heard_where_nobody_kept_it() {
        let pattern =
            Pattern { of: Of::Generated, matches: Matches::Bad, patterns: vec![line("#", "a heading", 1.0)] };
        assert_eq!(pattern.score(&answer("# Two"), SCALE).0, 1.0);
        let cleaned = Turn { generated: "# Two".into(), ..answer("Two") };
        assert_eq!(pattern.score(&cleaned, SCALE).0, 1.0);
    }

    #[test]
    fn a_budget_gives_the_best_score_whose_limit_is_kept() {
        let limits = vec![(2.0, 2.5), (4.0, 1.2), (5.0, 0.8)];
        let figure = "voice_to_voice_seconds".to_owned();
        let budget = Budget { figure: figure.clone(), better: Better::Low, limits };
        let took = |seconds: f64| Turn { figures: [(figure.clone(), seconds)].into(), ..Turn::default() };
        let score = |seconds| budget.score(&took(seconds), SCALE).unwrap().0;
        assert_eq!([0.8, 0.81, 2.0, 2.6].map(score), [5.0, 4.0, 2.0, 1.0]);
        assert!(budget.score(&took(2.61234), SCALE).unwrap().1.contains("2.612"));
        assert_eq!(budget.score(&Turn::default(), SCALE), None);
    }

    #[test]
    fn an_answer_in_another_language_is_found_out_and_a_short_one_is_not_judged() {
        let language = Language { expected: Expected::Question, among: vec![] };
        let turn = |question: &str, answer: &str| Turn {
            question: question.to_owned(),
            answer: answer.to_owned(),
            ..Turn::default()
        };
        let score = |question, answer| language.score(&turn(question, answer), SCALE).map(|(score, _)| score);
        let english = "How long is the warranty period for the water pump that I bought?";
        assert_eq!(score(english, "The warranty period for the water pump is two years."), Some(5.0));
        assert_eq!(
            score(english, "Die Garantie für die Wasserpumpe beträgt zwei Jahre ab dem Kauf."),
            Some(1.0)
        );
        assert_eq!(score(english, "保修期是从购买之日起两年。"), Some(1.0));
        assert_eq!(score(english, "Two years."), None);
        let latin = Language { expected: Expected::Question, among: vec![Lang::Eng, Lang::Deu, Lang::Fra] };
        let spoken = |answer| latin.score(&turn(english, answer), SCALE).unwrap();
        assert!(spoken("Гарантия на насос составляет два года со дня покупки.").1.contains("Cyrillic"));
        assert_eq!(spoken("Two years from the date of purchase, as the receipt says.").0, 5.0);
        let fixed = Language { expected: Expected::Fixed(Lang::Deu), among: vec![Lang::Deu, Lang::Eng] };
        let spoken = fixed.score(&turn("", "The warranty period is two years long."), SCALE).unwrap();
        assert_eq!(spoken, (1.0, "The answer is in English, not in German.".to_owned()));
    }
}
