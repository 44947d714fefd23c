//! Markdown goes in a character at a time, plain characters come out. Lines and blocks here, the rest in `inline`.
use super::{
    Aside,
    blocks::{Block, block},
    inline::{self, Found},
    table::Table,
};

/// Lines shorter than this were not broken by a right margin, so their end means something.
const MARGIN_CHARACTERS: usize = 50;

/// What is left once the markup is gone.
#[derive(Debug, PartialEq, Eq)]
pub enum Plain {
    /// A character to speak. Spaces are single and stand between tokens only.
    Character(char),
    /// A heading, item, row or paragraph is over.
    LineEnd,
    /// Something to show, not to speak.
    Aside(Aside),
}

/// What the characters are part of.
#[derive(Debug)]
enum Place {
    /// The start of a line, before its first word.
    Start,
    /// The words of a line.
    Words,
    /// A fenced block: its fence, and the language once the first line is over.
    Fence { mark: char, length: usize, language: Option<String>, text: String },
    /// The lines of a table: how long it is decides whether it is spoken.
    Table { lines: Vec<String> },
    /// Something whose text nobody should hear, up to this closing tag.
    Silent { until: String, seen: String },
}

/// The automaton.
#[derive(Debug)]
pub struct Markup {
    place: Place,
    /// Characters whose meaning is still open.
    pending: String,
    /// A space is due before the next character.
    space: bool,
    /// A cell of a table ended, so a comma is due before the next character.
    cell: bool,
    /// A line ended; whether it was a line's end to the ear depends on the next one.
    newline: bool,
    in_heading: bool,
    /// A mark was taken away, so the space before it may stand before a full stop.
    cited: bool,
    /// References that were spoken and whose address is still to come: id and text.
    references: Vec<(String, String)>,
    /// The number that goes on the list.
    next_number: Option<u32>,
    /// The token under construction, and the characters spoken of this line of the source.
    token: String,
    spoken: usize,
    last: Option<char>,
}

impl Default for Markup {
    fn default() -> Self {
        Self {
            place: Place::Start,
            pending: String::new(),
            space: false,
            cell: false,
            newline: false,
            in_heading: false,
            cited: false,
            references: Vec::new(),
            next_number: None,
            token: String::new(),
            spoken: 0,
            last: None,
        }
    }
}

impl Markup {
    /// Takes one character.
    pub fn push(&mut self, character: char, out: &mut Vec<Plain>) {
        if character == '\r' {
            return;
        }
        self.pending.push(character);
        self.resolve(false, out);
    }

    /// Takes what is pending for what it looks like; the next character starts a new text.
    pub fn finish(&mut self, out: &mut Vec<Plain>) {
        self.resolve(true, out);
        self.end_table(out);
        if let Place::Fence { language, text, .. } = std::mem::replace(&mut self.place, Place::Start) {
            out.push(Plain::Aside(Aside::Code { language: language.unwrap_or_default(), text }));
        }
        *self = Self::default();
    }

    fn resolve(&mut self, is_end: bool, out: &mut Vec<Plain>) {
        while !self.pending.is_empty() {
            let before = (self.pending.len(), std::mem::discriminant(&self.place));
            match &self.place {
                Place::Start => self.start(is_end, out),
                Place::Words => self.words(is_end, out),
                Place::Fence { .. } => self.fence(is_end, out),
                Place::Table { .. } => self.table(is_end, out),
                Place::Silent { .. } => self.silent(),
            }
            if before != (self.pending.len(), std::mem::discriminant(&self.place)) {
                continue;
            }
            if !is_end {
                return;
            }
            // At the end nothing more can turn the start of a line into a block.
            self.place = Place::Words;
        }
    }

    /// Decides what kind of line begins, and takes its marks away.
    fn start(&mut self, is_end: bool, out: &mut Vec<Plain>) {
        match block(&self.pending, self.next_number, is_end) {
            Block::Wait => {}
            Block::Blank(length) => {
                self.pending.drain(..length);
                self.newline = false;
                self.end_line(out);
            }
            Block::Mark(length) => {
                self.pending.drain(..length);
                self.newline = false;
                self.end_line(out);
            }
            Block::Numbered { length, number } => {
                self.pending.drain(..length);
                self.newline = false;
                self.end_line(out);
                self.next_number = Some(number + 1);
            }
            Block::Heading(length) => {
                self.pending.drain(..length);
                self.newline = false;
                self.end_line(out);
                self.in_heading = true;
                self.place = Place::Words;
            }
            Block::Table => {
                self.newline = false;
                self.end_line(out);
                self.place = Place::Table { lines: Vec::new() };
            }
            Block::Fence { mark, length } => {
                self.pending.drain(..length);
                self.newline = false;
                self.end_line(out);
                self.place = Place::Fence { mark, length, language: None, text: String::new() };
            }
            Block::Words(spaces) => {
                self.pending.drain(..spaces);
                self.place = Place::Words;
            }
        }
    }

    /// Takes markup within a line away.
    fn words(&mut self, is_end: bool, out: &mut Vec<Plain>) {
        let context = inline::Context { last: self.last, space: self.space, token: &self.token };
        match inline::find(&self.pending, &context, is_end) {
            Found::Wait => {}
            Found::Character { length, character } => {
                self.pending.drain(..length);
                self.character(character, out);
            }
            Found::Newline(length) => {
                self.pending.drain(..length);
                self.newline(out);
            }
            Found::Nothing(length) => drop(self.pending.drain(..length)),
            Found::Text { length, text } => {
                self.pending.drain(..length);
                text.chars().for_each(|character| self.emit(character, out));
            }
            Found::Link { length, text, url, is_spoken } => {
                self.pending.drain(..length);
                let (text, _) = plain(&text);
                if is_spoken {
                    text.chars().for_each(|character| self.emit(character, out));
                }
                out.push(Plain::Aside(Aside::Link { text, url }));
            }
            Found::Reference { length, text, id } => {
                self.pending.drain(..length);
                let (text, _) = plain(&text);
                text.chars().for_each(|character| self.emit(character, out));
                self.references.push((if id.is_empty() { text.clone() } else { id }, text));
            }
            Found::Definition { length, id, url } => {
                self.pending.drain(..length);
                let named = self.references.iter().find(|(known, _)| known.eq_ignore_ascii_case(&id));
                let text = named.map(|(_, text)| text.clone()).unwrap_or_default();
                out.push(Plain::Aside(Aside::Link { text, url }));
            }
            Found::Citation { length, numbers } => {
                self.pending.drain(..length);
                self.cited = true;
                if !numbers.is_empty() {
                    out.push(Plain::Aside(Aside::Citation { numbers }));
                }
            }
            Found::LineEnd(length) => {
                self.pending.drain(..length);
                self.end_line(out);
            }
            Found::Silent { length, until } => {
                self.pending.drain(..length);
                self.place = Place::Silent { until, seen: String::new() };
            }
        }
    }

    fn character(&mut self, character: char, out: &mut Vec<Plain>) {
        let stands_alone = self.space || self.last.is_none();
        let splits_cells = character == '|' && stands_alone;
        if splits_cells {
            self.cell = self.last.is_some_and(|last| last.is_alphanumeric() || ")\"”'’%".contains(last));
            self.space = true;
        } else {
            self.emit(character, out);
        }
    }

    fn emit(&mut self, character: char, out: &mut Vec<Plain>) {
        if character.is_whitespace() {
            self.space = true;
            return;
        }
        if is_unspeakable(character) {
            return;
        }
        if std::mem::take(&mut self.newline) {
            self.join_lines(character, out);
        }
        if std::mem::take(&mut self.cell) {
            out.push(Plain::Character(','));
        }
        if std::mem::take(&mut self.cited) && ".,;:!?".contains(character) {
            self.space = false;
        }
        if std::mem::take(&mut self.space) && self.last.is_some() {
            out.push(Plain::Character(' '));
            self.token.clear();
            self.spoken += 1;
        }
        self.token.push(character);
        self.spoken += 1;
        self.last = Some(character);
        out.push(Plain::Character(character));
    }

    /// Settles what the end of the line before meant, now that the next begins with `first`.
    fn join_lines(&mut self, first: char, out: &mut Vec<Plain>) {
        let is_short = std::mem::take(&mut self.spoken) < MARGIN_CHARACTERS;
        if is_short && !first.is_lowercase() {
            self.end_line(out);
        } else {
            self.space = true;
        }
    }

    fn newline(&mut self, out: &mut Vec<Plain>) {
        self.place = Place::Start;
        if self.in_heading {
            self.end_line(out);
        } else {
            self.newline = self.last.is_some();
            self.space = true;
        }
    }

    fn end_line(&mut self, out: &mut Vec<Plain>) {
        if self.last.take().is_some() {
            out.push(Plain::LineEnd);
        }
        self.space = false;
        self.cell = false;
        self.cited = false;
        self.in_heading = false;
        self.spoken = 0;
        self.token.clear();
    }

    /// Collects a fenced block, a whole line at a time.
    fn fence(&mut self, is_end: bool, out: &mut Vec<Plain>) {
        let length_of_line = match self.pending.find('\n') {
            Some(at) => at + 1,
            None if is_end => self.pending.len(),
            None => return,
        };
        let Place::Fence { mark, length, language, text } = &mut self.place else { return };
        let line: String = self.pending.drain(..length_of_line).collect();
        let closing = line.trim();
        match language {
            None => *language = Some(closing.to_owned()),
            Some(_) if closing.len() >= *length && closing.chars().all(|c| c == *mark) => {
                let aside =
                    Aside::Code { language: language.take().unwrap_or_default(), text: std::mem::take(text) };
                out.push(Plain::Aside(aside));
                self.place = Place::Start;
            }
            Some(_) => text.push_str(&line),
        }
    }

    /// Collects the lines of a table, and gives it once a line is none of its own.
    fn table(&mut self, is_end: bool, out: &mut Vec<Plain>) {
        let Place::Table { lines } = &mut self.place else { return };
        let begins = self.pending.trim_start_matches([' ', '\t']).chars().next();
        let end = self.pending.find('\n');
        match (begins, end) {
            (Some('|'), Some(at)) => lines.push(self.pending.drain(..=at).collect()),
            (Some('|'), None) if is_end => lines.push(std::mem::take(&mut self.pending)),
            (Some('|'), None) => {}
            (None, _) if !is_end => {}
            (_, _) => self.end_table(out),
        }
    }

    fn end_table(&mut self, out: &mut Vec<Plain>) {
        let Place::Table { lines } = &mut self.place else { return };
        let lines = std::mem::take(lines);
        self.place = Place::Start;
        let mut table = Table::read(&lines);
        let (is_spoken, is_shown) = (table.is_spoken(), table.is_shown());
        let mut asides = Vec::new();
        for cell in table.header.iter_mut().chain(table.rows.iter_mut().flatten()) {
            let (text, found) = plain(cell);
            *cell = text;
            asides.extend(found);
        }
        let Table { header, rows } = table;
        if is_spoken {
            std::iter::once(&header).chain(&rows).for_each(|row| self.speak_row(row, out));
        }
        if is_shown {
            out.push(Plain::Aside(Aside::Table { header, rows }));
        }
        out.extend(asides.into_iter().map(Plain::Aside));
    }

    fn speak_row(&mut self, row: &[String], out: &mut Vec<Plain>) {
        for cell in row {
            self.cell = self.last.is_some_and(|last| last.is_alphanumeric() || ")\"”'’%".contains(last));
            self.space = true;
            cell.chars().for_each(|character| self.emit(character, out));
        }
        self.end_line(out);
    }

    fn silent(&mut self) {
        let Place::Silent { until, seen } = &mut self.place else { return };
        for character in self.pending.drain(..) {
            seen.push(character.to_ascii_lowercase());
        }
        // Only the end can match, so only as much is kept.
        if seen.ends_with(until.as_str()) {
            self.place = Place::Start;
        } else if seen.len() > 4 * until.len() {
            let keep = seen.char_indices().rev().nth(until.len()).map_or(0, |(at, _)| at);
            seen.drain(..keep);
        }
    }
}

/// `text` without its markup, and what it held beside its words.
fn plain(text: &str) -> (String, Vec<Aside>) {
    let (mut markup, mut out) = (Markup { place: Place::Words, ..Markup::default() }, Vec::new());
    text.chars().for_each(|character| markup.push(character, &mut out));
    markup.finish(&mut out);
    let (mut characters, mut asides) = (String::new(), Vec::new());
    for item in out {
        match item {
            Plain::Character(character) => characters.push(character),
            Plain::LineEnd => characters.push(' '),
            Plain::Aside(aside) => asides.push(aside),
        }
    }
    (characters.trim_end().to_owned(), asides)
}

/// Emoji, arrows of the emoji kind, marks without width, control characters.
fn is_unspeakable(character: char) -> bool {
    matches!(u32::from(character),
        0x00..=0x1f | 0x7f..=0x9f | 0xad | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x2064 | 0xfeff
        | 0x20e3 | 0x231a..=0x231b | 0x23e9..=0x23fa | 0x25aa..=0x25ab | 0x25b6 | 0x25c0 | 0x25fb..=0x25fe
        | 0x2600..=0x27bf | 0x2934..=0x2935 | 0x2b00..=0x2bff | 0xfe00..=0xfe0f | 0x1f000..=0x1faff
        | 0xe0000..=0xe007f | 0xfffd)
}
