//! Card numbers, addresses and the like, replaced by their kind before anything leaves the process.
//!
//! Works on what recognisers write: digits in groups, one by one, or as words. What it cannot know is what a number
//! without form means; for the formats of one's own there are custom patterns.
mod contacts;
mod digits;
mod iban;

use std::{borrow::Cow, ops::Range, sync::Arc};

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::{Config, Content, TelemetryError};

/// `[telemetry.redact]`: what is replaced in traces, in the log and in the page's inspector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedactConfig {
    /// Which of the built-in patterns are replaced by their name in brackets: `card` (13 to 19 digits with a correct
    /// check digit, so that order numbers stay), `email`, `phone`, `iban`. Digits and addresses that are spelt out
    /// ("four one one one", "ann at example dot com") count too.
    pub patterns: Vec<Pattern>,
    /// Patterns of one's own.
    pub custom: Vec<CustomPattern>,
}

impl Default for RedactConfig {
    fn default() -> Self {
        Self {
            patterns: vec![Pattern::Card, Pattern::Email, Pattern::Phone, Pattern::Iban],
            custom: Vec::new(),
        }
    }
}

/// What can be recognised without being told how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// Payment cards.
    Card,
    /// E-mail addresses.
    Email,
    /// Telephone numbers: with a country code, with a leading 0 in groups, or as North America writes them.
    Phone,
    /// Bank accounts, by their check digits.
    Iban,
}

/// `[[telemetry.redact.custom]]`: one more pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CustomPattern {
    /// What stands in brackets in the place of a match: letters, digits, `_` and `-`.
    pub name: String,
    /// What to replace: a regular expression without look-around or back references, so that its time is linear in
    /// the text.
    pub regex: String,
}

/// Telephone numbers that are written in digits have at least so many.
const FEWEST_DIGITS: usize = 7;

/// Replaces what must not leave the process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Redactor(Arc<Rules>);

#[derive(Debug)]
struct Rules {
    content: Content,
    card: bool,
    email: bool,
    phone: bool,
    iban: bool,
    custom: Vec<(String, Regex)>,
}

impl Redactor {
    /// The redactor that a configuration asks for.
    ///
    /// Errors: a custom pattern whose name or expression cannot be used, or that matches everywhere.
    pub fn new(config: &Config) -> Result<Self, TelemetryError> {
        let RedactConfig { patterns, custom } = &config.redact;
        let wanted = |pattern| patterns.contains(&pattern);
        Ok(Self(Arc::new(Rules {
            content: config.content,
            card: wanted(Pattern::Card),
            email: wanted(Pattern::Email),
            phone: wanted(Pattern::Phone),
            iban: wanted(Pattern::Iban),
            custom: custom.iter().map(rule).collect::<Result<_, _>>()?,
        })))
    }

    /// Whether people's words may not be shown at all, whatever stands in them (`telemetry.content = "none"`).
    pub fn is_silent(&self) -> bool {
        self.0.content == Content::None
    }

    /// The text with every match replaced. Allocates nothing where nothing has to be replaced and no long number
    /// stands in the text.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let rules = &*self.0;
        let mut text = Cow::Borrowed(text);
        for (label, regex) in &rules.custom {
            let found = regex.find_iter(&text).map(|found| found.range()).collect();
            replace(&mut text, found, label);
        }
        if rules.email {
            let found = contacts::emails(&text);
            replace(&mut text, found, "[email]");
        }
        // Most texts hold a year or a price at most: neither an account nor a telephone number.
        let has_digits = text.bytes().filter(u8::is_ascii_digit).nth(FEWEST_DIGITS - 1).is_some();
        // Before cards and telephones: within an account's number stand digits enough for both.
        if rules.iban && has_digits {
            let found = iban::accounts(&text);
            replace(&mut text, found, "[iban]");
        }
        if rules.card || rules.phone {
            let found = digits::numbers(&text);
            let of =
                |kind| found.iter().filter(|(of, _)| *of == kind).map(|(_, range)| range.clone()).collect();
            let (cards, phones): (Vec<_>, Vec<_>) = (of(digits::Kind::Card), of(digits::Kind::Phone));
            // The later ranges of the text are replaced first, so that the earlier ones stay where they are; cards
            // and telephones of one run exclude each other.
            match (rules.card, rules.phone) {
                (true, true) => replace_two(&mut text, cards, phones),
                (true, false) => replace(&mut text, cards, "[card]"),
                (false, _) => replace(&mut text, phones, "[phone]"),
            }
        }
        if rules.phone && has_digits {
            let found = contacts::phones(&text);
            replace(&mut text, found, "[phone]");
        }
        text
    }
}

fn rule(custom: &CustomPattern) -> Result<(String, Regex), TelemetryError> {
    let bad =
        |reason: &str| TelemetryError::Redact { name: custom.name.clone(), reason: reason.trim().to_owned() };
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if custom.name.is_empty() || !custom.name.chars().all(is_word) {
        return Err(bad("the name is empty or has other signs than letters, digits, _ and -"));
    }
    let regex = Regex::new(&custom.regex).map_err(|error| bad(&error.to_string()))?;
    if regex.is_match("") {
        return Err(bad("the expression matches the empty text, so it would match everywhere"));
    }
    Ok((format!("[{}]", custom.name), regex))
}

/// Replaces ranges that are in order and do not overlap.
fn replace(text: &mut Cow<'_, str>, found: Vec<Range<usize>>, label: &str) {
    replace_each(text, found.into_iter().map(|range| (range, label)));
}

fn replace_two(text: &mut Cow<'_, str>, cards: Vec<Range<usize>>, phones: Vec<Range<usize>>) {
    let mut both: Vec<_> = cards.into_iter().map(|range| (range, "[card]")).collect();
    both.extend(phones.into_iter().map(|range| (range, "[phone]")));
    both.sort_unstable_by_key(|(range, _)| range.start);
    replace_each(text, both.into_iter());
}

fn replace_each<'l>(text: &mut Cow<'_, str>, found: impl ExactSizeIterator<Item = (Range<usize>, &'l str)>) {
    if found.len() == 0 {
        return;
    }
    let mut written = String::with_capacity(text.len());
    let mut at = 0;
    for (range, label) in found {
        written += &text[at..range.start];
        written += label;
        at = range.end;
    }
    written += &text[at..];
    *text = Cow::Owned(written);
}

#[cfg(test)]
mod tests;
