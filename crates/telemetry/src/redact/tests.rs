use tokio::time::Instant;

use super::*;

fn redactor() -> Redactor {
    Redactor::new(&Config::default()).unwrap()
}

fn redacted(text: &str) -> String {
    redactor().text(text).into_owned()
}

#[test]
fn cards_are_found_however_they_are_written_or_spoken() {
    for card in [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1",
        "378282246310005",
        "3782 822463 10005",
        "four one one one one one one one one one one one one one one one",
        "Four, one, one, one. One one one one one one one one one one one one",
        "four triple one, one one one one, one one one one, one one one one",
        "forty-one eleven eleven eleven eleven eleven eleven eleven",
        "4111 one one one one 1111 1111",
    ] {
        assert_eq!(redacted(&format!("It is {card}, thanks.")), "It is [card], thanks.", "{card}");
    }
    assert_eq!(redacted("77 4111 1111 1111 1111 12 29"), "77 [card] 12 29");
}

#[test]
fn contacts_and_accounts_are_found() {
    for (text, expected) in [
        ("Write to ann.lee+shop@mail.example.co.uk.", "Write to [email]."),
        ("I am ann dot lee at example dot com", "I am [email]"),
        ("it is ann at mail dot example dot org okay", "it is [email] okay"),
        ("ann dot lee at example.com", "[email]"),
        ("größe@straße.de", "[email]"),
        ("Call +49 (0)30 1234567 now", "Call [phone] now"),
        ("Call +1-212-555-0123 now", "Call [phone] now"),
        ("Call (212) 555-0123.", "Call [phone]."),
        ("Call 212.555.0123, please", "Call [phone], please"),
        ("Call 2125550123", "Call [phone]"),
        ("Call 1 800 555 0199", "Call [phone]"),
        ("It is 555-0123", "It is [phone]"),
        ("rufen Sie 030 1234 5678 an", "rufen Sie [phone] an"),
        ("appelez le 01 23 45 67 89", "appelez le [phone]"),
        ("mobile 07700 900123", "mobile [phone]"),
        ("five five five, oh one two three", "[phone]"),
        ("two one two five five five oh one double two", "[phone]"),
        ("DE89 3704 0044 0532 0130 00 and", "[iban] and"),
        ("gb82west12345698765432.", "[iban]."),
    ] {
        assert_eq!(redacted(text), expected, "{text}");
    }
}

#[test]
fn other_numbers_and_words_stay() {
    for text in [
        "Order 4111111111111112 came on 2026-11-24 at 17:32:47.",
        "order number 1234567890123456",
        "It weighs 12.5 kg and costs 1,299.00 dollars, 20 % less than 1,599.00.",
        "http://127.0.0.1:5000 and 192.168.100.200:4318",
        "WP-200-1000, ISBN 978-3-16-148410-0, 10.11.2026 10:30 and 01/02/2026 10:00",
        "trace 0af7651916cd43dd8448eb211c80319c, span b7ad6b7169203331",
        "call 3f2b8c1e-4d5a-4411-9c0d-123456789abc",
        "1732469567 and 1732469567123 and 3.14159265358979",
        "one or two of three, four at most, look at the dot and at example",
        "Oh, I have been at home for twenty four hours, or forty two.",
        "We meet at 10, 20, 30 and 40 minutes past.",
        "the 24 months, the 36 months and the 48 months",
        "",
        "größer als 100 °C – 200 °C",
    ] {
        assert!(matches!(redactor().text(text), Cow::Borrowed(same) if same == text), "{}", redacted(text));
    }
}

#[test]
fn what_is_switched_off_stays_and_what_is_added_goes() {
    let custom = vec![CustomPattern { name: "order".into(), regex: r"\bORD-\d{8}\b".into() }];
    let config =
        Config { redact: RedactConfig { patterns: vec![Pattern::Email], custom }, ..Config::default() };
    let text = Redactor::new(&config).unwrap().text("ORD-12345678 of a@b.cd, 4111111111111111").into_owned();
    assert_eq!(text, "[order] of [email], 4111111111111111");
}

#[test]
fn a_pattern_that_cannot_be_used_says_why() {
    for (name, regex, why) in
        [("order", "(", "unclosed group"), ("", "a", "name"), ("all", "x*", "everywhere")]
    {
        let custom = vec![CustomPattern { name: name.into(), regex: regex.into() }];
        let redact = RedactConfig { custom, ..RedactConfig::default() };
        let error = Redactor::new(&Config { redact, ..Config::default() }).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("telemetry.redact.custom"), "{error}");
    }
}

/// Without a dependency: a generator whose numbers are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + self.below(10) as u8)).collect()
    }

    /// Words of all kinds, none of which is a number.
    fn words(&mut self) -> String {
        const WORDS: [&str; 16] = [
            "the",
            "pump",
            "großes",
            "is,",
            "Warranty.",
            "at",
            "dot",
            "(yes)",
            "\"quoted\"",
            "\n",
            "é–ü",
            "a-b",
            "for",
            "ten%",
            "💧",
            "it's",
        ];
        (0..self.below(6)).map(|_| WORDS[self.below(16) as usize]).collect::<Vec<_>>().join(" ")
    }

    fn card(&mut self) -> String {
        let length = 13 + self.below(7) as usize;
        let mut card = format!("{}{}", 2 + self.below(5), self.digits(length - 2));
        let sum: u32 = card
            .bytes()
            .rev()
            .enumerate()
            .map(|(at, digit)| match (at % 2, u32::from(digit - b'0')) {
                (0, value) if value < 5 => value * 2,
                (0, value) => value * 2 - 9,
                (_, value) => value,
            })
            .sum();
        card += &((10 - sum % 10) % 10).to_string();
        card
    }

    /// A way to write or say digits.
    fn written(&mut self, digits: &str) -> String {
        const NAMES: [&str; 10] =
            ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
        let named = digits.bytes().map(|digit| NAMES[usize::from(digit - b'0')]);
        match self.below(5) {
            0 => digits.to_owned(),
            1 => digits
                .as_bytes()
                .chunks(4)
                .map(|group| std::str::from_utf8(group).unwrap())
                .collect::<Vec<_>>()
                .join(" "),
            2 => digits
                .as_bytes()
                .chunks(4)
                .map(|group| std::str::from_utf8(group).unwrap())
                .collect::<Vec<_>>()
                .join("-"),
            3 => digits.chars().map(String::from).collect::<Vec<_>>().join(" "),
            _ => named.collect::<Vec<_>>().join(if self.below(2) == 0 { " " } else { ", " }),
        }
    }
}

#[test]
fn a_planted_card_address_or_number_never_survives() {
    let (redactor, mut numbers) = (redactor(), Numbers(7));
    for _ in 0..20_000 {
        let card = numbers.card();
        let secret = match numbers.below(3) {
            0 => numbers.written(&card),
            1 => format!(
                "{}{}@{}.example",
                ["ann", "j.o", "ü_b"][numbers.below(3) as usize],
                numbers.digits(3),
                numbers.digits(2)
            ),
            _ => format!(
                "+{}{} {} {}",
                1 + numbers.below(9),
                numbers.digits(1),
                numbers.digits(3),
                numbers.digits(5)
            ),
        };
        let (before, after) = (numbers.words(), numbers.words());
        let text = format!("{before} {secret} {after}");
        let redacted = redactor.text(&text);
        assert!(!redacted.contains(&secret), "{text:?} became {redacted:?}");
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
        assert_eq!(digits(&redacted), 0, "{text:?} became {redacted:?}");
        assert!(redacted.contains('['), "{text:?} became {redacted:?}");
    }
}

#[test]
fn a_text_without_them_is_the_same_text() {
    let (redactor, mut numbers) = (redactor(), Numbers(11));
    for _ in 0..20_000 {
        let (few, before, after) = (numbers.below(6) as usize, numbers.words(), numbers.words());
        let text = format!("{before} {} {after}", numbers.digits(few));
        assert!(matches!(redactor.text(&text), Cow::Borrowed(same) if same == text), "{text:?}");
    }
}

#[test]
fn it_is_quick() {
    let redactor = redactor();
    let answer = "The WP-200 water pump has a warranty period of 24 months from the date of purchase. ";
    for (name, text) in [
        ("a sentence", answer.to_owned()),
        ("a prompt", answer.repeat(24)),
        ("a card", "It is 4111 1111 1111 1111, thanks.".to_owned()),
    ] {
        drop(redactor.text(&text));
        let began = Instant::now();
        for _ in 0..1_000 {
            std::hint::black_box(redactor.text(std::hint::black_box(&text)));
        }
        let nanoseconds = began.elapsed().as_nanos() / 1_000;
        println!("{name} of {} bytes: {nanoseconds} ns", text.len());
        assert!(nanoseconds < 200 * text.len() as u128 + 50_000, "{name}: {nanoseconds} ns");
    }
}
