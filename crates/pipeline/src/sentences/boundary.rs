//! Whether a sentence ends at a space. Asked again with every character behind the space until it is sure.
use super::{
    gap::Gap,
    words::{AFTER_TIMES, BEFORE_NUMBERS, MAYBE_LAST, MIDDLE, STARTERS, TITLES, holds, may_become},
};

/// An answer that may need more text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is so, whatever comes.
    Yes,
    /// It is not so, whatever comes.
    No,
    /// The next characters decide.
    Wait,
}

impl From<bool> for Verdict {
    fn from(is_so: bool) -> Self {
        if is_so { Self::Yes } else { Self::No }
    }
}

/// How the token behind the space begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opening {
    Lower,
    Upper,
    Digit,
    Symbol,
}

/// Whether the sentence ends at `gap`.
pub fn ends_sentence(gap: &Gap) -> Verdict {
    let token = gap.bare_last();
    let bare = token.trim_end_matches(['.', '!', '?', '…']);
    let run = &token[bare.len()..];
    if run.is_empty() {
        return Verdict::No;
    }
    let Some(opening) = opening(gap) else { return Verdict::Wait };
    if run.contains(['!', '?']) {
        return (opening != Opening::Lower).into();
    }
    if run != "." || bare.is_empty() {
        return (opening == Opening::Upper && !gap.last_is_first()).into();
    }
    let closed = !gap.last().ends_with('.');
    match opening {
        Opening::Lower => (!closed && is_plain_word(bare)).into(),
        Opening::Digit => ends_before_digit(gap, bare).into(),
        Opening::Symbol => (!is_abbreviation(bare) && !is_list_mark(gap, bare)).into(),
        Opening::Upper => ends_before_capital(gap, bare),
    }
}

/// How the next token begins behind its opening quotes, once that is known.
fn opening(gap: &Gap) -> Option<Opening> {
    let quoted = gap.next.starts_with(['"', '\'', '“', '‘', '«', '(', '[', '{']);
    let mut characters =
        gap.next.trim_start_matches(['"', '\'', '“', '‘', '«', '(', '[', '{', '¿', '¡']).chars();
    let Some(first) = characters.next() else { return gap.next_is_whole.then_some(Opening::Symbol) };
    if first.is_uppercase() {
        return Some(Opening::Upper);
    }
    if first.is_numeric() {
        return Some(Opening::Digit);
    }
    if !first.is_alphabetic() {
        return Some(Opening::Symbol);
    }
    if quoted && gap.next.starts_with('(') {
        return Some(Opening::Symbol);
    }
    // Names like "iPhone" begin a sentence without a capital.
    match characters.next() {
        Some(second) if second.is_uppercase() => Some(Opening::Upper),
        None if !gap.next_is_whole => None,
        _ => Some(Opening::Lower),
    }
}

fn ends_before_digit(gap: &Gap, bare: &str) -> bool {
    let lower = bare.to_lowercase();
    if lower == "a.m" || lower == "p.m" || lower == "etc" {
        return true;
    }
    !holds(BEFORE_NUMBERS, &lower) && !is_abbreviation(bare) && !is_list_mark(gap, bare)
}

fn ends_before_capital(gap: &Gap, bare: &str) -> Verdict {
    let word = bare.rsplit(['/', '–', '—', '-']).next().unwrap_or(bare);
    let lower = word.to_lowercase();
    let lower = lower.trim_start_matches(|c: char| c.is_ascii_digit());
    match () {
        () if lower == "a.m" || lower == "p.m" => unless_next_is(AFTER_TIMES, gap),
        () if lower == "etc" => Verdict::Yes,
        // "No. 5" is settled before digits; "No. He left." ends.
        () if lower == "no" => Verdict::Yes,
        () if holds(TITLES, lower) => Verdict::No,
        // "c." is about, "C." is a letter.
        () if holds(MIDDLE, lower) && !(word.len() == 1 && lower != word) => Verdict::No,
        () if is_list_mark(gap, word) => Verdict::No,
        () if word == "I" => i_ends(gap),
        () if is_initials(word) || holds(MAYBE_LAST, lower) => if_next_is(STARTERS, gap),
        () => Verdict::Yes,
    }
}

/// "So do I. She left." ends where "Henry I. Miller" does not.
fn i_ends(gap: &Gap) -> Verdict {
    let before = gap.before.rsplit(' ').nth(1).unwrap_or_default();
    if before.starts_with(|c: char| c.is_lowercase()) { Verdict::Yes } else { if_next_is(STARTERS, gap) }
}

fn if_next_is(list: &[&str], gap: &Gap) -> Verdict {
    let word = gap.next_word().replace('’', "'");
    if gap.next_is_whole {
        return holds(list, &word).into();
    }
    if may_become(list, &word) { Verdict::Wait } else { Verdict::No }
}

fn unless_next_is(list: &[&str], gap: &Gap) -> Verdict {
    match if_next_is(list, gap) {
        Verdict::Yes => Verdict::No,
        Verdict::No => Verdict::Yes,
        Verdict::Wait => Verdict::Wait,
    }
}

/// A word that is surely no abbreviation, so that a full stop behind it ends even before a small letter.
fn is_plain_word(bare: &str) -> bool {
    bare.len() >= 4 && bare.chars().all(|c| c.is_lowercase() && c.is_alphabetic()) && !is_abbreviation(bare)
}

fn is_abbreviation(bare: &str) -> bool {
    let lower = bare.to_lowercase();
    is_initials(bare)
        || (lower != "no" && holds(MIDDLE, &lower))
        || holds(TITLES, &lower)
        || holds(MAYBE_LAST, &lower)
}

/// "J", "U.S", "Ph.D": letters with full stops between them.
fn is_initials(word: &str) -> bool {
    let mut parts = word.split('.').peekable();
    let single = !word.contains('.');
    parts.all(|part| {
        let mut characters = part.chars();
        match (characters.next(), characters.next()) {
            (Some(letter), None) => letter.is_alphabetic() && (!single || letter.is_uppercase()),
            _ => false,
        }
    })
}

/// "A." in front of what it counts.
fn is_list_mark(gap: &Gap, bare: &str) -> bool {
    gap.last_is_first() && bare.len() == 1 && bare != "I" && bare.chars().all(char::is_alphabetic)
}
