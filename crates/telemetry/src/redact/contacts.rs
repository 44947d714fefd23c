//! E-mail addresses and telephone numbers, written or as recognisers spell them.
use std::{ops::Range, sync::LazyLock};

use regex::Regex;

/// `ann@example.com`, with spaces around the @ too, and with dots in words.
static WRITTEN: LazyLock<Regex> = LazyLock::new(|| {
    let part = r"[\p{L}\p{N}_%+-]+";
    expression(&format!(
        r"(?i){part}(?:(?:\.|\s(?:dot|underscore|dash|hyphen|plus)\s){part})*\s?@\s?{part}(?:(?:\.|\s(?:dot|dash|hyphen)\s){part})+"
    ))
});
/// `ann at example dot com`. The last dot has to be a word, or "look at example.com" would be an address, and what
/// follows has to be a usual ending, or "look at the dot and" would be one.
static SPELT: LazyLock<Regex> = LazyLock::new(|| {
    let part = r"[\p{L}\p{N}_%+-]+";
    expression(&format!(
        r"(?i){part}(?:(?:\.|\s(?:dot|underscore|dash|hyphen|plus)\s){part})*\sat\s{part}(?:(?:\.|\s(?:dash|hyphen)\s){part})*(?:\s(?:dot|dash|hyphen)\s{part})*\sdot\s(?:{ENDINGS})\b"
    ))
});
/// Without a dot in the domain's words, but with one in the name: `ann dot lee at example.com`.
static MIXED: LazyLock<Regex> = LazyLock::new(|| {
    expression(r"(?i)[\w%+-]+(?:\s(?:dot|underscore|dash|hyphen)\s[\w%+-]+)+\sat\s[\w-]+(?:\.[\w-]+)+")
});
/// Its parts: with a country code; North American; French; with a trunk zero; local with a hyphen.
static PHONE: LazyLock<Regex> = LazyLock::new(|| {
    let parts = [
        r"(?:\+ ?|\b00)[1-9][0-9]{0,2}[ ./-]?(?:\([0-9]{1,4}\)[ ./-]?)?[0-9]{1,5}(?:[ ./-]?[0-9]{2,5}){1,5}\b",
        r"(?:\b1[ .-]?)?(?:\([0-9]{3}\) ?|\b[2-9][0-9]{2}[ .-]?)[2-9][0-9]{2}[ .-]?[0-9]{4}\b",
        r"\b0[1-9](?:[ .-][0-9]{2}){4}\b",
        r"\(0[0-9]{1,4}\)[ ./-]?[0-9]{2,5}(?:[ ./-]?[0-9]{2,5}){0,3}\b",
        r"\b0[1-9][0-9]{1,3}[ ./-]?[0-9]{2,4}(?:[ ./-]?[0-9]{2,5}){1,3}\b",
        r"\b[2-9][0-9]{2}-[0-9]{4}\b",
    ];
    // The boundaries of ASCII are several times faster; what stands around a match is looked at anyway.
    let parts = parts.map(|part| part.replace(r"\b", r"(?-u:\b)"));
    expression(&parts.join("|"))
});

/// Not among them: endings that are words, such as "me", "in" and "it".
const ENDINGS: &str = "com|org|net|edu|gov|mil|int|info|biz|io|ai|app|dev|co|uk|ca|au|nz|ie|eu|de|fr|nl|ch|es|pl|se|dk|fi|pt|cz|jp|cn|kr|br|mx|za|tv|online|shop|store|mail";

fn expression(text: &str) -> Regex {
    Regex::new(text).expect("a fixed expression")
}

/// E-mail addresses in the order of the text.
pub(super) fn emails(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    if text.contains('@') {
        found.extend(WRITTEN.find_iter(text).map(|found| found.range()));
    }
    if text.contains(" at ") {
        found.extend(SPELT.find_iter(text).chain(MIXED.find_iter(text)).map(|found| found.range()));
        found.sort_unstable_by_key(|range| range.start);
        found.dedup_by(|next, earlier| {
            let overlap = next.start < earlier.end;
            if overlap {
                earlier.end = earlier.end.max(next.end);
            }
            overlap
        });
    }
    found
}

/// Telephone numbers in the order of the text.
pub(super) fn phones(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(candidate) = PHONE.find_at(text, at) {
        if stands_alone(text, candidate.range()) && has_length(candidate.as_str()) {
            found.push(candidate.range());
            at = candidate.end();
        } else {
            // Past its first group: the number may begin within what was no number.
            let sign = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
            at = candidate.start() + 1;
            while sign(at) {
                at += 1;
            }
        }
    }
    found
}

/// Codes like `WP-200-1000`, addresses like `10.0.200.5000` and figures like `200-2000.5` hold the same digits.
fn stands_alone(text: &str, place: Range<usize>) -> bool {
    let before = text[..place.start].chars().next_back();
    let mut after = text[place.end..].chars();
    let joins = |sign: char| sign.is_alphanumeric() || matches!(sign, '_' | '-' | '/');
    let is_free = !before.is_some_and(|sign| joins(sign) || matches!(sign, '.' | ':' | '#' | '='));
    let goes_on = match after.next() {
        Some('.' | ',' | '-' | '/' | ':') => after.next().is_some_and(|sign| sign.is_ascii_digit()),
        Some(sign) => sign.is_alphanumeric() || sign == '_',
        None => false,
    };
    is_free && !goes_on
}

fn has_length(candidate: &str) -> bool {
    let digits = candidate.bytes().filter(u8::is_ascii_digit).count();
    match candidate.as_bytes()[0] {
        b'+' => (8..=15).contains(&digits),
        b'(' => (8..=15).contains(&digits),
        b'0' => (9..=17).contains(&digits),
        _ => true,
    }
}
