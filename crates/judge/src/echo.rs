//! Errors of a server that repeat what it was sent: the log and MLflow must not get the conversation that way.
use std::collections::HashSet;

/// So many words in the same order are no accident.
const ECHO_WORDS: usize = 4;
/// A shorter text is told from words that errors use anyway by a word of so many letters.
const TELLING_LETTERS: usize = 5;
/// How much of an error is shown, characters.
const LONGEST_SHOWN: usize = 300;

/// What a server said, cut to a line, or only that it repeats one of these texts.
pub(crate) fn kept_out(said: &str, texts: &[&str]) -> String {
    let said = said.trim();
    if repeats(said, texts) {
        return format!("[{} characters that repeat the turn]", said.chars().count());
    }
    let line: Vec<&str> = said.split_whitespace().collect();
    line.join(" ").chars().take(LONGEST_SHOWN).collect()
}

fn repeats(said: &str, texts: &[&str]) -> bool {
    let words = words(said);
    let runs: HashSet<&[String]> = (1..=ECHO_WORDS).flat_map(|length| words.windows(length)).collect();
    texts.iter().any(|text| {
        let text = self::words(text);
        let length = text.len().min(ECHO_WORDS);
        let is_telling =
            length == ECHO_WORDS || text.iter().any(|word| word.chars().count() >= TELLING_LETTERS);
        length > 0 && is_telling && text.windows(length).any(|run| runs.contains(run))
    })
}

/// A backslash and the letter behind it are a line break or a quotation mark of JSON.
fn words(text: &str) -> Vec<String> {
    let mut plain = String::with_capacity(text.len());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        if sign == '\\' {
            signs.next();
            plain.push(' ');
        } else {
            plain.extend(sign.to_lowercase());
        }
    }
    let words = plain.split(|sign: char| !sign.is_alphanumeric());
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: &[&str] = &["What is the \"warranty\" of\nthe pump?", "My tulips."];

    #[test]
    fn an_error_of_its_own_is_shown_on_one_line() {
        assert_eq!(kept_out("no model \"x\"\n  found ", TEXTS), "no model \"x\" found");
    }

    #[test]
    fn an_error_that_repeats_the_turn_is_not_shown() {
        for said in [
            "cannot answer WHAT IS THE warranty",
            r#"bad: {\"answer\":\"my Tulips\"}"#,
            "of\\nthe pump is the",
        ] {
            let kept = kept_out(said, &[TEXTS[0], TEXTS[1], "of the pump is"]);
            assert!(kept.contains("repeat the turn") && !kept.to_lowercase().contains("pump"), "{kept}");
        }
    }
}
