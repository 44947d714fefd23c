//! Hard cases as tables, and what must hold for any text.
mod early;
mod markdown;
mod properties;
mod sentence;

use voce_core::Line;

use super::{Aside, Item, SentenceParser};

/// Gives `text` to `parser`, and what it proves as lines and asides.
fn push(parser: &mut SentenceParser, text: &str) -> (Vec<Line>, Vec<Aside>) {
    let mut items = Vec::new();
    text.chars().for_each(|character| parser.push(character, &mut items));
    apart(items)
}

fn finish(parser: &mut SentenceParser) -> (Vec<Line>, Vec<Aside>) {
    let mut items = Vec::new();
    parser.finish(&mut items);
    apart(items)
}

fn apart(items: Vec<Item>) -> (Vec<Line>, Vec<Aside>) {
    let (mut lines, mut asides) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Item::Line(line) => lines.push(line),
            Item::Aside(aside) => asides.push(aside),
        }
    }
    (lines, asides)
}

/// What `text` becomes, pushed whole.
fn parsed(mut parser: SentenceParser, text: &str) -> (Vec<Line>, Vec<Aside>) {
    let (mut lines, mut asides) = push(&mut parser, text);
    let (more_lines, more_asides) = finish(&mut parser);
    lines.extend(more_lines);
    asides.extend(more_asides);
    (lines, asides)
}

/// The lines of `text`, pushed whole.
fn lines(parser: SentenceParser, text: &str) -> Vec<Line> {
    parsed(parser, text).0
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
