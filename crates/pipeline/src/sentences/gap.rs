//! The space between two tokens: what stands before it, and as much as is known of what follows.

/// Quotes and brackets that open.
const OPENERS: &[char] = &['"', '\'', '“', '‘', '«', '(', '[', '{', '¿', '¡'];
/// Quotes and brackets that may follow a full stop.
const CLOSERS: &[char] = &['"', '\'', '”', '’', '»', ')', ']', '}'];

/// One space of a line under construction.
#[derive(Clone, Copy, Debug)]
pub struct Gap<'a> {
    /// All of the sentence before the space.
    pub before: &'a str,
    /// What is known of the token behind it; never empty.
    pub next: &'a str,
    /// Whether that token is known to its end.
    pub next_is_whole: bool,
}

impl<'a> Gap<'a> {
    /// The token before the space.
    pub fn last(&self) -> &'a str {
        self.before.rsplit(' ').next().unwrap_or_default()
    }

    /// Whether the token before the space is the first of the sentence.
    pub fn last_is_first(&self) -> bool {
        !self.before.contains(' ')
    }

    /// The token before the space without the brackets and quotes around it.
    pub fn bare_last(&self) -> &'a str {
        self.last().trim_start_matches(OPENERS).trim_end_matches(CLOSERS)
    }

    /// The word behind the space without opening quotes or closing punctuation; may be empty or a beginning only.
    pub fn next_word(&self) -> &'a str {
        self.next.trim_start_matches(OPENERS).trim_end_matches(|c: char| !c.is_alphanumeric())
    }

    /// Words before the space.
    pub fn words(&self) -> usize {
        count_words(self.before)
    }
}

/// Tokens that hold a letter or a digit.
pub fn count_words(text: &str) -> usize {
    text.split(' ').filter(|token| has_word(token)).count()
}

/// Whether there is anything to pronounce.
pub fn has_word(text: &str) -> bool {
    text.contains(|c: char| c.is_alphanumeric())
}
