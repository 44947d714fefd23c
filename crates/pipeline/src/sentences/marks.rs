//! Marks of footnotes and citations: never spoken, but they say which passages a sentence rests on.

/// The numbers of `[1]`, `[2, 3]`, `[1-3]`, `[^1]`, without the brackets; `None` if it is no such mark.
pub fn numbers(inside: &str) -> Option<Vec<usize>> {
    /// More than a page can hold are a mistake.
    const MOST: usize = 100;
    let inside = inside.strip_prefix('^').unwrap_or(inside);
    let mut numbers = Vec::new();
    for part in inside.split([',', ' ', ';']).filter(|part| !part.is_empty()) {
        let (from, to) = part.split_once(['-', '–']).unwrap_or((part, part));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(from) || !is_number(to) {
            return None;
        }
        // A number that is no number of a passage is a mark all the same.
        let (Ok(from), Ok(to)) = (from.parse::<usize>(), to.parse::<usize>()) else { continue };
        if from <= to && to - from < MOST && to <= MOST {
            numbers.extend(from..=to);
        }
    }
    let holds_digit = inside.contains(|c: char| c.is_ascii_digit());
    holds_digit.then_some(numbers)
}

/// The numbers of `【1†source】`, without the brackets. Such a mark is never spoken, whatever it holds.
pub fn lenticular(inside: &str) -> Vec<usize> {
    let before = inside.split('†').next().unwrap_or_default();
    numbers(before.trim()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{lenticular, numbers};

    #[test]
    fn marks_are_read_and_words_in_brackets_are_none() {
        for (inside, expected) in [
            ("1", Some(vec![1])),
            ("2, 3", Some(vec![2, 3])),
            ("2,3", Some(vec![2, 3])),
            ("1-3", Some(vec![1, 2, 3])),
            ("^4", Some(vec![4])),
            ("99999999999999999999", Some(vec![])),
            ("7-3", Some(vec![])),
            ("1-4000000000", Some(vec![])),
            ("", None),
            (",", None),
            ("x", None),
            ("1a", None),
            ("of things", None),
            ("-5", None),
        ] {
            assert_eq!(numbers(inside), expected, "{inside:?}");
        }
        assert_eq!(lenticular("1†source"), [1]);
        assert_eq!(lenticular("4:0†manual.md"), [0_usize; 0]);
    }
}
