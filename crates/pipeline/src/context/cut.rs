//! Texts that are too long, cut between words. Pure, over a way to count tokens.

/// The longest beginning of `text` of at most `most` tokens, by whole words.
pub fn beginning(text: &str, most: usize, count: impl Fn(&str) -> usize) -> &str {
    let ends: Vec<usize> = words(text).map(|(_, end)| end).collect();
    let fitting = ends.partition_point(|&end| count(&text[..end]) <= most);
    // A count need not grow with every word, so what the search found is looked at once more.
    let end = ends[..fitting].iter().rev().find(|&&end| count(&text[..end]) <= most);
    &text[..end.copied().unwrap_or_default()]
}

/// The longest end of `text` of at most `most` tokens, by whole words.
pub fn end(text: &str, most: usize, count: impl Fn(&str) -> usize) -> &str {
    let starts: Vec<usize> = words(text).map(|(start, _)| start).collect();
    let dropped = starts.partition_point(|&start| count(&text[start..]) > most);
    let start = starts[dropped..].iter().find(|&&start| count(&text[start..]) <= most);
    &text[start.copied().unwrap_or(text.len())..]
}

/// Where the words of `text` begin and end; a long run without a space, as in Chinese, has an end every few signs.
fn words(text: &str) -> impl Iterator<Item = (usize, usize)> {
    const LONGEST: usize = 16;
    let mut begun: Option<(usize, usize)> = None;
    let mut places = vec![];
    for (at, sign) in text.char_indices() {
        match begun {
            Some((start, _)) if sign.is_whitespace() => {
                places.push((start, at));
                begun = None;
            }
            Some((start, LONGEST)) => {
                places.push((start, at));
                begun = Some((at, 1));
            }
            Some((start, length)) => begun = Some((start, length + 1)),
            None if sign.is_whitespace() => {}
            None => begun = Some((at, 1)),
        }
    }
    places.extend(begun.map(|(start, _)| (start, text.len())));
    places.into_iter()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quarter(text: &str) -> usize {
        text.len().div_ceil(4)
    }

    #[test]
    fn cuts_fall_between_words() {
        let by_words = |text: &str| text.split_whitespace().count();
        assert_eq!(beginning("one two  three", 2, by_words), "one two");
        assert_eq!(end("one two  three", 2, by_words), "two  three");
        assert_eq!(beginning("one two", 9, by_words), "one two");
        assert_eq!((beginning("one", 0, by_words), end("one", 0, by_words)), ("", ""));
        assert_eq!((beginning("", 5, by_words), end(" ", 5, by_words)), ("", ""));
    }

    proptest! {
        #[test]
        fn a_cut_is_never_too_long_and_a_part_of_the_text(text in "\\PC{0,80}", most in 0_usize..30) {
            let (head, tail) = (beginning(&text, most, quarter), end(&text, most, quarter));
            prop_assert!(text.starts_with(head) && text.ends_with(tail));
            prop_assert!(quarter(head) <= most && quarter(tail) <= most);
            prop_assert!(quarter(&text) > most || head.len() == text.trim_end().len());
        }
    }
}
