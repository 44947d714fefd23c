//! Arbitrary bytes as an answer, cut at arbitrary places: nothing panics, the cuts change nothing, lines are numbered
//! and hold words, and of an answer that is nothing but a well-formed object no bracket or key is spoken.
#![no_main]
use libfuzzer_sys::fuzz_target;
use voce_pipeline::{answer::AnswerParser, sentences::Item};

/// Up to this byte the input says where the answer is cut: each byte is the length of a piece.
const END_OF_CUTS: u8 = 0xff;

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|&byte| byte == END_OF_CUTS).unwrap_or(0);
    let (cuts, rest) = data.split_at(end);
    let text = String::from_utf8_lossy(rest.strip_prefix(&[END_OF_CUTS]).unwrap_or(rest));
    let whole = read(std::iter::once(&*text));
    assert_eq!(whole, read(pieces(&text, cuts).into_iter()), "the cuts changed the answer");

    let lines: Vec<_> = whole.0.iter().filter_map(|item| if let Item::Line(line) = item { Some(line) } else { None }).collect();
    for (place, line) in lines.iter().enumerate() {
        assert_eq!(line.index as usize, place);
        assert!(line.text.contains(char::is_alphanumeric), "{line:?}");
    }
    let spoken: String = lines.iter().map(|line| line.text.as_str()).collect();
    let Ok(serde_json::Value::Object(object)) = serde_json::from_str(&text) else { return };
    // A key that stands twice, or words that mean brackets in Markdown, make no difference to a caller.
    let is_plain = text.matches("spoke_response").count() == 1 && !text.contains("\\u");
    let Some(words) = object.get("spoke_response").and_then(|words| words.as_str()) else { return };
    if is_plain && !words.contains(['{', '[', '_', '&', '\\']) {
        assert!(!spoken.contains(['{', '[', '_']), "{spoken:?}");
    }
});

fn read<'a>(pieces: impl Iterator<Item = &'a str>) -> (Vec<Item>, String) {
    let mut parser = AnswerParser::new(3, 5);
    let (mut items, mut text) = (Vec::new(), String::new());
    for piece in pieces {
        items.extend(parser.push(piece));
        text.push_str(&parser.take_text());
    }
    items.extend(parser.finish());
    text.push_str(&parser.take_text());
    (items, text)
}

fn pieces<'a>(text: &'a str, cuts: &[u8]) -> Vec<&'a str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    for &cut in cuts {
        let mut at = usize::from(cut).min(rest.len());
        while !rest.is_char_boundary(at) {
            at += 1;
        }
        let (piece, behind) = rest.split_at(at);
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    pieces
}
