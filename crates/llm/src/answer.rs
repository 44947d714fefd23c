//! Where an answer of a small model ends: whole characters only, a few sentences, no second line, no repetition.

/// Words that end in a full stop without ending a sentence.
const SHORT_FORMS: [&str; 8] = ["Mr", "Mrs", "Ms", "Dr", "St", "e.g", "i.e", "approx"];
/// This many words in the same order twice is a model that turns in circles.
const REPEATED_WORDS: usize = 6;

/// The answer so far.
pub struct Answer {
    text: String,
    given: usize,
    max_sentences: usize,
    /// Whether lines and repetitions end it.
    guarded: bool,
    done: bool,
}

impl Answer {
    /// An empty answer that will have at most `max_sentences` (0: no limit).
    pub fn new(max_sentences: usize) -> Self {
        Self { text: String::new(), given: 0, max_sentences, guarded: true, done: false }
    }

    /// An answer whose words are not the model's own: only whole characters are seen to.
    pub fn quoted() -> Self {
        Self { guarded: false, ..Self::new(0) }
    }

    /// Takes the text of all tokens so far and returns what is new in it. A character whose last bytes are still to
    /// come waits.
    pub fn update(&mut self, all: &str) -> String {
        let whole = all.trim_end_matches('\u{fffd}').trim_start();
        // Another line is a list, or a second thought: neither is for the ear.
        let line = whole.find('\n').unwrap_or(whole.len());
        self.done |= line < whole.len();
        let text = &whole[..line];
        let end = self.end_of_sentences(text).unwrap_or(text.len());
        self.text = text[..end].to_owned();
        self.done |= self.guarded && self.repeats();
        self.take()
    }

    /// Whether no more is wanted.
    pub fn is_done(&self) -> bool {
        self.done
    }

    fn take(&mut self) -> String {
        let piece = self.text.get(self.given..).unwrap_or_default().to_owned();
        self.given = self.given.max(self.text.len());
        piece
    }

    /// Where the last wanted sentence ends, if it does.
    fn end_of_sentences(&mut self, text: &str) -> Option<usize> {
        let end = ends(text).nth(self.max_sentences.checked_sub(1)?)?;
        self.done = true;
        Some(end)
    }

    fn repeats(&self) -> bool {
        let words: Vec<&str> = self.text.split_whitespace().collect();
        let Some(start) = words.len().checked_sub(REPEATED_WORDS) else { return false };
        let (before, last) = (&words[..words.len() - 1], &words[start..]);
        before.windows(REPEATED_WORDS).any(|window| window == last)
    }
}

/// Places just after the end of a sentence. "2." at the very end is none: "2.5" may still come.
fn ends(text: &str) -> impl Iterator<Item = usize> + '_ {
    text.char_indices().filter(|(_, letter)| matches!(letter, '.' | '!' | '?')).filter_map(|(at, mark)| {
        let end = at + mark.len_utf8();
        let before = text[..at].rsplit(' ').next().unwrap_or_default();
        let ends = match text[end..].chars().next() {
            None => !(mark == '.' && before.ends_with(|letter: char| letter.is_ascii_digit())),
            Some(next) => next.is_whitespace(),
        };
        let short = mark == '.' && (SHORT_FORMS.contains(&before) || before.chars().count() == 1);
        (ends && !short).then_some(end)
    })
}

/// The sentences of a passage, without headings and marks of lists and emphasis.
pub fn sentences(passage: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut paragraph = String::new();
    let mut close = |paragraph: &mut String| {
        let mut start = 0;
        for end in ends(paragraph).chain([paragraph.len()]) {
            let sentence = paragraph.get(start..end).unwrap_or_default().trim();
            if sentence.chars().any(char::is_alphanumeric) {
                all.push(sentence.to_owned());
            }
            start = end;
        }
        paragraph.clear();
    };
    for line in passage.lines().map(str::trim) {
        let item = line.trim_start_matches(['-', '*', '+', '>']).trim_start();
        if line.is_empty() || line.starts_with('#') || item.len() < line.len() {
            close(&mut paragraph);
        }
        if !line.starts_with('#') {
            paragraph.push_str(&item.replace(['*', '`'], ""));
            paragraph.push(' ');
        }
    }
    close(&mut paragraph);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(pieces: &[&str], max_sentences: usize) -> (String, bool) {
        let mut answer = Answer::new(max_sentences);
        let (mut all, mut said) = (String::new(), String::new());
        for piece in pieces {
            all.push_str(piece);
            said += &answer.update(&all);
            if answer.is_done() {
                break;
            }
        }
        (said, answer.is_done())
    }

    #[test]
    fn it_ends_after_the_wanted_sentences() {
        let pieces = ["It weighs 2.", "5 kilograms.", " Ask Dr.", " Brook.", " And so", " on."];
        assert_eq!(said(&pieces, 2), ("It weighs 2.5 kilograms. Ask Dr. Brook.".into(), true));
        assert_eq!(said(&pieces, 0).0, pieces.concat());
    }

    #[test]
    fn a_passage_is_its_sentences() {
        let passage = "# Pump\n\nIt weighs 2.5 kg, says\nDr. Brook. Really!\n\n- **red** ones\n- blue ones";
        assert_eq!(
            sentences(passage),
            ["It weighs 2.5 kg, says Dr. Brook.", "Really!", "red ones", "blue ones"]
        );
    }

    #[test]
    fn a_second_line_is_not_said() {
        assert_eq!(said(&["Two years", ".\n- ", "one"], 0), ("Two years.".into(), true));
    }

    #[test]
    fn half_a_character_waits_for_its_other_half() {
        let mut answer = Answer::new(0);
        assert_eq!(answer.update("caf\u{fffd}"), "caf");
        assert_eq!(answer.update("café"), "é");
    }

    #[test]
    fn a_model_that_turns_in_circles_is_stopped() {
        assert!(said(&["the pump is a very good pump and the pump is a very good", " pump"], 0).1);
    }
}
