//! Two sentences word by word: what is gone, what is new. Pure.
use serde::Serialize;

/// Words of one side that are compared; what comes after is left out, as the work grows with the square.
const MOST_WORDS: usize = 1_000;

/// A word, or its difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// On both sides; as it is written now.
    Same(String),
    /// Only then.
    Lost(String),
    /// Only now.
    New(String),
}

/// The difference of two texts.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Difference {
    /// Words that are lost or new.
    pub count: usize,
    /// All words in order, the lost before the new ones.
    pub words: Vec<Word>,
}

/// Compares words by their letters and digits; case and punctuation do not count.
pub fn difference(then: &str, now: &str) -> Difference {
    let (then, now) = (words(then), words(now));
    let mut words = Vec::with_capacity(then.len().max(now.len()));
    let common = common(&then, &now);
    let (mut old, mut new) = (0, 0);
    while old < then.len() || new < now.len() {
        if old < then.len() && new < now.len() && then[old].1 == now[new].1 {
            words.push(Word::Same(now[new].0.to_owned()));
            (old, new) = (old + 1, new + 1);
        } else if old < then.len() && (new == now.len() || common[old + 1][new] >= common[old][new + 1]) {
            words.push(Word::Lost(then[old].0.to_owned()));
            old += 1;
        } else {
            words.push(Word::New(now[new].0.to_owned()));
            new += 1;
        }
    }
    let count = words.iter().filter(|word| !matches!(word, Word::Same(_))).count();
    Difference { count, words }
}

/// Each word as it is written and as it is compared.
fn words(text: &str) -> Vec<(&str, String)> {
    let plain =
        |word: &str| word.chars().filter(|sign| sign.is_alphanumeric()).collect::<String>().to_lowercase();
    let words = text.split_whitespace().map(|word| (word, plain(word)));
    words.filter(|(_, plain)| !plain.is_empty()).take(MOST_WORDS).collect()
}

/// How many words the rests of both sides from each place on have in common, in order.
fn common(then: &[(&str, String)], now: &[(&str, String)]) -> Vec<Vec<u16>> {
    let mut common = vec![vec![0; now.len() + 1]; then.len() + 1];
    for old in (0..then.len()).rev() {
        for new in (0..now.len()).rev() {
            common[old][new] = match then[old].1 == now[new].1 {
                true => common[old + 1][new + 1] + 1,
                false => common[old + 1][new].max(common[old][new + 1]),
            };
        }
    }
    common
}

impl Difference {
    /// The words in one line: `[-gone-]` and `{+new+}`, as version control shows them.
    pub fn line(&self) -> String {
        let word = |word: &Word| match word {
            Word::Same(word) => word.clone(),
            Word::Lost(word) => format!("[-{word}-]"),
            Word::New(word) => format!("{{+{word}+}}"),
        };
        self.words.iter().map(word).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_words_and_not_their_punctuation() {
        for (then, now, count, line) in [
            ("", "", 0, ""),
            ("What is it?", "what is it", 0, "what is it"),
            ("the water pump", "the water pop", 2, "the water [-pump-] {+pop+}"),
            ("two years", "", 2, "[-two-] [-years-]"),
            ("", "two years", 2, "{+two+} {+years+}"),
            (
                "it is two years long",
                "it lasts two long years",
                4,
                "it [-is-] {+lasts+} two [-years-] long {+years+}",
            ),
            ("a - b", "a b", 0, "a b"),
        ] {
            let found = difference(then, now);
            assert_eq!((found.count, found.line().as_str()), (count, line), "{then:?} {now:?}");
        }
    }
}
