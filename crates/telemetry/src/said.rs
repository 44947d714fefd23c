//! What people said, as far as the configuration lets it out.
use std::{
    borrow::Cow,
    hash::{BuildHasher, RandomState},
};

use crate::{Content, vocabulary::LONGEST_TEXT};

/// The content switch.
#[derive(Debug)]
pub(crate) struct Said {
    content: Content,
    /// Keyed anew in every process: a plain hash of "yes" could be looked up.
    key: RandomState,
}

impl Said {
    pub(crate) fn new(content: Content) -> Self {
        Self { content, key: RandomState::new() }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.content == Content::Full
    }

    /// The text itself, cut to the limit, or its size and hash.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.content {
            Content::Full => Cow::Borrowed(cut(text, LONGEST_TEXT)),
            Content::None if text.is_empty() => Cow::Borrowed(""),
            Content::None => {
                let hash = self.key.hash_one(text);
                Cow::Owned(format!("[{} characters, hash {hash:016x}]", text.chars().count()))
            }
        }
    }
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

    #[test]
    fn nothing_of_the_text_is_left_but_size_and_equality() {
        let said = Said::new(Content::None);
        let once = said.text("my password is tulip").into_owned();
        assert!(once.starts_with("[20 characters, hash "), "{once}");
        assert!(!once.contains("tulip"));
        assert_eq!(once, said.text("my password is tulip"));
        assert_ne!(once, said.text("my password is daisy"));
        assert_ne!(once, Said::new(Content::None).text("my password is tulip"));
    }

    #[test]
    fn a_cut_counts_characters_and_keeps_them_whole() {
        assert_eq!(cut("größer", 3), "grö");
        assert_eq!(cut("größer", 6), "größer");
        assert_eq!(cut("größer", 7), "größer");
    }
}
