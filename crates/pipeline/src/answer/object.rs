//! The JSON form of an answer, a character at a time. Keys in any order, unknown ones skipped; what models write
//! wrongly (line ends and quotes within strings, commas too many, values of another type) is read as it was meant.
use super::{opening::KEYS, string::Decoder, values};
use crate::sentences::Aside;

/// Characters of one block of code or link, at most: what is beyond is left out.
const LONGEST_VALUE: usize = 100_000;

/// What the next character shows.
#[derive(Debug, PartialEq)]
pub enum Found {
    /// A character to speak.
    Spoken(char),
    /// Something to speak is over.
    SpokenEnd,
    /// Something to show is complete.
    Aside(Aside),
}

/// What a key's value is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Field {
    Spoken,
    Code,
    Links,
    #[default]
    Unknown,
}

#[derive(Debug, Default)]
enum State {
    /// Before the object's bracket.
    #[default]
    Before,
    /// Before a key, or behind a value.
    Member,
    Key(Decoder, String),
    Colon,
    /// Before a value.
    Value,
    /// In a string; what is spoken goes out at once, the rest is collected.
    Text(Decoder, String),
    /// Behind a quote that may have ended the string: what follows tells.
    Quote {
        value: String,
        behind: String,
    },
    /// In an object or list within a value.
    Nested {
        raw: String,
        depth: u32,
        in_string: bool,
        escaped: bool,
    },
    /// In a number, `true` and the like.
    Scalar(String),
    Over,
}

/// The automaton.
#[derive(Debug, Default)]
pub struct Object {
    state: State,
    field: Field,
    /// Whether the value is a list, which is not over yet.
    in_list: bool,
    is_answer: bool,
}

impl Object {
    /// Takes one character.
    pub fn push(&mut self, character: char, found: &mut Vec<Found>) {
        match std::mem::take(&mut self.state) {
            State::Before => self.state = if character == '{' { State::Member } else { State::Before },
            State::Member => self.member(character),
            State::Key(mut decoder, mut key) => {
                let is_whole = decoder.push(character, &mut key);
                self.state = if is_whole { self.name(&key) } else { State::Key(decoder, key) };
            }
            State::Colon => {
                self.state = match character {
                    ':' => State::Value,
                    '}' => State::Over,
                    '"' => State::Key(Decoder::default(), String::new()),
                    _ => State::Colon,
                }
            }
            State::Value => self.value(character),
            State::Text(decoder, value) => self.text(decoder, value, character, found),
            State::Quote { value, behind } => self.quote(value, behind, character, found),
            State::Nested { raw, depth, in_string, escaped } => {
                self.nested(raw, depth, in_string, escaped, character, found);
            }
            State::Scalar(text) => self.scalar(text, character, found),
            State::Over => self.state = State::Over,
        }
    }

    /// Takes what broke off for whole, where something of it is spoken.
    pub fn finish(&mut self, found: &mut Vec<Found>) {
        match std::mem::take(&mut self.state) {
            State::Quote { value, .. } => self.end_text(&value, found),
            State::Text(..) if self.field == Field::Spoken => found.push(Found::SpokenEnd),
            State::Scalar(text) => self.end_scalar(&text, found),
            _ => {}
        }
        self.state = State::Over;
    }

    /// Whether one of an answer's keys was seen.
    pub fn is_answer(&self) -> bool {
        self.is_answer
    }

    /// Whether its last bracket was seen.
    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    fn name(&mut self, key: &str) -> State {
        self.field = match KEYS.iter().position(|known| *known == key.trim()) {
            Some(0) => Field::Spoken,
            Some(1) => Field::Code,
            Some(_) => Field::Links,
            None => Field::Unknown,
        };
        self.is_answer |= self.field != Field::Unknown;
        self.in_list = false;
        State::Colon
    }

    fn member(&mut self, character: char) {
        self.state = match character {
            '"' => State::Key(Decoder::default(), String::new()),
            '}' => State::Over,
            _ => State::Member,
        };
    }

    fn value(&mut self, character: char) {
        self.state = match character {
            '"' => State::Text(Decoder::default(), String::new()),
            '[' if !self.in_list && self.field != Field::Unknown => {
                self.in_list = true;
                State::Value
            }
            ']' if self.in_list => {
                self.in_list = false;
                State::Member
            }
            '}' if !self.in_list => State::Over,
            '{' | '[' => State::Nested { raw: character.into(), depth: 1, in_string: false, escaped: false },
            ',' | '}' | ']' => State::Value,
            character if character.is_whitespace() => State::Value,
            character => State::Scalar(character.into()),
        };
    }

    fn text(&mut self, mut decoder: Decoder, mut value: String, character: char, found: &mut Vec<Found>) {
        let before = value.len();
        let is_over = decoder.push(character, &mut value);
        self.speak(&mut value, before, found);
        self.state = match is_over {
            true => State::Quote { value, behind: String::new() },
            false => State::Text(decoder, value),
        };
    }

    /// Gives what was added to `value` to the voice, if it is for it.
    fn speak(&self, value: &mut String, from: usize, found: &mut Vec<Found>) {
        if self.field == Field::Spoken {
            found.extend(value.drain(from..).map(Found::Spoken));
        } else if value.len() > LONGEST_VALUE || self.field == Field::Unknown {
            value.truncate(from);
        }
    }

    /// A quote ends a string where a comma or bracket follows, as JSON wants it; else somebody forgot its backslash.
    fn quote(&mut self, mut value: String, mut behind: String, character: char, found: &mut Vec<Found>) {
        behind.push(character);
        let mut rest = behind.trim_start().chars();
        let is_end = match rest.next() {
            None => None,
            Some('}') => Some(!self.in_list),
            Some(']') => Some(self.in_list),
            Some(',') => rest.as_str().trim_start().chars().next().map(|next| match next {
                '"' => true,
                '}' => !self.in_list,
                ']' => self.in_list,
                // What may stand in a list beside text.
                '{' | '[' | '-' | '0'..='9' | 't' | 'f' | 'n' => self.in_list,
                _ => false,
            }),
            // Somebody forgot the comma before the next key.
            Some('"') if !self.in_list => begins_key(rest.as_str()),
            Some(_) => Some(false),
        };
        match is_end {
            None => self.state = State::Quote { value, behind },
            Some(true) => {
                self.end_text(&value, found);
                behind.chars().for_each(|character| self.push(character, found));
            }
            Some(false) => {
                let before = value.len();
                value.push('"');
                self.speak(&mut value, before, found);
                self.state = State::Text(Decoder::default(), value);
                // Another quote among them may be the one that ends it.
                behind.chars().for_each(|character| self.push(character, found));
            }
        }
    }

    fn end_text(&mut self, value: &str, found: &mut Vec<Found>) {
        match self.field {
            Field::Spoken => found.push(Found::SpokenEnd),
            Field::Code => found.extend(values::code(value).map(Found::Aside)),
            Field::Links => found.extend(values::link(value).map(Found::Aside)),
            Field::Unknown => {}
        }
        self.state = self.behind_value();
    }

    fn behind_value(&self) -> State {
        if self.in_list { State::Value } else { State::Member }
    }

    fn nested(
        &mut self,
        mut raw: String,
        mut depth: u32,
        mut in_string: bool,
        mut escaped: bool,
        character: char,
        found: &mut Vec<Found>,
    ) {
        if raw.len() < LONGEST_VALUE && self.field != Field::Unknown {
            raw.push(character);
        }
        match character {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            '{' | '[' if !in_string => depth += 1,
            '}' | ']' if !in_string => depth -= 1,
            _ => {}
        }
        if depth > 0 {
            self.state = State::Nested { raw, depth, in_string, escaped };
            return;
        }
        match self.field {
            Field::Code => found.extend(values::code_from_json(&raw).map(Found::Aside)),
            Field::Links => found.extend(values::link_from_json(&raw).map(Found::Aside)),
            Field::Spoken | Field::Unknown => {}
        }
        self.state = self.behind_value();
    }

    fn scalar(&mut self, mut text: String, character: char, found: &mut Vec<Found>) {
        if !character.is_whitespace() && !",]}".contains(character) {
            if text.len() < LONGEST_VALUE {
                text.push(character);
            }
            self.state = State::Scalar(text);
            return;
        }
        self.end_scalar(&text, found);
        self.state = self.behind_value();
        self.push(character, found);
    }

    /// A number is spoken where words were expected; `null` is nothing.
    fn end_scalar(&self, text: &str, found: &mut Vec<Found>) {
        if self.field == Field::Spoken && text.parse::<f64>().is_ok() {
            found.extend(text.chars().map(Found::Spoken));
            found.push(Found::SpokenEnd);
        }
    }
}

/// Whether `text` goes on as one of the keys behind its quote; nothing while it may.
fn begins_key(text: &str) -> Option<bool> {
    let mut is_open = false;
    for key in KEYS {
        match text.strip_prefix(key) {
            Some("") => is_open = true,
            Some(behind) if behind.starts_with('"') => return Some(true),
            Some(_) => {}
            None => is_open |= key.starts_with(text),
        }
    }
    if is_open { None } else { Some(false) }
}
