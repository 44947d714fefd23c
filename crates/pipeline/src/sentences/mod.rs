//! An answer as it is written becomes lines to speak. Pure: no clock, no channel, no task.
//!
//! Characters go one at a time through two automata: `markup` takes Markdown away, `splitter` finds where lines
//! end. As neither looks ahead, the lines are the same however the answer was cut into pieces.
mod blocks;
mod boundary;
mod clause;
mod gap;
mod inline;
mod markup;
mod splitter;
#[cfg(test)]
mod tests;
mod words;

use markup::{Markup, Plain};
use splitter::Splitter;
use voce_core::Line;

/// Words the first line must have before it may end inside a sentence.
const FIRST_LINE_MIN_WORDS: usize = 3;
/// Words after which the first line ends, sentence or not.
const FIRST_LINE_MAX_WORDS: usize = 8;

/// What an answer holds beside its words: not spoken, but worth showing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Aside {
    /// A fenced block of code.
    Code {
        /// The word behind the opening fence; may be empty.
        language: String,
        /// The block, line ends included.
        text: String,
    },
    /// A link or image. The text of a link is spoken, its address is not; of an image neither is.
    Link {
        /// What stands for the address.
        text: String,
        /// The address.
        url: String,
    },
}

/// Turns text that arrives in pieces of any size into lines to speak.
///
/// A line is a sentence, a heading, a list item or a table row. Two exceptions: the answer's first line may end
/// inside its sentence so that sound starts early, and very long sentences are split. Joined by spaces, the lines
/// are the spoken text.
#[derive(Debug)]
pub struct SentenceParser {
    markup: Markup,
    splitter: Splitter,
    asides: Vec<Aside>,
}

impl Default for SentenceParser {
    fn default() -> Self {
        Self::new(FIRST_LINE_MIN_WORDS, FIRST_LINE_MAX_WORDS)
    }
}

impl SentenceParser {
    /// A parser whose first line may end at a clause boundary after `first_line_min_words` words (and 12 characters)
    /// and ends after `first_line_max_words` words, or at the first harmless place behind them.
    pub fn new(first_line_min_words: usize, first_line_max_words: usize) -> Self {
        Self {
            markup: Markup::default(),
            splitter: Splitter::new(first_line_min_words, first_line_max_words),
            asides: Vec::new(),
        }
    }

    /// Takes the next piece of the answer and gives the lines whose end it proves.
    pub fn push(&mut self, piece: &str) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut plain = Vec::new();
        for character in piece.chars() {
            self.markup.push(character, &mut plain);
            self.take(&mut plain, &mut lines);
        }
        lines
    }

    /// Ends the answer and gives the lines that remain. The parser is then as new, but counts lines on.
    pub fn finish(&mut self) -> Vec<Line> {
        let (mut lines, mut plain) = (Vec::new(), Vec::new());
        self.markup.finish(&mut plain);
        self.take(&mut plain, &mut lines);
        self.splitter.end_line(&mut lines);
        lines
    }

    /// Hands out the code and links found since the last time, in the order of the answer.
    pub fn take_asides(&mut self) -> Vec<Aside> {
        std::mem::take(&mut self.asides)
    }

    fn take(&mut self, plain: &mut Vec<Plain>, lines: &mut Vec<Line>) {
        for item in plain.drain(..) {
            match item {
                Plain::Character(character) => self.splitter.push(character, lines),
                Plain::LineEnd => self.splitter.end_line(lines),
                Plain::Aside(aside) => self.asides.push(aside),
            }
        }
    }
}
