//! What must hold for any answer, however it was cut.
use proptest::prelude::*;
use serde_json::json;

use super::{Outcome, outcome, whole};

fn in_pieces(text: &str, cuts: &[usize]) -> Outcome {
    let characters: Vec<char> = text.chars().collect();
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (characters.len() + 1)).collect();
    cuts.extend([0, characters.len()]);
    cuts.sort_unstable();
    let pieces: Vec<String> =
        cuts.windows(2).map(|pair| characters[pair[0]..pair[1]].iter().collect()).collect();
    outcome(pieces.iter().map(String::as_str))
}

/// Fragments of both forms that decide something, in any order.
fn hard_answer() -> impl Strategy<Value = String> {
    let fragments = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\\",
        "\\\"",
        "\\n",
        "\\u00e9",
        "\\ud834",
        "\\udd1e",
        "\\u12",
        ":",
        ",",
        " ",
        "\"spoke_response\"",
        "\"code_blocks\"",
        "\"links\"",
        "\"other\"",
        "{\"spoke_response\": \"",
        "{\"links\": [",
        "```json\n",
        "```\n",
        "```",
        "`",
        "\n",
        "null",
        "5",
        "true",
        "The pump is new. ",
        "word ",
        "Dr. ",
        "https://x.org/a",
        "[1]",
        "[it](https://x.org)",
        "[it][a]",
        "[a]: https://x.org\n",
        "| a | b |\n",
        "|---|---|\n",
        "| 1 |",
        "**",
        "# ",
        "- ",
        "【2†x】",
        "é",
        "𝄞",
        "<think>",
        "</think>",
    ]);
    prop::collection::vec(fragments, 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn lines_and_parts_do_not_depend_on_how_the_answer_was_cut(
        text in hard_answer(),
        cuts in prop::collection::vec(any::<usize>(), 0..30),
    ) {
        prop_assert_eq!(whole(&text), in_pieces(&text, &cuts));
    }

    #[test]
    fn any_characters_at_all_are_read(text in any::<String>(), cuts in prop::collection::vec(any::<usize>(), 0..9)) {
        prop_assert_eq!(whole(&text), in_pieces(&text, &cuts));
    }

    /// Whatever strings hold, a well-formed object gives back what went in, and says nothing else.
    #[test]
    fn a_well_formed_object_is_read_as_it_was_written(
        code in prop::collection::vec("[a-z{}\\[\\]\",:\\\\\n é𝄞]{1,20}[a-z]", 0..4),
        other in any::<String>(),
        order in 0..3_usize,
        pretty in any::<bool>(),
    ) {
        let members = [
            ("spoke_response", json!("It has two years.")),
            ("code_blocks", json!(code)),
            ("other", json!({ "a": [other] })),
        ];
        let members: Vec<String> = (0..3)
            .map(|place| &members[(place + order) % 3])
            .map(|(key, value)| {
                let value = if pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
                format!("\"{key}\": {}", value.unwrap())
            })
            .collect();
        let outcome = whole(&format!("{{{}}}", members.join(if pretty { ",\n" } else { "," })));
        prop_assert_eq!(outcome.lines, vec!["It has two years.".to_owned()]);
        let found: Vec<_> = code.iter().map(|text| super::code("", text)).collect();
        prop_assert_eq!(outcome.asides, found);
    }

    /// The text that is shown while the model writes is what the voice says.
    #[test]
    fn the_text_is_the_words_of_the_lines(text in hard_answer()) {
        let outcome = whole(&text);
        let words = |text: &str| -> Vec<String> {
            text.split_whitespace().filter(|word| word.contains(|c: char| c.is_alphanumeric())).map(str::to_owned).collect()
        };
        prop_assert_eq!(words(&outcome.lines.join(" ")), words(&outcome.text));
    }
}
