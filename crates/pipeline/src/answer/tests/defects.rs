//! What the predecessor of this parser did wrong, a test each.
use super::{characters, code, link, outcome, whole};
use crate::{answer::AnswerParser, sentences::Item};

#[test]
fn escapes_are_decoded_and_never_spoken() {
    let answer =
        r#"{"spoke_response": "He said \"hello\".\nA back\\slash, a tab\tand caf\u00e9.", "links": []}"#;
    let outcome = characters(answer);
    assert_eq!(outcome.lines.join(" "), "He said \"hello\". A back\\slash, a tab and café.");
    let code = characters(r#"{"spoke_response": "Look.", "code_blocks": ["print(\"a\\n\")\nx = '\\d'"]}"#);
    assert_eq!(code.asides, [super::code("", "print(\"a\\n\")\nx = '\\d'")]);
}

#[test]
fn a_character_of_two_halves_survives_any_cut() {
    let answer = r#"{"spoke_response": "A clef \ud834\udd1e here.", "links": []}"#;
    for cut in 0..answer.len() {
        assert_eq!(outcome([&answer[..cut], &answer[cut..]]).lines, ["A clef 𝄞 here."], "cut at {cut}");
    }
    // Half of one is nothing, and takes nothing with it.
    assert_eq!(whole(r#"{"spoke_response": "Half \ud834 here \uZZ."}"#).lines, ["Half here ZZ."]);
}

#[test]
fn brackets_within_strings_do_not_count() {
    let answer = r#"{"code_blocks": ["a[0] = {\"b\": [1, 2]};", "]}"], "links": ["https://x.org/a]b"], "spoke_response": "Use {this} [now]."}"#;
    let outcome = characters(answer);
    assert_eq!(outcome.lines, ["Use {this} [now]."]);
    assert_eq!(
        outcome.asides,
        [code("", "a[0] = {\"b\": [1, 2]};"), code("", "]}"), link("", "https://x.org/a]b")]
    );
}

#[test]
fn words_go_out_before_the_object_is_complete() {
    let mut parser = AnswerParser::new(3, 5);
    let items = parser.push(r#"{"spoke_response": "The pump is ready, as y"#);
    assert!(matches!(&items[..], [Item::Line(line)] if line.text == "The pump is ready,"), "{items:?}");
    assert_eq!(parser.take_text(), "The pump is ready, as y");
    // Its last line waits for nothing behind it.
    let items = parser.push(r#"ou know", "#);
    assert!(items.is_empty(), "a comma may stand within a sentence: {items:?}");
    assert_eq!(parser.push("\"").len(), 1);
}

#[test]
fn an_answer_in_plain_text_is_spoken() {
    for text in
        ["It has a two year warranty.", "Use {braces} and \"quotes\".", "{ is a brace.", "Set {\"a\"} now."]
    {
        let outcome = characters(text);
        assert_eq!((outcome.lines.join(" ").as_str(), outcome.is_json), (text, false));
    }
}

#[test]
fn an_object_that_breaks_off_is_spoken_and_shown_as_far_as_it_goes() {
    let answer = r#"{"spoke_response": "It has a two year warranty.", "code_blocks": ["one", "two"], "links": ["https://x.org"]}"#;
    for end in 0..answer.len() {
        let outcome = characters(&answer[..end]);
        let spoken = outcome.lines.join(" ");
        assert!("It has a two year warranty.".starts_with(&spoken), "{end}: {spoken}");
        assert!(outcome.asides.len() <= 3);
        if end >= answer.find(", \"code").unwrap() {
            assert_eq!(spoken, "It has a two year warranty.");
        }
        if end > answer.find(", \"two").unwrap() + 2 {
            assert_eq!(outcome.asides[0], code("", "one"));
        }
    }
    assert!(whole("{\"spoke_resp").lines.is_empty());
    assert!(whole("Well. {\"spoke_resp").lines == ["Well."]);
}

#[test]
fn pieces_of_text_are_as_large_as_they_come() {
    let mut parser = AnswerParser::new(3, 5);
    parser.push(r#"{"spoke_response": "The warranty"#);
    assert_eq!(parser.take_text(), "The warranty");
    parser.push(" of the pump");
    assert_eq!(parser.take_text(), " of the pump");
}
