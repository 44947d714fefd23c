//! Long numbers, written or spoken: payment cards by their check digit, spelt telephone numbers by their length.
use std::ops::Range;

/// Shorter runs of digits are neither a card nor a telephone number.
const SHORTEST: usize = 7;
const CARD: std::ops::RangeInclusive<usize> = 13..=19;

/// What a long number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Card,
    Phone,
}

/// One digit of a run.
struct Digit {
    value: u8,
    /// Its place in the text; digits of one word share it.
    place: Range<usize>,
    /// Whether it is the first, or the last, of its group.
    starts: bool,
    ends: bool,
}

/// Cards and spelt telephone numbers, in the order of the text.
pub(super) fn numbers(text: &str) -> Vec<(Kind, Range<usize>)> {
    let mut found = Vec::new();
    let mut tokens = Tokens { text, at: 0 };
    let mut run = Run::default();
    while let Some(token) = tokens.next() {
        let digits = Value::of(&text[token.clone()]);
        if !digits.is_number() {
            run.close(text, &mut found);
        } else if !run.takes(text, &token, digits) {
            run.close(text, &mut found);
            run.add(&token, digits);
        } else {
            run.add(&token, digits);
        }
    }
    run.close(text, &mut found);
    found
}

/// A stretch of numbers with nothing but separators between them. Only counted: most are a year or a price.
#[derive(Default)]
struct Run {
    place: Range<usize>,
    digits: usize,
    /// Whether the last token was one digit, or a word.
    last_is_single: bool,
}

impl Run {
    fn takes(&self, text: &str, token: &Range<usize>, digits: Value) -> bool {
        self.digits == 0
            || is_separator(&text[self.place.end..token.start], self.last_is_single || digits.is_single())
    }

    fn add(&mut self, token: &Range<usize>, digits: Value) {
        if self.digits == 0 {
            self.place.start = token.start;
        }
        self.place.end = token.end;
        self.digits += digits.count();
        self.last_is_single = digits.is_single();
    }

    fn close(&mut self, text: &str, found: &mut Vec<(Kind, Range<usize>)>) {
        let run = std::mem::take(self);
        if run.digits >= SHORTEST {
            judge(&collect(text, run.place), found);
        }
    }
}

/// Commas and full stops part numbers, but recognisers write them between digits that are spoken one by one.
fn is_separator(between: &str, spelt: bool) -> bool {
    between.chars().count() <= 3
        && between.chars().all(|sign| match sign {
            ' ' | '-' | '\u{a0}' | '\u{2011}' | '\u{2013}' | '\u{202f}' => true,
            ',' | '.' | '\n' => spelt,
            _ => false,
        })
}

fn collect(text: &str, place: Range<usize>) -> Vec<Digit> {
    let mut digits: Vec<Digit> = Vec::new();
    let mut times = 1;
    let mut opened = None;
    let mut tokens = Tokens { text: &text[..place.end], at: place.start };
    while let Some(token) = tokens.next() {
        let word = &text[token.clone()];
        let value = Value::of(word);
        match value {
            Value::Nothing => {}
            Value::Times(more) => (times, opened) = (more, Some(token.start)),
            Value::Written(count) if count > 1 => {
                for (at, byte) in word.bytes().enumerate() {
                    let place = token.start + at..token.start + at + 1;
                    digits.push(Digit { value: byte - b'0', place, starts: at == 0, ends: at + 1 == count });
                }
                (times, opened) = (1, None);
            }
            Value::Written(_) | Value::Spoken(_) => {
                let value = if let Value::Spoken(value) = value { value } else { word.as_bytes()[0] - b'0' };
                for at in 0..times {
                    let place = opened.unwrap_or(token.start)..token.end;
                    digits.push(Digit { value, place, starts: at == 0, ends: at + 1 == times });
                }
                (times, opened) = (1, None);
            }
            Value::Two(tens, ones) => {
                for (value, starts) in [(tens, true), (ones, false)] {
                    digits.push(Digit { value, place: token.clone(), starts, ends: !starts });
                }
                (times, opened) = (1, None);
            }
            Value::Tens(tens) => {
                // "forty two" is 42 and "forty" alone 40: which one, the next word says.
                let ones = tokens.clone().next().map(|next| (Value::of(&text[next.clone()]), next));
                let (ones, end) = match ones {
                    Some((Value::Spoken(ones), next)) if ones > 0 => {
                        tokens.at = next.end;
                        (ones, next.end)
                    }
                    _ => (0, token.end),
                };
                for (value, starts) in [(tens, true), (ones, false)] {
                    digits.push(Digit { value, place: token.start..end, starts, ends: !starts });
                }
                (times, opened) = (1, None);
            }
        }
    }
    digits
}

fn judge(digits: &[Digit], found: &mut Vec<(Kind, Range<usize>)>) {
    let before = found.len();
    for (first, digit) in digits.iter().enumerate() {
        // 2 to 6 is what the networks begin their numbers with.
        if !digit.starts || !(2..=6).contains(&digit.value) {
            continue;
        }
        for length in CARD {
            let Some(card) = digits.get(first..first + length) else { break };
            let last = &card[length - 1];
            if last.ends && has_check_digit(card) {
                add(found, before, digit.place.start..last.place.end);
            }
        }
    }
    if found.len() == before && is_spelt(digits) && is_phone(digits) {
        let last = digits.last().map_or(0, |digit| digit.place.end);
        found.push((Kind::Phone, digits[0].place.start..last));
    }
}

/// Numbers that overlap are one: whatever part of it is the card, no part of it is left.
fn add(found: &mut Vec<(Kind, Range<usize>)>, before: usize, place: Range<usize>) {
    match found[before..].last_mut() {
        Some((_, earlier)) if earlier.end >= place.start => earlier.end = earlier.end.max(place.end),
        _ => found.push((Kind::Card, place)),
    }
}

/// The sum of Luhn: every second digit from the right counts twice.
fn has_check_digit(card: &[Digit]) -> bool {
    let sum: u32 = card
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, u32::from(digit.value)) {
            (0, value) => value,
            (_, value) if value < 5 => value * 2,
            (_, value) => value * 2 - 9,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Whether the digits were spoken one by one, or in twos and threes by words.
fn is_spelt(digits: &[Digit]) -> bool {
    let spelt = digits.iter().filter(|digit| digit.starts && (digit.ends || digit.place.len() > 1)).count();
    spelt * 2 > digits.iter().filter(|digit| digit.starts).count()
}

fn is_phone(digits: &[Digit]) -> bool {
    match (digits.len(), digits[0].value) {
        (7, first) => first >= 2,
        (8 | 9, first) => first == 0,
        (10..=15, _) => true,
        _ => false,
    }
}

/// What a word says as a part of a number.
#[derive(Clone, Copy)]
enum Value {
    Nothing,
    /// So many digits.
    Written(usize),
    Spoken(u8),
    /// Tens that wait for their ones.
    Tens(u8),
    Two(u8, u8),
    /// The next digit, so often.
    Times(usize),
}

impl Value {
    fn of(word: &str) -> Self {
        let first = word.as_bytes()[0].to_ascii_lowercase();
        if first.is_ascii_digit() {
            let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
            return if is_number { Self::Written(word.len()) } else { Self::Nothing };
        }
        // Nearly all words end here.
        if word.len() > LONGEST_WORD || !matches!(first, b'd'..=b'f' | b'n' | b'o' | b's' | b't' | b'z') {
            return Self::Nothing;
        }
        let known = WORDS
            .iter()
            .filter(|(known, _)| known.len() == word.len() && known.as_bytes()[0] == first)
            .find(|(known, _)| known.eq_ignore_ascii_case(word));
        known.map_or(Self::Nothing, |(_, value)| *value)
    }

    fn is_number(self) -> bool {
        !matches!(self, Self::Nothing)
    }

    /// How many digits it has, nearly: this only sorts out what is too short.
    fn count(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Written(count) => count,
            Self::Spoken(_) => 1,
            Self::Tens(_) | Self::Two(..) => 2,
            // With the digit that follows.
            Self::Times(times) => times - 1,
        }
    }

    fn is_single(self) -> bool {
        !matches!(self, Self::Written(2..))
    }
}

/// The letters of the longest of [`WORDS`].
const LONGEST_WORD: usize = 9;

const WORDS: &[(&str, Value)] = &[
    ("zero", Value::Spoken(0)),
    ("oh", Value::Spoken(0)),
    ("o", Value::Spoken(0)),
    ("nought", Value::Spoken(0)),
    ("one", Value::Spoken(1)),
    ("two", Value::Spoken(2)),
    ("three", Value::Spoken(3)),
    ("four", Value::Spoken(4)),
    ("five", Value::Spoken(5)),
    ("six", Value::Spoken(6)),
    ("seven", Value::Spoken(7)),
    ("eight", Value::Spoken(8)),
    ("nine", Value::Spoken(9)),
    ("ten", Value::Two(1, 0)),
    ("eleven", Value::Two(1, 1)),
    ("twelve", Value::Two(1, 2)),
    ("thirteen", Value::Two(1, 3)),
    ("fourteen", Value::Two(1, 4)),
    ("fifteen", Value::Two(1, 5)),
    ("sixteen", Value::Two(1, 6)),
    ("seventeen", Value::Two(1, 7)),
    ("eighteen", Value::Two(1, 8)),
    ("nineteen", Value::Two(1, 9)),
    ("twenty", Value::Tens(2)),
    ("thirty", Value::Tens(3)),
    ("forty", Value::Tens(4)),
    ("fifty", Value::Tens(5)),
    ("sixty", Value::Tens(6)),
    ("seventy", Value::Tens(7)),
    ("eighty", Value::Tens(8)),
    ("ninety", Value::Tens(9)),
    ("double", Value::Times(2)),
    ("triple", Value::Times(3)),
    ("treble", Value::Times(3)),
];

/// Words and numbers of a text: stretches of letters and digits.
#[derive(Clone)]
struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl Tokens<'_> {
    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.skip(self.at, false)?;
        let end = self.skip(start, true).unwrap_or(self.text.len());
        self.at = end;
        Some(start..end)
    }

    /// The first place from `at` where a token ends, or begins.
    fn skip(&self, mut at: usize, within: bool) -> Option<usize> {
        let bytes = self.text.as_bytes();
        while let Some(byte) = bytes.get(at) {
            let (is_part, length) = match byte {
                0..0x80 => (byte.is_ascii_alphanumeric(), 1),
                _ => {
                    let sign = self.text[at..].chars().next()?;
                    (sign.is_alphanumeric(), sign.len_utf8())
                }
            };
            if is_part != within {
                return Some(at);
            }
            at += length;
        }
        None
    }
}
