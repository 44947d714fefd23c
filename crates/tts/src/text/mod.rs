//! Text as written to words as spoken, with the way back: each phrase of the result knows the written words
//! that it speaks. Numbers, money, dates, addresses, abbreviations and symbols become words; markup and emoji
//! fall silent. Pure.
mod addresses;
mod dates;
mod letters;
mod numbers;
mod phrases;
mod units;
mod words;

#[cfg(test)]
pub(crate) use letters::is_letter;

/// Whose English.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Accent {
    /// American: month before day, "one hundred five".
    American,
    /// British: day before month, "one hundred and five".
    British,
}

/// One or more written words and what is said for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// The words as written, in order; at least one.
    pub written: Vec<String>,
    /// What is said, in the letters A to Z, apostrophes, hyphens and [`PAUSES`]; empty when there is nothing
    /// to say.
    pub spoken: String,
}

/// Punctuation that the voice hears.
pub const PAUSES: &str = ";:,.!?—…\"()“”";

/// A written word: its punctuation in front and behind, and the core between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word<'a> {
    before: &'a str,
    core: &'a str,
    after: &'a str,
}

impl<'a> Word<'a> {
    fn of(written: &'a str) -> Self {
        let opening = |c: char| "\"'([{“‘«*_`~|".contains(c);
        let closing = |c: char| ".,;:!?)]}\"'”’»*_`~…—–|-".contains(c);
        let start = written.find(|c| !opening(c)).unwrap_or(written.len());
        let (before, rest) = written.split_at(start);
        let end = rest.trim_end_matches(closing).len();
        // A sign of length or of plus belongs to its number: 5'' is rare, C++ is not.
        let (core, after) = rest.split_at(end);
        Self { before, core, after }
    }
}

/// What is said for `text`, phrase by phrase. Every written word (whatever stands between white space) is in
/// exactly one phrase, in order.
pub fn normalise(text: &str, accent: Accent) -> Vec<Phrase> {
    let written: Vec<&str> = text.split_whitespace().collect();
    let words: Vec<Word> = written.iter().map(|word| Word::of(word)).collect();
    let mut phrases = Vec::with_capacity(words.len());
    let mut at = 0;
    while at < words.len() {
        let before = at.checked_sub(1).map(|previous| words[previous]);
        let (length, said) = phrases::phrase(&words[at..], accent)
            .unwrap_or_else(|| (1, words::word(words[at], before, words.get(at + 1).copied(), accent)));
        let last = words[at + length - 1];
        // A full stop that belongs to an abbreviation ends nothing, unless the line ends with it too.
        let after = match said.strip_suffix('\u{2}') {
            Some(_) if at + length < words.len() => last.after.strip_prefix('.').unwrap_or(last.after),
            _ => last.after,
        };
        let said = said.trim_end_matches('\u{2}');
        phrases.push(Phrase {
            written: written[at..at + length].iter().map(|word| (*word).to_owned()).collect(),
            spoken: dress(words[at].before, said, after),
        });
        at += length;
    }
    phrases
}

/// Puts the punctuation back around the words, as far as the voice hears it.
fn dress(before: &str, said: &str, after: &str) -> String {
    let said = sayable(said);
    let heard = |text: &str| -> String {
        text.chars()
            .map(|c| if matches!(c, '–' | '-') { '—' } else { c })
            .filter(|c| PAUSES.contains(*c))
            .collect()
    };
    if said.is_empty() {
        // A dash between words is a pause; all other lone punctuation is silent, for it would be a pause too
        // long.
        let dash = before.chars().chain(after.chars()).any(|c| matches!(c, '—' | '–' | '-'));
        return if dash { "—".into() } else { String::new() };
    }
    // An apostrophe at the end is a possessive ("the pumps' seals") and belongs to the word.
    format!("{}{said}{}", heard(before), heard(after))
}

/// Keeps what the phonemiser can read: letters, apostrophes and hyphens within words, pauses, single spaces.
fn sayable(said: &str) -> String {
    let mut out = String::with_capacity(said.len());
    for word in said.split_whitespace() {
        let word: String = word
            .chars()
            .filter(|c| c.is_ascii_alphabetic() || "'-".contains(*c) || PAUSES.contains(*c))
            .collect();
        let word = word.trim_matches('-').trim_start_matches('\'');
        if word.is_empty() {
            continue;
        }
        if !out.is_empty() && !word.chars().all(|c| PAUSES.contains(c)) {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests;
