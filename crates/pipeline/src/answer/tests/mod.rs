//! The JSON form, what models make of it, and what must hold for any answer.
mod defects;
mod forms;
mod properties;

use super::AnswerParser;
use crate::sentences::{Aside, Item};

/// What an answer became.
#[derive(Debug, Default, PartialEq)]
pub struct Outcome {
    pub lines: Vec<String>,
    pub asides: Vec<Aside>,
    pub text: String,
    pub items: Vec<Item>,
    pub is_json: bool,
}

/// Pushes `pieces` one by one.
pub fn outcome<'a>(pieces: impl IntoIterator<Item = &'a str>) -> Outcome {
    let mut parser = AnswerParser::new(usize::MAX / 2, usize::MAX / 2);
    let mut outcome = Outcome::default();
    for piece in pieces {
        outcome.items.extend(parser.push(piece));
        outcome.text.push_str(&parser.take_text());
    }
    outcome.items.extend(parser.finish());
    outcome.text.push_str(&parser.take_text());
    for item in &outcome.items {
        match item {
            Item::Line(line) => outcome.lines.push(line.text.clone()),
            Item::Aside(aside) => outcome.asides.push(aside.clone()),
        }
    }
    outcome.is_json = parser.is_json();
    outcome
}

pub fn whole(text: &str) -> Outcome {
    outcome([text])
}

/// Piece by piece, a character each.
pub fn characters(text: &str) -> Outcome {
    let pieces: Vec<String> = text.chars().map(String::from).collect();
    outcome(pieces.iter().map(String::as_str))
}

pub fn code(language: &str, text: &str) -> Aside {
    Aside::Code { language: language.into(), text: text.into() }
}

pub fn link(text: &str, url: &str) -> Aside {
    Aside::Link { text: text.into(), url: url.into() }
}
