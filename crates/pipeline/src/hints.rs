//! What the words of a turn say about its end: a trailing "and" is not one. Pure, English.

/// What the words say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hint {
    /// Nothing, or no words are known yet.
    #[default]
    None,
    /// Something is missing: a sentence that breaks off, a number or a spelling that may go on.
    Open,
    /// A whole question.
    Closed,
}

impl Hint {
    /// The word used in traces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }
}

/// Words that no sentence ends with, and those that people think aloud with.
const DANGLING: &[&str] = &[
    "a",
    "an",
    "the",
    "my",
    "your",
    "our",
    "their",
    "his",
    "its",
    "this",
    "these",
    "those",
    "some",
    "any",
    "every",
    "and",
    "or",
    "but",
    "so",
    "because",
    "since",
    "although",
    "while",
    "if",
    "unless",
    "whether",
    "than",
    "as",
    "to",
    "of",
    "for",
    "with",
    "from",
    "in",
    "on",
    "at",
    "by",
    "about",
    "into",
    "between",
    "without",
    "during",
    "is",
    "are",
    "was",
    "were",
    "am",
    "be",
    "been",
    "has",
    "have",
    "had",
    "will",
    "would",
    "could",
    "should",
    "can",
    "may",
    "might",
    "must",
    "do",
    "does",
    "did",
    "i",
    "we",
    "he",
    "she",
    "they",
    "who",
    "which",
    "whose",
    "very",
    "more",
    "most",
    "also",
    "then",
    "maybe",
    "perhaps",
    "let's",
    "i'm",
    "it's",
    "there's",
    "i'd",
    "i'll",
    "um",
    "uh",
    "er",
    "erm",
    "uhm",
    "hmm",
    "hm",
    "mm",
    "well",
    "like",
    "actually",
    "basically",
];
/// Words that end a whole sentence although they stand above: "yes, I am", "I would", "what is it for?".
const ENDS_A_QUESTION: &[&str] = &[
    "for", "to", "from", "about", "with", "in", "on", "of", "at", "is", "are", "do", "does", "please", "then",
];
const NUMBERS: &[&str] = &[
    "zero",
    "oh",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "thousand",
    "double",
    "triple",
    "point",
    "dash",
];
const ASKS: &[&str] = &[
    "what", "when", "where", "who", "why", "how", "which", "is", "are", "do", "does", "did", "can", "could",
    "will", "would", "should", "may", "has", "have",
];
/// Digits of a telephone number: with so many it may well be complete.
const TELEPHONE: std::ops::RangeInclusive<usize> = 7..=11;

/// What `text`, as a recogniser wrote it, says about whether the caller is done.
pub fn hint(text: &str) -> Hint {
    let text = text.trim();
    let words: Vec<String> = text
        .split(|letter: char| letter.is_whitespace() || letter == '-')
        .map(|word| {
            word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase().replace('’', "'")
        })
        .filter(|word| !word.is_empty())
        .collect();
    let Some(last) = words.last() else { return Hint::None };
    if text.ends_with([',', '…', '—', '-', ':', ';']) || text.ends_with("...") {
        return Hint::Open;
    }
    let asked = text.ends_with('?');
    let dangling = DANGLING.contains(&last.as_str());
    if dangling && !(asked && words.len() > 2 && ENDS_A_QUESTION.contains(&last.as_str())) {
        return Hint::Open;
    }
    if unfinished_number(&words) || unfinished_spelling(&words) {
        return Hint::Open;
    }
    if asked && words.len() > 2 && words.iter().any(|word| ASKS.contains(&word.as_str())) {
        return Hint::Closed;
    }
    Hint::None
}

/// Digits said one by one or in groups at the end: a number that may go on, unless it has the length of a telephone
/// number. One number alone ("it is forty two") is none.
fn unfinished_number(words: &[String]) -> bool {
    let is_number = |word: &&String| {
        NUMBERS.contains(&word.as_str()) || word.chars().all(|letter| letter.is_ascii_digit())
    };
    let tail: Vec<&String> = words.iter().rev().take_while(is_number).collect();
    let digits: usize = tail
        .iter()
        .map(|word| if word.starts_with(|letter: char| letter.is_ascii_digit()) { word.len() } else { 1 })
        .sum();
    digits >= 3 && !TELEPHONE.contains(&digits)
}

/// Letters said one by one at the end: "B, U, R".
fn unfinished_spelling(words: &[String]) -> bool {
    let letters = words
        .iter()
        .rev()
        .take_while(|word| word.chars().count() == 1 && !word.starts_with(|l: char| l.is_ascii_digit()));
    letters.count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_off_is_open() {
        for text in [
            "I would like to know the",
            "I bought it last week and",
            "Well,",
            "Um.",
            "My number is five five five",
            "My number is 5 5 5 1",
            "It is spelled B-U-R",
            "So what I want is...",
            "Can you tell me if",
            "I need a filter for my",
            "It's",
            "Do you have?",
        ] {
            assert_eq!(hint(text), Hint::Open, "{text}");
        }
    }

    #[test]
    fn a_whole_question_is_closed() {
        for text in [
            "What is the warranty period?",
            "How much is it?",
            "Where is it from?",
            "What is this for?",
            "Can you help me, please?",
        ] {
            assert_eq!(hint(text), Hint::Closed, "{text}");
        }
    }

    #[test]
    fn whole_statements_say_nothing() {
        for text in [
            "Yes.",
            "No thanks.",
            "Two years.",
            "It is forty two.",
            "Call me at 555 123 4567.",
            "It broke.",
            "",
            "?",
        ] {
            assert_eq!(hint(text), Hint::None, "{text}");
        }
    }
}
