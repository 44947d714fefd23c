//! A model's answer becomes lines to speak and things to look at. Pure: no clock, no channel, no task.
//!
//! It may be plain text with Markdown, or the JSON object `{"spoke_response": "...", "code_blocks": [...], "links":
//! [...]}`, also within a fence or behind some words. Characters go one at a time through automata, so that the result
//! is the same however the answer was cut into pieces, and words are spoken as they come.
mod object;
mod opening;
mod string;
#[cfg(test)]
mod tests;
mod values;

use object::{Found, Object};
use opening::Opening;

use crate::sentences::{Item, SentenceParser};

/// Turns an answer that arrives in pieces of any size into lines to speak and things to look at, in its order.
#[derive(Debug)]
pub struct AnswerParser {
    speech: SentenceParser,
    place: Place,
    /// Whether nothing but white space came since the answer or the last object began.
    is_start: bool,
    /// Whether any of it was the JSON object.
    is_json: bool,
}

#[derive(Debug)]
enum Place {
    /// Plain text, and what may become an object.
    Plain(Opening),
    /// In an object; all of it is kept until one of its keys shows that it is an answer.
    Object { object: Box<Object>, unproven: Option<String>, fenced: bool },
    /// Behind an object that stood in a fence, up to the fence's end.
    Behind(String),
}

/// Characters of an object without a known key after which it is plain text.
const LONGEST_UNPROVEN: usize = 20_000;

impl AnswerParser {
    /// A parser whose first line may end at a clause boundary after `first_line_min_words` words, and ends after
    /// `first_line_max_words` words.
    pub fn new(first_line_min_words: usize, first_line_max_words: usize) -> Self {
        Self {
            speech: SentenceParser::new(first_line_min_words, first_line_max_words),
            place: Place::Plain(Opening::default()),
            is_start: true,
            is_json: false,
        }
    }

    /// Takes the next piece of the answer and gives what it proves.
    pub fn push(&mut self, piece: &str) -> Vec<Item> {
        let mut items = Vec::new();
        piece.chars().for_each(|character| self.character(character, &mut items));
        items
    }

    /// Ends the answer and gives what remains. What breaks off within an object is spoken as far as it goes, and shown
    /// where it was complete.
    pub fn finish(&mut self) -> Vec<Item> {
        let mut items = Vec::new();
        match std::mem::replace(&mut self.place, Place::Plain(Opening::default())) {
            Place::Plain(opening) => {
                let rest = opening.at_end().to_owned();
                rest.chars().for_each(|character| self.speech.push(character, &mut items));
            }
            Place::Object { mut object, unproven: None, .. } => {
                let mut found = Vec::new();
                object.finish(&mut found);
                self.take(found, &mut items);
            }
            // Nothing of it was ever meant for the ear.
            Place::Object { unproven: Some(_), .. } | Place::Behind(_) => {}
        }
        self.speech.finish(&mut items);
        self.is_start = true;
        items
    }

    /// Hands out what was understood since the last time of the text that is spoken, ahead of the lines it becomes.
    pub fn take_text(&mut self) -> String {
        self.speech.take_text()
    }

    /// Whether any of the answer was the JSON object.
    pub fn is_json(&self) -> bool {
        self.is_json
    }

    fn character(&mut self, character: char, items: &mut Vec<Item>) {
        match &mut self.place {
            Place::Plain(_) => self.plain(character, items),
            Place::Object { .. } => self.object(character, items),
            Place::Behind(_) => self.behind(character, items),
        }
    }

    fn plain(&mut self, character: char, items: &mut Vec<Item>) {
        let Place::Plain(opening) = &mut self.place else { return };
        let (released, is_open) = opening.push(character, &mut self.is_start);
        released.chars().for_each(|character| self.speech.push(character, items));
        if !is_open {
            return;
        }
        let (fence, object) = opening.take();
        let fenced = !fence.is_empty();
        // What stands before it is over.
        self.speech.finish(items);
        let unproven = Some(fence);
        self.place = Place::Object { object: Box::default(), unproven, fenced };
        object.chars().for_each(|character| self.character(character, items));
    }

    fn object(&mut self, character: char, items: &mut Vec<Item>) {
        let Place::Object { object, unproven, fenced } = &mut self.place else { return };
        let mut found = Vec::new();
        object.push(character, &mut found);
        if let Some(raw) = unproven {
            raw.push(character);
            if object.is_answer() {
                self.is_json = true;
                *unproven = None;
            } else if object.is_over() || raw.len() > LONGEST_UNPROVEN {
                let raw = std::mem::take(raw);
                return self.disproven(&raw, items);
            }
        }
        if object.is_over() {
            self.place =
                if *fenced { Place::Behind(String::new()) } else { Place::Plain(Opening::default()) };
            self.is_start = true;
        }
        self.take(found, items);
    }

    /// It was an object, but none of ours.
    fn disproven(&mut self, raw: &str, items: &mut Vec<Item>) {
        self.place = Place::Plain(Opening::default());
        self.is_start = false;
        raw.chars().for_each(|character| self.speech.push(character, items));
    }

    /// Takes the fence's end away.
    fn behind(&mut self, character: char, items: &mut Vec<Item>) {
        let Place::Behind(seen) = &mut self.place else { return };
        seen.push(character);
        let rest = seen.trim_start();
        if rest.len() < 3 && "```".starts_with(rest) {
            return;
        }
        let rest = rest.strip_prefix("```").unwrap_or(rest).to_owned();
        self.place = Place::Plain(Opening::default());
        rest.chars().for_each(|character| self.character(character, items));
    }

    fn take(&mut self, found: Vec<Found>, items: &mut Vec<Item>) {
        for found in found {
            match found {
                Found::Spoken(character) => self.speech.push(character, items),
                Found::SpokenEnd => self.speech.finish(items),
                Found::Aside(aside) => items.push(Item::Aside(aside)),
            }
        }
    }
}
