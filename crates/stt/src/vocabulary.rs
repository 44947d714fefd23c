//! Parakeet's vocabulary: from token ids to text, exactly as onnx-asr 0.12 joins them.
use std::{collections::BTreeMap, path::Path};

const BLANK: &str = "<blk>";
/// Marks the start of a word in the file.
const WORD_START: char = '\u{2581}';

/// The tokens of a model, read from its `vocab.txt`: a token, a space and its id in each line.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    tokens: BTreeMap<u32, String>,
    blank: u32,
}

impl Vocabulary {
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text).map_err(|reason| format!("{}: {reason}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = BTreeMap::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
            let entry = line.split_once(' ').and_then(|(token, id)| Some((token, id.parse::<u32>().ok()?)));
            let (token, id) = entry
                .ok_or_else(|| format!("line {} is {line:?}, expected a token and its number", index + 1))?;
            tokens.insert(id, token.replace(WORD_START, " "));
        }
        let blank = tokens.iter().find(|(_, token)| *token == BLANK).map(|(id, _)| *id);
        let blank = blank.ok_or_else(|| format!("it has no token {BLANK}"))?;
        Ok(Self { tokens, blank })
    }

    /// The id that means "nothing new".
    pub(crate) fn blank(&self) -> u32 {
        self.blank
    }

    /// How many tokens there are, the blank included.
    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// A token's text, word boundary as a leading space.
    pub(crate) fn text(&self, id: u32) -> Option<&str> {
        self.tokens.get(&id).map(String::as_str)
    }
}

/// Joins tokens as onnx-asr's pattern `\A\s|\s\B|(\s)\b` does: a space stays where a word follows it, but not at
/// the start.
pub(crate) fn joined<'a>(tokens: impl Iterator<Item = &'a str>) -> String {
    let text: String = tokens.collect();
    let mut kept = String::with_capacity(text.len());
    let mut following = text.chars().skip(1);
    for (place, character) in text.chars().enumerate() {
        let word_follows = following.next().is_some_and(|next| next.is_alphanumeric() || next == '_');
        match character {
            space if space.is_whitespace() && (place == 0 || !word_follows) => {}
            space if space.is_whitespace() => kept.push(' '),
            other => kept.push(other),
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_stay_only_in_front_of_words() {
        let join = |tokens: &[&str]| joined(tokens.iter().copied());
        assert_eq!(join(&[" What", " is", " it", " ?"]), "What is it?");
        assert_eq!(join(&[" ", " ", "a", " ", ".", " b", " "]), " a. b");
        assert_eq!(join(&["s", " Ünder", " _", " 7", " '", "t"]), "s Ünder _ 7't");
        assert_eq!(join(&[]), "");
    }

    #[test]
    fn a_vocabulary_knows_its_blank_and_rejects_what_it_cannot_read() {
        let words = Vocabulary::parse("<unk> 0\n\u{2581}the 1\r\ns 2\n<blk> 3\n").unwrap();
        assert_eq!((words.len(), words.blank(), words.text(1), words.text(9)), (4, 3, Some(" the"), None));
        assert!(Vocabulary::parse("a 0\n").unwrap_err().contains("<blk>"));
        assert!(Vocabulary::parse("a 0\nb\n<blk> 2").unwrap_err().contains("line 2"));
    }
}
