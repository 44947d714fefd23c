//! An answer as it is written becomes lines to speak. Pure: no clock, no channel, no task.
//!
//! Characters go one at a time through two automata: `markup` takes Markdown away, `splitter` finds where lines
//! end. As neither looks ahead, the lines are the same however the answer was cut into pieces.
mod address;
mod blocks;
mod boundary;
mod clause;
mod gap;
mod inline;
mod marks;
mod markup;
mod splitter;
mod table;
#[cfg(test)]
mod tests;
mod words;

pub use address::site_name;

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
    /// A table. A short one is spoken as well.
    Table {
        /// Names of the columns; may be empty.
        header: Vec<String>,
        /// Cells by rows.
        rows: Vec<Vec<String>>,
    },
    /// A mark such as `[2]`.
    Citation {
        /// Numbers of passages, from 1.
        numbers: Vec<usize>,
    },
}

/// What an answer becomes, in its order: something to show comes before the line that it stands in, and behind all
/// lines that were over before it.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// Something to speak.
    Line(Line),
    /// Something to show.
    Aside(Aside),
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
    plain: Vec<Plain>,
    lines: Vec<Line>,
    text: String,
    line_is_open: bool,
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
            plain: Vec::new(),
            lines: Vec::new(),
            text: String::new(),
            line_is_open: false,
        }
    }

    /// Takes the next character of the answer and gives what it proves.
    pub fn push(&mut self, character: char, items: &mut Vec<Item>) {
        self.markup.push(character, &mut self.plain);
        self.take(items);
    }

    /// Ends the answer and gives what remains. The parser is then as new, but counts lines on.
    pub fn finish(&mut self, items: &mut Vec<Item>) {
        self.markup.finish(&mut self.plain);
        self.take(items);
        self.splitter.end_line(&mut self.lines);
        items.extend(self.lines.drain(..).map(Item::Line));
        self.end_text();
    }

    /// Hands out what was understood since the last time of the text that is spoken, ahead of the lines it becomes.
    /// Lines of the source end in line ends.
    pub fn take_text(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    fn take(&mut self, items: &mut Vec<Item>) {
        for item in std::mem::take(&mut self.plain) {
            match item {
                Plain::Character(character) => {
                    self.text.push(character);
                    self.line_is_open = true;
                    self.splitter.push(character, &mut self.lines);
                }
                Plain::LineEnd => {
                    self.end_text();
                    self.splitter.end_line(&mut self.lines);
                }
                Plain::Aside(aside) => items.push(Item::Aside(aside)),
            }
            items.extend(self.lines.drain(..).map(Item::Line));
        }
    }

    fn end_text(&mut self) {
        if std::mem::take(&mut self.line_is_open) {
            self.text.push('\n');
        }
    }
}
