//! Where sentences end.
use super::{check, push, whole_sentences};

const CASES: &[(&str, &[&str])] = &[
    // Abbreviations.
    ("Dr. Smith is in. He waits.", &["Dr. Smith is in.", "He waits."]),
    ("Mr. and Mrs. Jones came. Prof. Li left.", &["Mr. and Mrs. Jones came.", "Prof. Li left."]),
    ("Use tools, e.g. a wrench. Then stop.", &["Use tools, e.g. a wrench.", "Then stop."]),
    ("Use brands, e.g. Bosch. Fine.", &["Use brands, e.g. Bosch.", "Fine."]),
    ("The pump, i.e. The Pump, is here. Yes.", &["The pump, i.e. The Pump, is here.", "Yes."]),
    ("I moved to the U.S. in May. It was hot.", &["I moved to the U.S. in May.", "It was hot."]),
    ("The U.S. Army came. It left.", &["The U.S. Army came.", "It left."]),
    ("He lives in the U.S. He likes it.", &["He lives in the U.S.", "He likes it."]),
    ("See No. 5 on the list. Then go.", &["See No. 5 on the list.", "Then go."]),
    ("He said no. He left.", &["He said no.", "He left."]),
    ("No. He stayed.", &["No.", "He stayed."]),
    ("Cats vs. Dogs is on. Watch it.", &["Cats vs. Dogs is on.", "Watch it."]),
    ("Bring seals, hoses, etc. Then start.", &["Bring seals, hoses, etc.", "Then start."]),
    ("Seals, hoses, etc. are wear parts.", &["Seals, hoses, etc. are wear parts."]),
    ("Acme Inc. Brookside won. Good.", &["Acme Inc. Brookside won.", "Good."]),
    ("It is made by Acme Inc. The pump is good.", &["It is made by Acme Inc.", "The pump is good."]),
    ("She has a Ph.D. in physics. Wow.", &["She has a Ph.D. in physics.", "Wow."]),
    ("We met in Jan. or Feb. of that year.", &["We met in Jan. or Feb. of that year."]),
    ("He lives on Main St. The house is red.", &["He lives on Main St.", "The house is red."]),
    ("We flew to St. Louis. It rained.", &["We flew to St. Louis.", "It rained."]),
    ("See Fig. 3 and pp. 4 to 9. Done.", &["See Fig. 3 and pp. 4 to 9.", "Done."]),
    ("It holds approx. 20 litres. Good.", &["It holds approx. 20 litres.", "Good."]),
    ("Smith et al. Found nothing.", &["Smith et al. Found nothing."]),
    // Initials.
    ("J. R. R. Tolkien wrote it. I read it.", &["J. R. R. Tolkien wrote it.", "I read it."]),
    ("J.R.R. Tolkien wrote it. Good.", &["J.R.R. Tolkien wrote it.", "Good."]),
    ("Take vitamin C. It helps.", &["Take vitamin C.", "It helps."]),
    ("So do I. Nobody knew.", &["So do I.", "Nobody knew."]),
    ("Robert A. Heinlein wrote. Read him.", &["Robert A. Heinlein wrote.", "Read him."]),
    // Numbers, versions, money.
    ("It weighs 3.5 kg. It is light.", &["It weighs 3.5 kg.", "It is light."]),
    ("It costs 1,000.50 in all. Pay now.", &["It costs 1,000.50 in all.", "Pay now."]),
    ("Use v1.2.3. It works.", &["Use v1.2.3.", "It works."]),
    ("It costs $12.50. Shipping is $4.", &["It costs $12.50.", "Shipping is $4."]),
    ("Pay €5.99! $3 more is fine.", &["Pay €5.99!", "$3 more is fine."]),
    ("That was in 2020. 5 people came.", &["That was in 2020.", "5 people came."]),
    ("Pi is 3.14159. E is 2.71828.", &["Pi is 3.14159.", "E is 2.71828."]),
    ("24. That is all.", &["24.", "That is all."]),
    ("It lasts 24 months. That is two years.", &["It lasts 24 months.", "That is two years."]),
    ("The address is 192.168.0.1. Ping it.", &["The address is 192.168.0.1.", "Ping it."]),
    // Times.
    ("We open at 10:30 a.m. on Monday. Come.", &["We open at 10:30 a.m. on Monday.", "Come."]),
    ("We open at 8 a.m. Monday to Friday. Come.", &["We open at 8 a.m. Monday to Friday.", "Come."]),
    ("We close at 6 p.m. The shop is big.", &["We close at 6 p.m.", "The shop is big."]),
    ("Call at 9 a.m. EST or later. Bye.", &["Call at 9 a.m. EST or later.", "Bye."]),
    ("Open 8 a.m. to 6 p.m. Closed on Sundays.", &["Open 8 a.m. to 6 p.m.", "Closed on Sundays."]),
    // Addresses.
    ("Go to www.example.com. Then log in.", &["Go to example.com.", "Then log in."]),
    ("See https://example.com/a.b?c=d.e! Now.", &["See example.com!", "Now."]),
    ("Mail help@brook.side.com. We answer.", &["Mail help@brook.side.com.", "We answer."]),
    ("Open config.toml and main.rs. Save.", &["Open config.toml and main.rs.", "Save."]),
    ("Read https://x.org/_a_/b_c*d now.", &["Read x.org now."]),
    // Ellipses.
    ("Well... maybe not. Yes.", &["Well... maybe not.", "Yes."]),
    ("I waited... Then it came.", &["I waited...", "Then it came."]),
    ("Hm… let me see… The pump is here.", &["Hm… let me see…", "The pump is here."]),
    ("One . . . two. Three.", &["One . . . two.", "Three."]),
    // Quotes, brackets, runs.
    ("\"He left.\" Then it rained.", &["\"He left.\"", "Then it rained."]),
    ("“I left.” he said. “Good.”", &["“I left.” he said.", "“Good.”"]),
    ("He left. \"Then it rained,\" she said.", &["He left.", "\"Then it rained,\" she said."]),
    ("(He left.) Then it rained.", &["(He left.)", "Then it rained."]),
    ("He left (see below). \"Why?\" Nobody knew.", &["He left (see below).", "\"Why?\"", "Nobody knew."]),
    ("It stopped. (See page 3.) Go on.", &["It stopped.", "(See page 3.)", "Go on."]),
    ("\"Really?\" he asked. \"Yes!\" she said.", &["\"Really?\" he asked.", "\"Yes!\" she said."]),
    ("What?! No!! Why?", &["What?!", "No!!", "Why?"]),
    ("Yahoo! is a name. Good.", &["Yahoo! is a name.", "Good."]),
    // Small letters.
    ("Open the case. iPhone owners wait.", &["Open the case.", "iPhone owners wait."]),
    ("close the valve. then wait.", &["close the valve.", "then wait."]),
    ("", &[]),
    (" \n\n . — ) ", &[]),
    ("no end", &["no end"]),
    ("Two  spaces\tand a tab. Next.", &["Two spaces and a tab.", "Next."]),
];

#[test]
fn sentences_end_where_a_reader_would_end_them() {
    check(CASES, whole_sentences);
}

#[test]
fn a_sentence_is_given_as_soon_as_the_next_token_proves_its_end() {
    let mut parser = super::SentenceParser::default();
    assert!(push(&mut parser, "It is here.").0.is_empty());
    assert!(push(&mut parser, " ").0.is_empty());
    assert_eq!(push(&mut parser, "Th").0[0].text, "It is here.");
}

#[test]
fn an_abbreviation_waits_for_the_word_behind_it_and_no_longer() {
    let mut parser = super::SentenceParser::new(100, 100);
    assert!(push(&mut parser, "We open at 8 a.m. M").0.is_empty());
    assert_eq!(push(&mut parser, "y").0[0].text, "We open at 8 a.m.");
}

#[test]
fn an_overlong_sentence_is_split_at_its_clauses_and_nowhere_else() {
    let clause = "the pump in the garden runs for as long as there is water in the tank,";
    let text = format!("{} and it stops. Then it rests.", [clause; 6].join(" "));
    let lines = super::lines(super::SentenceParser::new(100, 100), &text);
    assert!(lines.len() > 2);
    assert!(lines.iter().all(|line| line.text.len() <= 240));
    assert!(lines[..lines.len() - 2].iter().all(|line| line.text.ends_with(',')), "{lines:#?}");
    assert!(lines[0].begins_sentence && !lines[0].ends_sentence && !lines[1].begins_sentence);
    assert!(lines[lines.len() - 2].ends_sentence && lines[lines.len() - 1].begins_sentence);
}
