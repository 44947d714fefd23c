//! Hard cases as tables, and what must hold for any text.
mod early;
mod markdown;
mod properties;
mod sentence;

use voce_core::Line;

use super::SentenceParser;

/// The lines of `text`, pushed whole.
fn lines(mut parser: SentenceParser, text: &str) -> Vec<Line> {
    let mut lines = parser.push(text);
    lines.extend(parser.finish());
    lines
}

/// The lines without an early end of the first.
fn whole_sentences(text: &str) -> Vec<String> {
    lines(SentenceParser::new(usize::MAX / 2, usize::MAX / 2), text)
        .into_iter()
        .map(|line| line.text)
        .collect()
}

/// Compares every case and reports all that differ.
fn check(cases: &[(&str, &[&str])], split: impl Fn(&str) -> Vec<String>) {
    let mut wrong = String::new();
    for (text, expected) in cases {
        let found = split(text);
        if found != *expected {
            wrong.push_str(&format!("\n{text:?}\n  expected {expected:?}\n  found    {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
