//! What is left of Markdown.
use super::{check, finish, parsed, push, whole_sentences};
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
    ("See [it][a] and [2] here [^3].\n\n[a]: https://x.org", &["See it and here."]),
    ("It has two years [1], or three【2†source】. Yes [1][2]!", &["It has two years, or three.", "Yes!"]),
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
    ("Mail <help@x.org> or <https://x.org/a>.", &["Mail help@x.org or x.org."]),
    ("See [https://x.org/help](https://x.org/help) (or http://www.y.org:80/z).", &["See x.org (or y.org)."]),
    (
        "Hear: **https://x.org/a_b**, www.y.org/c! A http:// alone.",
        &["Hear: x.org, y.org!", "A http:// alone."],
    ),
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
    let text = "Look [here](https://x.org \"title\"):\n```rust\nfn main() {}\n\n```\n![p](p.png)";
    let (_, asides) = parsed(SentenceParser::default(), text);
    let link = |text: &str, url: &str| Aside::Link { text: text.into(), url: url.into() };
    let code = Aside::Code { language: "rust".into(), text: "fn main() {}\n\n".into() };
    assert_eq!(asides, [link("here", "https://x.org"), code, link("p", "p.png")]);
}

#[test]
fn bare_addresses_and_references_are_links_too() {
    let text = "See https://www.x.org/a_(b), [the shop][s] and www.y.org/c.\n\n[s]: https://z.org \"Shop\"\n[2]: https://w.org";
    let (_, asides) = parsed(SentenceParser::default(), text);
    let link = |text: &str, url: &str| Aside::Link { text: text.into(), url: url.into() };
    let expected = [
        link("x.org", "https://www.x.org/a_(b)"),
        link("y.org", "https://www.y.org/c"),
        link("the shop", "https://z.org"),
        link("", "https://w.org"),
    ];
    assert_eq!(asides, expected);
}

#[test]
fn marks_say_which_passages_a_sentence_rests_on() {
    let (_, asides) =
        parsed(SentenceParser::default(), "Two years [1]. Or [2, 3]. An x[^4] 【5†manual】 [a].");
    let numbers: Vec<_> = asides
        .into_iter()
        .map(|aside| match aside {
            Aside::Citation { numbers } => numbers,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(numbers, [vec![1], vec![2, 3], vec![4], vec![5]]);
}

#[test]
fn a_short_table_is_spoken_and_shown_and_a_long_one_is_shown_only() {
    let short = "Prices:\n| Zone | Price |\n|---|---|\n| **City** | $5 [1] |\n\nEnd.";
    let (lines, asides) = parsed(SentenceParser::default(), short);
    let spoken: Vec<_> = lines.into_iter().map(|line| line.text).collect();
    assert_eq!(spoken, ["Prices:", "Zone, Price", "City, $5", "End."]);
    let table = Aside::Table {
        header: vec!["Zone".into(), "Price".into()],
        rows: vec![vec!["City".into(), "$5".into()]],
    };
    assert_eq!(asides, [table, Aside::Citation { numbers: vec![1] }]);

    let long = format!("Prices:\n| Zone | Price |\n|---|---|\n{}End.", "| City | $5 |\n".repeat(4));
    let (lines, asides) = parsed(SentenceParser::default(), &long);
    let spoken: Vec<_> = lines.into_iter().map(|line| line.text).collect();
    assert_eq!(spoken, ["Prices:", "End."]);
    assert!(matches!(&asides[..], [Aside::Table { rows, .. }] if rows.len() == 4), "{asides:?}");
}

#[test]
fn a_bracket_that_never_closes_holds_the_voice_up_for_a_while_only() {
    let mut parser = SentenceParser::default();
    let (mut lines, _) = push(&mut parser, "Look [here. ");
    lines.extend(push(&mut parser, &"It goes on and on. ".repeat(20)).0);
    assert!(lines.len() > 5);
    assert_eq!(lines[0].text, "Look [here.");
    assert!(!finish(&mut parser).0.is_empty());
}
