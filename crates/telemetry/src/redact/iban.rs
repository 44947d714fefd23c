//! Numbers of bank accounts, told from other codes by their check digits.
use std::{ops::Range, sync::LazyLock};

use regex::Regex;

/// Country, check digits and the beginning of the rest.
static BEGINNING: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?-u:\b)[A-Za-z]{2}[0-9]{2} ?[A-Za-z0-9]").expect("a fixed expression"));
const LENGTH: std::ops::RangeInclusive<usize> = 15..=34;

/// Accounts in the order of the text.
pub(super) fn accounts(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while let Some(beginning) = BEGINNING.find_at(text, at) {
        let start = beginning.start();
        match end(&text[start..]) {
            Some(length) => {
                found.push(start..start + length);
                at = start + length;
            }
            None => at = start + 2,
        }
    }
    found
}

/// Where the longest valid number that begins here ends.
fn end(text: &str) -> Option<usize> {
    let mut signs = Vec::with_capacity(*LENGTH.end());
    let mut longest = None;
    let mut gap = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b' ' if !gap => gap = true,
            _ if byte.is_ascii_alphanumeric() && signs.len() < *LENGTH.end() => {
                gap = false;
                signs.push(byte.to_ascii_uppercase());
                let ends_here = !text.as_bytes().get(at + 1).is_some_and(u8::is_ascii_alphanumeric);
                if ends_here && LENGTH.contains(&signs.len()) && is_valid(&signs) {
                    longest = Some(at + 1);
                }
            }
            _ => break,
        }
    }
    longest
}

/// Country and check digits moved to the end, letters as two digits: the rest by 97 is 1.
fn is_valid(signs: &[u8]) -> bool {
    let turned = signs[4..].iter().chain(&signs[..4]);
    let rest = turned.fold(0_u32, |rest, sign| match sign {
        b'0'..=b'9' => (rest * 10 + u32::from(sign - b'0')) % 97,
        letter => (rest * 100 + u32::from(letter - b'A') + 10) % 97,
    });
    rest == 1
}
