//! Texts with marks for pauses and drawn-out words; see `texts.rs`.

/// A text as it was marked, and where its marks stand.
pub struct Marked {
    /// What is said.
    pub text: String,
    /// Places for pauses: each is the number of words before it.
    pub places: Vec<usize>,
    /// Words to draw out, by number.
    pub drawn: Vec<usize>,
}

impl Marked {
    /// Reads `|` and `~`; see `texts.rs`.
    pub fn read(marked: &str) -> Self {
        let (mut words, mut places, mut drawn) = (vec![], vec![], vec![]);
        for token in marked.split_whitespace() {
            match token.strip_suffix('~') {
                _ if token == "|" => places.push(words.len()),
                Some(word) => {
                    drawn.push(words.len());
                    words.push(word);
                }
                None => words.push(token),
            }
        }
        Self { text: words.join(" "), places, drawn }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_and_not_said() {
        let marked = Marked::read("So~ | I have, um~ | a question.");
        assert_eq!(marked.text, "So I have, um a question.");
        assert_eq!((marked.places, marked.drawn), (vec![1, 4], vec![0, 3]));
    }
}
