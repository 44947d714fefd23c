//! Which passages an answer rests on: those that it marks; of an answer without marks those that it repeats.
use std::collections::HashSet;

use voce_core::Passage;

/// Words in a row, those between them included, that are no chance.
const REPEATED_WORDS: usize = 3;
/// Words that carry meaning which a sentence must share with a passage, at least.
const SHARED_WORDS: usize = 3;
/// The part of a sentence's words which a passage must hold.
const SHARED_PART: f32 = 0.7;

/// Words that are in every text.
const COMMON: &[&str] = &[
    "a", "an", "the", "and", "or", "but", "of", "to", "in", "on", "at", "by", "for", "from", "with", "as",
    "is", "are", "was", "were", "be", "been", "it", "its", "this", "that", "these", "those", "there", "you",
    "your", "we", "our", "i", "they", "their", "he", "she", "his", "her", "not", "no", "do", "does", "can",
    "will", "would", "if", "so", "than", "then", "has", "have", "had", "which", "who", "what", "when",
];

/// Collects what an answer says of its sources.
#[derive(Debug, Default)]
pub struct Citations {
    cited: HashSet<usize>,
    is_marked: bool,
    sentence: String,
    sentences: Vec<String>,
}

impl Citations {
    /// Takes the numbers of a mark, from 1; gives the places of the passages among `count` that were not cited before.
    pub fn marked(&mut self, numbers: &[usize], count: usize) -> Vec<usize> {
        let places = numbers.iter().filter_map(|number| number.checked_sub(1)).filter(|place| *place < count);
        let new: Vec<usize> = places.filter(|place| self.cited.insert(*place)).collect();
        self.is_marked |= !self.cited.is_empty();
        new
    }

    /// Takes a line of the answer.
    pub fn line(&mut self, text: &str, ends_sentence: bool) {
        self.sentence.push_str(text);
        self.sentence.push(' ');
        if ends_sentence {
            self.sentences.push(std::mem::take(&mut self.sentence));
        }
    }

    /// The places of the passages that the sentences rest on, in the answer's order, where no mark says so.
    pub fn unmarked(&mut self, passages: &[Passage]) -> Vec<usize> {
        if self.is_marked || passages.is_empty() {
            return vec![];
        }
        let texts: Vec<Vec<String>> = passages.iter().map(|passage| words(&passage.text)).collect();
        self.sentences.push(std::mem::take(&mut self.sentence));
        let sources = self.sentences.iter().filter_map(|sentence| source_of(&words(sentence), &texts));
        let mut cited = HashSet::new();
        sources.filter(|place| cited.insert(*place)).collect()
    }
}

/// The text that `sentence` was taken from: the first that holds it whole, else the one that holds most of it.
fn source_of(sentence: &[String], texts: &[Vec<String>]) -> Option<usize> {
    if sentence.len() >= REPEATED_WORDS
        && let Some(place) =
            texts.iter().position(|text| text.windows(sentence.len()).any(|part| part == sentence))
    {
        return Some(place);
    }
    let meant: HashSet<&str> =
        sentence.iter().map(String::as_str).filter(|word| !COMMON.contains(word)).collect();
    let mut best: Option<(usize, usize)> = None;
    for (place, text) in texts.iter().enumerate() {
        let text: HashSet<&str> = text.iter().map(String::as_str).collect();
        let shared = meant.intersection(&text).count();
        let is_enough = shared >= SHARED_WORDS && shared as f32 >= SHARED_PART * meant.len() as f32;
        if is_enough && best.is_none_or(|(most, _)| shared > most) {
            best = Some((shared, place));
        }
    }
    best.map(|(_, place)| place)
}

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’')
        .map(|word| word.trim_matches(['\'', '’']).to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passages() -> Vec<Passage> {
        let texts = [
            "The water pump has a two year warranty from the date of purchase. Keep the receipt.",
            "We open at eight and close at six. On Sundays the shop is closed.",
            "A filter lasts three months. Clean the filter of the pump every two weeks under running water.",
        ];
        texts.map(|text| Passage { text: text.into(), ..Passage::default() }).into()
    }

    fn cited(lines: &[(&str, bool)]) -> Vec<usize> {
        let mut citations = Citations::default();
        lines.iter().for_each(|&(text, ends)| citations.line(text, ends));
        citations.unmarked(&passages())
    }

    #[test]
    fn a_repeated_sentence_names_its_passage() {
        for (lines, expected) in [
            (&[("Keep the receipt.", true)][..], &[0][..]),
            (&[("We open at eight", false), ("and close at six.", true)], &[1]),
            (&[("A filter lasts three months.", true), ("We open at eight.", true)], &[2, 1]),
            (&[("Keep the receipt.", true), ("Keep the receipt.", true)], &[0]),
            // Reworded, but with most of its words.
            (&[("Its warranty is two years, from the purchase date of the pump.", true)], &[0]),
            (&[("You should clean the pump's filter every two weeks.", true)], &[2]),
            // Never ended.
            (&[("A filter lasts three months", false)], &[2]),
        ] {
            assert_eq!(cited(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn small_talk_and_ignorance_rest_on_nothing() {
        for text in [
            "I am sorry, I do not know that.",
            "Hello! How can I help you?",
            "The pump.",
            "It is.",
            "",
            "The moon is about four hundred thousand kilometres from the shop.",
        ] {
            assert!(cited(&[(text, true)]).is_empty(), "{text}");
        }
        assert!(Citations::default().unmarked(&[]).is_empty());
    }

    #[test]
    fn marks_count_and_numbers_of_nothing_do_not() {
        let mut citations = Citations::default();
        assert!(citations.marked(&[0, 4, 99], 3).is_empty());
        citations.line("Keep the receipt.", true);
        assert_eq!(citations.unmarked(&passages()), [0], "a mark of nothing is none");
        assert_eq!(citations.marked(&[2, 1, 2], 3), [1, 0]);
        assert!(citations.marked(&[1], 3).is_empty());
        citations.line("A filter lasts three months.", true);
        assert!(citations.unmarked(&passages()).is_empty());
    }
}
