//! Plain characters become lines. Single spaces between tokens are expected; a line's end is told from outside.
use voce_core::Line;

use super::{
    boundary::{Verdict, ends_sentence},
    clause::{CLAUSE, ends_clause, harm},
    gap::{Gap, count_words, has_word},
};

/// Characters the first line must have before it may end inside a sentence.
const FIRST_LINE_MIN_CHARACTERS: usize = 12;
/// Words after which lines are sentences again: the voice is far enough ahead of the ear.
const WORDS_OF_A_GOOD_START: usize = 20;
/// Characters after which a sentence is split. Kokoro takes 510 phonemes, about 450 letters; less sounds sooner.
const LONGEST_CHARACTERS: usize = 220;
/// A split leaves at least so many characters before it.
const SHORTEST_SPLIT_CHARACTERS: usize = 60;

/// The line under construction.
#[derive(Debug)]
pub struct Splitter {
    min_words: usize,
    max_words: usize,
    /// The sentence so far, from the last line's end.
    text: String,
    /// Byte offset of the space whose meaning is still open; at most one is.
    open: Option<usize>,
    /// Whether the open space is known not to end the sentence.
    within_sentence: bool,
    index: u32,
    begins_sentence: bool,
    spoken_words: usize,
}

impl Splitter {
    /// The first line has `min_words` to `max_words` words where its sentence is longer.
    pub fn new(min_words: usize, max_words: usize) -> Self {
        Self {
            min_words,
            max_words: max_words.max(min_words).max(1),
            text: String::new(),
            open: None,
            within_sentence: false,
            index: 0,
            begins_sentence: true,
            spoken_words: 0,
        }
    }

    /// Takes one character.
    pub fn push(&mut self, character: char, lines: &mut Vec<Line>) {
        if character != ' ' {
            self.text.push(character);
            self.settle(false, lines);
            return;
        }
        self.settle(true, lines);
        if !self.text.is_empty() {
            self.open = Some(self.text.len());
            self.within_sentence = false;
            self.text.push(' ');
        }
    }

    /// Ends the line, sentence or not.
    pub fn end_line(&mut self, lines: &mut Vec<Line>) {
        self.settle(true, lines);
        self.open = None;
        let end = self.text.len();
        self.emit(end, true, lines);
        self.begins_sentence = true;
    }

    /// Decides about the open space as far as what follows it allows.
    fn settle(&mut self, next_is_whole: bool, lines: &mut Vec<Line>) {
        let Some(at) = self.open else { return };
        let gap = self.gap(at, next_is_whole);
        if gap.next.is_empty() {
            return;
        }
        if !self.within_sentence {
            match ends_sentence(&gap) {
                Verdict::Wait => return,
                Verdict::No => self.within_sentence = true,
                Verdict::Yes => {
                    self.open = None;
                    return self.emit(at, true, lines);
                }
            }
        }
        let gap = self.gap(at, next_is_whole);
        let clause = ends_clause(&gap);
        if clause == Verdict::Wait {
            return;
        }
        let end = self.early_end(&gap, clause == Verdict::Yes).or_else(|| self.late_end(&gap));
        self.open = None;
        if let Some(end) = end {
            self.emit(end, false, lines);
        }
    }

    fn gap(&self, at: usize, next_is_whole: bool) -> Gap<'_> {
        let rest = &self.text[at + 1..];
        let next = rest.split(' ').next().unwrap_or_default();
        Gap { before: &self.text[..at], next, next_is_whole: next_is_whole || next.len() < rest.len() }
    }

    /// Where one of the answer's first lines ends inside its sentence, if `gap` shows that it should.
    fn early_end(&self, gap: &Gap, is_clause: bool) -> Option<usize> {
        let is_first = self.spoken_words < self.min_words;
        if is_first && is_clause && self.is_long_enough(gap) {
            return Some(gap.before.len());
        }
        if gap.words() < self.most_words(is_first)? {
            return None;
        }
        self.least_harmful(gap.before.len(), |candidate| self.is_long_enough(candidate))
    }

    /// Words of the next line, at most; `None`: as many as its sentence has. A voice that takes up to two thirds of
    /// the time it speaks has the next line ready before this one is over, so that no gap opens inside a sentence.
    fn most_words(&self, is_first: bool) -> Option<usize> {
        match self.spoken_words {
            _ if is_first => Some(self.max_words),
            spoken if spoken < WORDS_OF_A_GOOD_START => Some(self.max_words.max(spoken * 3 / 2)),
            _ => None,
        }
    }

    fn is_long_enough(&self, gap: &Gap) -> bool {
        // "and" and "or" join words as often as clauses, so they need more in front of them.
        let joins = matches!(gap.next, "and" | "or") && !gap.last().ends_with(',');
        gap.words() >= self.min_words + 2 * usize::from(joins)
            && gap.before.chars().count() >= FIRST_LINE_MIN_CHARACTERS
    }

    /// Where an overlong sentence is split, if it is overlong at `gap`.
    fn late_end(&self, gap: &Gap) -> Option<usize> {
        if gap.before.chars().count() < LONGEST_CHARACTERS {
            return None;
        }
        self.least_harmful(gap.before.len(), |candidate| {
            candidate.before.chars().count() >= SHORTEST_SPLIT_CHARACTERS
        })
    }

    /// The best place to pause at or before byte `last`, the later of two equals.
    fn least_harmful(&self, last: usize, allowed: impl Fn(&Gap) -> bool) -> Option<usize> {
        self.text[..=last]
            .match_indices(' ')
            .map(|(at, _)| (at, self.gap(at, at < last)))
            .filter(|(_, gap)| allowed(gap))
            .filter_map(|(at, gap)| Some((at, harm(&gap)?)))
            .min_by_key(|&(at, harm)| (harm.max(CLAUSE), std::cmp::Reverse(at)))
            .map(|(at, _)| at)
    }

    /// Gives the text up to byte `end` as a line and keeps the rest.
    fn emit(&mut self, end: usize, ends_sentence: bool, lines: &mut Vec<Line>) {
        let rest = self.text.get(end + 1..).unwrap_or_default().to_owned();
        let text = std::mem::replace(&mut self.text, rest);
        let text = text[..end].trim_end();
        // A stray bracket or dash has no sound of its own.
        if has_word(text) {
            self.spoken_words += count_words(text);
            lines.push(Line {
                index: self.index,
                text: text.to_owned(),
                begins_sentence: self.begins_sentence,
                ends_sentence,
            });
            self.index += 1;
        }
        self.begins_sentence = ends_sentence;
    }
}
