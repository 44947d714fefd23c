//! The first line of an answer, cut short so that sound starts early.
use super::{check, lines, push};
use crate::sentences::SentenceParser;

const CASES: &[(&str, &[&str])] = &[
    (
        "The warranty for the pump, as you know, is two years.",
        &["The warranty for the pump,", "as you know, is two years."],
    ),
    (
        "The warranty period for the water pump is two years from the date of purchase.",
        &["The warranty period for the water pump", "is two years from the date of purchase."],
    ),
    ("Yes, it is here.", &["Yes, it is here."]),
    ("Of course, it is here.", &["Of course, it is here."]),
    ("It costs about 1,000 dollars a year in all.", &["It costs about 1,000 dollars a year", "in all."]),
    (
        "You can return the pump because it is still new.",
        &["You can return the pump", "because it is still new."],
    ),
    ("The pump is ready — ask me anything.", &["The pump is ready —", "ask me anything."]),
    ("There are three ways: mail, phone and fax.", &["There are three ways:", "mail, phone and fax."]),
    ("On July 4, 2025 we were closed.", &["On July 4, 2025 we were closed."]),
    (
        "A book by J. R. R. Tolkien is what many of us read first.",
        &["A book by J. R. R. Tolkien", "is what many of us read first."],
    ),
    ("Thank you, Mr. Smith, for calling.", &["Thank you, Mr. Smith,", "for calling."]),
    ("Yes. The pump has a warranty, of course.", &["Yes.", "The pump has a warranty,", "of course."]),
    ("Short one. Then a longer one, with a comma.", &["Short one.", "Then a longer one,", "with a comma."]),
    (
        "This is enough. Then a longer one, with a comma.",
        &["This is enough.", "Then a longer one, with a comma."],
    ),
    (
        "Please write an e-mail to help@example.com, https://example.com or call.",
        &["Please write an e-mail to help@example.com,", "example.com or call."],
    ),
];

#[test]
fn the_first_line_ends_where_a_pause_hurts_least() {
    check(CASES, |text| lines(SentenceParser::default(), text).into_iter().map(|line| line.text).collect());
}

#[test]
fn an_early_end_is_marked_on_both_sides() {
    let lines = lines(SentenceParser::default(), "The pump is ready, as you know. Ask me.");
    let flags: Vec<_> =
        lines.iter().map(|line| (line.index, line.begins_sentence, line.ends_sentence)).collect();
    assert_eq!(flags, [(0, true, false), (1, false, true), (2, true, true)]);
}

#[test]
fn the_first_line_waits_neither_for_the_end_of_its_sentence_nor_for_a_comma() {
    let mut parser = SentenceParser::default();
    assert_eq!(push(&mut parser, "The warranty period for the water pump is ").0.len(), 0);
    assert_eq!(push(&mut parser, "t").0[0].text, "The warranty period for the water pump");
}

#[test]
fn lines_grow_so_that_the_voice_stays_ahead_of_the_ear() {
    let text =
        "The shop is open from Monday to Saturday from eight in the morning to six in the evening all year.";
    let lines = lines(SentenceParser::new(3, 5), text);
    let words: Vec<usize> = lines.iter().map(|line| line.text.split(' ').count()).collect();
    assert!(words.len() >= 3 && words[0] <= 5, "{lines:?}");
    let mut spoken = words[0];
    for next in &words[1..] {
        assert!(*next <= (spoken * 3 / 2).max(5), "{lines:?}");
        spoken += next;
    }
}
