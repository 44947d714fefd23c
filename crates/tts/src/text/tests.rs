//! The table of what is said for what is written.
use super::*;

fn said(text: &str) -> String {
    let phrases = normalise(text, Accent::American);
    let spoken: Vec<String> =
        phrases.into_iter().map(|phrase| phrase.spoken).filter(|spoken| !spoken.is_empty()).collect();
    spoken.join(" ")
}

#[test]
fn written_forms_become_words() {
    let cases = [
        ("It costs $12.50.", "It costs twelve dollars and fifty cents."),
        ("€3, £1,000 and 5 cents", "three euros, one thousand pounds and five cents"),
        ("Open from 10:30 to 7 p.m. daily.", "Open from ten thirty to seven P.M daily."),
        ("We close at 7 p.m.", "We close at seven P.M."),
        ("at 10:30 AM", "at ten thirty A.M"),
        ("from 9am to 5pm", "from nine A.M to five P.M"),
        (
            "The pump runs at 230V/50Hz, 3.5 bar.",
            "The pump runs at two hundred thirty volts, fifty hertz, three point five bar.",
        ),
        (
            "It weighs 12 kg and does 80 km/h.",
            "It weighs twelve kilograms and does eighty kilometers per hour.",
        ),
        ("230 V at 50 Hz", "two hundred thirty volts at fifty hertz"),
        ("It's 72°F, i.e. 22°C.", "It's seventy-two degrees Fahrenheit, that is twenty-two degrees Celsius."),
        ("up to 60 L/min", "up to sixty liters per minute"),
        ("99.9% sure", "ninety-nine point nine percent sure"),
        ("on 2024-05-01 at noon", "on May first, twenty twenty-four at noon"),
        ("May 1st, 2024", "May first, twenty twenty-four"),
        ("You may 1 day win", "You may one day win"),
        ("due 3/4/2025", "due March fourth, twenty twenty-five"),
        ("Call 1-800-555-0199 now!", "Call one, eight zero zero, five five five, zero one nine nine now!"),
        ("Visit https://example.com/help.", "Visit example dot com slash help."),
        ("Write to bob@acme.com.", "Write to bob at acme dot com."),
        ("Dr. Smith lives on Main St.", "Doctor Smith lives on Main Street."),
        ("St. Mary vs. St. John", "Saint Mary versus Saint John"),
        ("Use soap, e.g. No. 5.", "Use soap, for example number five."),
        ("Version 2.0.1 of v3.2", "Version two point zero point one of version three point two"),
        ("Tom & Jerry @ home", "Tom and Jerry at home"),
        ("2 + 2 = 4", "two plus two equals four"),
        ("½ cup, 2½ cups, 3/4 inch", "one half cup, two and a half cups, three quarters inch"),
        ("5-10 kg or 10–20", "five to ten kilograms or ten to twenty"),
        (
            "In 1999 we sold 1999 pumps.",
            "In nineteen ninety-nine we sold one thousand nine hundred ninety-nine pumps.",
        ),
        ("the 1990s", "the nineteen nineties"),
        ("The ACME X-200 and MP3", "The ACME X two hundred and MP three"),
        ("**Bold** and _it_ `code`", "Bold and it code"),
        ("Great 🎉 news 👍🏽!", "Great news"),
        ("- first item", "— first item"),
        ("the U.S. office and the U.S.", "the U.S office and the U.S."),
        ("two MP3s", "two MP threes"),
        ("a 2 year warranty", "a two year warranty"),
        ("a 2-year warranty", "a two year warranty"),
        ("the 21st of March", "the twenty-first of March"),
        ("-5 °C outside", "minus five degrees Celsius outside"),
        ("1,234,567 users", "one million two hundred thirty-four thousand five hundred sixty-seven users"),
        ("$3.2 million", "three point two million dollars"),
        ("Well—actually no", "Well, actually no"),
        ("#1 choice", "number one choice"),
        ("They're the pumps' seals", "They're the pumps seals"),
        ("café naïve", "cafe naive"),
        ("10x faster, 3x4 m", "ten times faster, three by four meters"),
        ("Room 101, flight BA2490", "Room one hundred one, flight BA two four nine zero"),
        ("192.168.0.1", "one hundred ninety-two dot one hundred sixty-eight dot zero dot one"),
        ("\"Quoted\" (aside)", "\"Quoted\" (aside)"),
        ("[link](ˈx) text", "link x) text"),
    ];
    let wrong: Vec<String> = cases
        .iter()
        .filter(|(written, spoken)| said(written) != *spoken)
        .map(|(written, spoken)| format!("{written}\n  expected {spoken}\n  said     {}", said(written)))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_written_word_is_in_one_phrase_in_order() {
    for text in ["Call (555) 123-4567 at 7 p.m. on May 1st, 2024.", "  — 🎉  a\tb\n c ", ""] {
        let written: Vec<String> =
            normalise(text, Accent::American).into_iter().flat_map(|phrase| phrase.written).collect();
        assert_eq!(written, text.split_whitespace().collect::<Vec<_>>());
    }
}

#[test]
fn an_accent_changes_dates_and_hundreds() {
    let british = normalise("105 on 3/4/2025", Accent::British);
    assert_eq!(british[0].spoken, "one hundred and five");
    assert_eq!(british[2].spoken, "the third of April, twenty twenty-five");
}
