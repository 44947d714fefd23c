//! What is left of Markdown.
use super::{check, whole_sentences};
use crate::sentences::{Aside, SentenceParser};

const CASES: &[(&str, &[&str])] = &[
    ("This is **very** good. *Yes*.", &["This is very good.", "Yes."]),
    ("***Both*** and __strong__ and _soft_.", &["Both and strong and soft."]),
    ("It is ~~old~~ new.", &["It is old new."]),
    ("2 * 3 is 6 and 2*3 too.", &["2 * 3 is 6 and 2*3 too."]),
    ("Set snake_case_name in my_file.txt.", &["Set snake_case_name in my_file.txt."]),
    ("# Opening hours\nWe open at eight.", &["Opening hours", "We open at eight."]),
    ("## **Filter** ##\n\nClean it.", &["Filter ##", "Clean it."]),
    ("Warranty\n========\nTwo years.", &["Warranty", "Two years."]),
    ("Steps:\n- Open the lid\n- Clean it\n", &["Steps:", "Open the lid", "Clean it"]),
    ("* **One**: first\n* Two", &["One: first", "Two"]),
    ("1. Open it.\n2. Close it.\n\nDone.", &["Open it.", "Close it.", "Done."]),
    ("1) Open it\n   - and this\n2) Close", &["Open it", "and this", "Close"]),
    ("- [ ] Buy milk\n- [x] Sell it", &["Buy milk", "Sell it"]),
    ("-5 degrees is cold.", &["-5 degrees is cold."]),
    ("24. That is two years.", &["24.", "That is two years."]),
    ("> He left.\n> She stayed.", &["He left.", "She stayed."]),
    ("> > nested quote", &["nested quote"]),
    (
        "| Zone | Price |\n|---|:-:|\n| City | $5 |\n| Far | $9 |\n\nEnd.",
        &["Zone, Price", "City, $5", "Far, $9", "End."],
    ),
    ("a | b\n--- | ---\nc | d", &["a, b", "c, d"]),
    ("Above\n\n---\n\nBelow", &["Above", "Below"]),
    ("See [our site](https://x.org/a_(b)) now.", &["See our site now."]),
    ("See [the **big** pump](x). Good.", &["See the big pump.", "Good."]),
    ("See [it][1] and [2] here [^3].\n\n[1]: https://x.org", &["See it and here ."]),
    ("A picture ![of a pump](p.png) here.", &["A picture here."]),
    ("[![badge](a.svg)](b) Text.", &["Text."]),
    ("An array [of things] here.", &["An array [of things] here."]),
    ("Run `cargo build` now.", &["Run cargo build now."]),
    ("Set `max_tokens()` or ``a ` b``.", &["Set max tokens or a ` b."]),
    ("An open ` backtick.", &["An open backtick."]),
    ("Look:\n```rust\nfn main() {}\n```\nThat is it.", &["Look:", "That is it."]),
    ("~~~\n```\nx\n~~~\nOut.", &["Out."]),
    ("```\nnever closed. Really", &[]),
    ("```code``` is inline.", &["code is inline."]),
    ("Press <kbd>Enter</kbd>.<br>Next<br/>Last", &["Press Enter.", "Next", "Last"]),
    ("<p>One</p><p>Two</p>", &["One", "Two"]),
    ("If a < b then c > d.", &["If a < b then c > d."]),
    ("Hide <!-- this. That --> it.", &["Hide it."]),
    ("Mail <help@x.org> or <https://x.org>.", &["Mail help@x.org or https://x.org."]),
    ("<think>\nHm. What?\n</think>\n\nTwo years.", &["Two years."]),
    ("R&D and AT&amp;T &mdash; fine&nbsp;it is.", &["R&D and AT&T — fine it is."]),
    ("Great! 😀 Next 👍🏽 one 1️⃣.", &["Great!", "Next one 1."]),
    ("🎉", &[]),
    ("Not \\*bold\\* at all.", &["Not *bold* at all."]),
    ("A line that is broken\nby its margin goes on.", &["A line that is broken by its margin goes on."]),
    ("Monday to Friday\nEight to six", &["Monday to Friday", "Eight to six"]),
    (
        "The pump that stands in the garden behind the house of\nJohn Smith is ours.",
        &["The pump that stands in the garden behind the house of John Smith is ours."],
    ),
    ("One.\r\nTwo.\r\n\r\n- Three\r\n", &["One.", "Two.", "Three"]),
    ("**Note:** keep it.\n**Tip:** wait.", &["Note: keep it.", "Tip: wait."]),
];

#[test]
fn markdown_never_reaches_the_voice() {
    check(CASES, whole_sentences);
}

#[test]
fn code_and_links_are_handed_out_to_be_shown() {
    let mut parser = SentenceParser::default();
    parser.push("Look [here](https://x.org \"title\"):\n```rust\nfn main() {}\n\n```\n![p](p.png)");
    parser.finish();
    let link = |text: &str, url: &str| Aside::Link { text: text.into(), url: url.into() };
    let code = Aside::Code { language: "rust".into(), text: "fn main() {}\n\n".into() };
    assert_eq!(parser.take_asides(), [link("here", "https://x.org"), code, link("p", "p.png")]);
    assert!(parser.take_asides().is_empty());
}

#[test]
fn a_bracket_that_never_closes_holds_the_voice_up_for_a_while_only() {
    let mut parser = SentenceParser::default();
    let mut lines = parser.push("Look [here. ");
    lines.extend(parser.push(&"It goes on and on. ".repeat(20)));
    assert!(lines.len() > 5);
    assert_eq!(lines[0].text, "Look [here.");
}
