//! What people said, as far as the configuration lets it out.
use std::{
    borrow::Cow,
    hash::{BuildHasher, RandomState},
};

use crate::{Redactor, vocabulary::LONGEST_TEXT};

/// The content switch.
#[derive(Debug)]
pub(crate) struct Said {
    redactor: Redactor,
    /// Keyed anew in every process: a plain hash of "yes" could be looked up.
    key: RandomState,
}

impl Said {
    pub(crate) fn new(redactor: Redactor) -> Self {
        Self { redactor, key: RandomState::new() }
    }

    pub(crate) fn is_full(&self) -> bool {
        !self.redactor.is_silent()
    }

    /// The text itself, redacted and cut to the limit, or its size and hash.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.is_full() {
            return self.ours(text);
        }
        if text.is_empty() {
            return Cow::Borrowed("");
        }
        let hash = self.key.hash_one(text);
        Cow::Owned(format!("[{} characters, hash {hash:016x}]", text.chars().count()))
    }

    /// A text of ours that may quote others, such as an error: redacted and cut, but readable without content too.
    pub(crate) fn ours<'a>(&self, text: &'a str) -> Cow<'a, str> {
        // Cut last: half a card number is not recognised.
        match self.redactor.text(text) {
            Cow::Borrowed(text) => Cow::Borrowed(cut(text, LONGEST_TEXT)),
            Cow::Owned(text) => Cow::Owned(cut(&text, LONGEST_TEXT).to_owned()),
        }
    }
}

/// Whether a text of a trace is only the size and hash that `telemetry.content = none` leaves of it.
pub fn is_withheld(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let parts = inner.and_then(|inner| inner.split_once(" characters, hash "));
    parts.is_some_and(|(count, hash)| {
        !count.is_empty()
            && count.chars().all(|digit| digit.is_ascii_digit())
            && hash.len() == 16
            && hash.chars().all(|digit| digit.is_ascii_hexdigit())
    })
}

/// At most `longest` characters of a text.
pub(crate) fn cut(text: &str, longest: usize) -> &str {
    if text.len() <= longest {
        return text;
    }
    text.char_indices().nth(longest).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Content};

    fn silent() -> Said {
        Said::new(Redactor::new(&Config { content: Content::None, ..Config::default() }).unwrap())
    }

    #[test]
    fn nothing_of_the_text_is_left_but_size_and_equality() {
        let said = silent();
        let once = said.text("my password is tulip").into_owned();
        assert!(once.starts_with("[20 characters, hash "), "{once}");
        assert!(!once.contains("tulip"));
        assert!(is_withheld(&once));
        for said in ["", "two years", "[20 characters, hash tulip]", "[x characters, hash 0123456789abcdef]"]
        {
            assert!(!is_withheld(said), "{said}");
        }
        assert_eq!(once, said.text("my password is tulip"));
        assert_ne!(once, said.text("my password is daisy"));
        assert_ne!(once, silent().text("my password is tulip"));
    }

    #[test]
    fn a_cut_counts_characters_and_keeps_them_whole() {
        assert_eq!(cut("größer", 3), "grö");
        assert_eq!(cut("größer", 6), "größer");
        assert_eq!(cut("größer", 7), "größer");
    }
}
