//! What must hold for any text.
use proptest::prelude::*;
use voce_core::Line;

use super::parsed;
use crate::sentences::{Aside, SentenceParser};

fn whole(text: &str) -> (Vec<Line>, Vec<Aside>) {
    parsed(SentenceParser::default(), text)
}

/// Fragments that decide something, in any order.
fn hard_text() -> impl Strategy<Value = String> {
    let fragments = prop::sample::select(vec![
        "Dr.",
        "e.g.",
        "U.S.",
        "a.m.",
        "No.",
        "5",
        "3.5",
        "$1,000.50",
        "J.",
        "The",
        "pump",
        "word,",
        "and",
        "…",
        "...",
        "?",
        "!",
        ".",
        "\"",
        "”",
        "(",
        ")",
        "https://a.b/c_d",
        "x@y.z",
        "**",
        "*",
        "_",
        "`",
        "```",
        "~~",
        "[",
        "](",
        "]",
        "](u)",
        "![",
        "<",
        "<b>",
        "</b>",
        "<br>",
        "<think>",
        "</think>",
        "&amp;",
        "&",
        "\\",
        "|",
        "-",
        "- ",
        "# ",
        "1. ",
        "2. ",
        "> ",
        "---",
        "\n",
        "\n\n",
        "😀",
        "—",
        ":",
        ";",
        "because",
        "é",
        "日本",
        "\t",
        "\r\n",
    ]);
    let joined = prop::collection::vec((fragments, prop::bool::weighted(0.6)), 0..60);
    joined.prop_map(|parts| {
        parts.into_iter().map(|(part, space)| if space { format!("{part} ") } else { part.into() }).collect()
    })
}

/// Words and punctuation as in a plain answer.
fn plain_text() -> impl Strategy<Value = String> {
    prop::collection::vec("[A-Za-z]{1,12}[,.;:?!]{0,2}|[0-9]{1,4}(\\.[0-9]{1,2})?|Dr\\.|U\\.S\\.", 0..120)
        .prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_markup_gives_numbered_lines_with_words(text in hard_text()) {
        let (lines, _) = whole(&text);
        for (place, line) in lines.iter().enumerate() {
            prop_assert_eq!(line.index as usize, place);
            prop_assert!(line.text.chars().any(char::is_alphanumeric));
        }
    }

    #[test]
    fn any_characters_at_all_give_numbered_lines_with_words(text in any::<String>()) {
        let (lines, _) = whole(&text);
        for (place, line) in lines.iter().enumerate() {
            prop_assert_eq!(line.index as usize, place);
            prop_assert!(line.text.chars().any(char::is_alphanumeric));
            prop_assert_eq!(line.text.trim(), line.text.as_str());
        }
    }

    #[test]
    fn no_character_of_a_plain_text_is_lost(text in plain_text()) {
        // A leading "1." would be the mark of a list.
        let text = format!("Start {text}");
        let (lines, _) = whole(&text);
        let spoken: Vec<String> = lines.into_iter().map(|line| line.text).collect();
        prop_assert_eq!(spoken.join(" "), text.trim());
    }

    #[test]
    fn lines_stay_short_enough_for_the_voice(text in plain_text()) {
        let (lines, _) = whole(&format!("Start {text}"));
        for line in lines {
            prop_assert!(line.text.len() < 450, "{}", line.text);
        }
    }

    #[test]
    fn a_line_begins_a_sentence_exactly_when_the_one_before_ended_one(text in plain_text()) {
        let (lines, _) = whole(&format!("Start {text}"));
        prop_assert!(lines.first().is_none_or(|line| line.begins_sentence));
        prop_assert!(lines.last().is_none_or(|line| line.ends_sentence));
        for pair in lines.windows(2) {
            prop_assert_eq!(pair[0].ends_sentence, pair[1].begins_sentence);
        }
    }
}
