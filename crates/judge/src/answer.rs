//! Reads the model's answer. Only what cannot change its meaning is repaired; everything else is refused with what was
//! expected, in words of ours: the answer may quote the call. Pure.
use serde_json::{Map, Value};

use crate::Metric;

/// The longest answer that is read, bytes.
const LONGEST_ANSWER: usize = 256 * 1024;
/// The longest reason that is kept, characters.
const LONGEST_REASON: usize = 1_000;
/// Places where an object may begin that are tried.
const MOST_TRIES: usize = 64;

/// Score and reason of each of these metrics, in their order, or what is wrong with it.
pub(crate) fn scores(text: &str, metrics: &[&Metric]) -> Vec<Result<(f64, String), String>> {
    match object(text, metrics) {
        Ok(object) => metrics.iter().map(|metric| score(&object, metric)).collect(),
        Err(reason) => metrics.iter().map(|_| Err(reason.clone())).collect(),
    }
}

fn object(text: &str, metrics: &[&Metric]) -> Result<Map<String, Value>, String> {
    if text.len() > LONGEST_ANSWER {
        return Err(format!("the answer is {} bytes long; expected {LONGEST_ANSWER} at most", text.len()));
    }
    let text = without_thoughts(text.trim())?;
    let mut found = objects(text, metrics);
    if found.is_empty() {
        found = objects(&without_trailing_commas(text), metrics);
    }
    match (found.pop(), found.is_empty()) {
        (Some(object), true) => Ok(object),
        (Some(_), false) => Err("the answer holds several objects; expected one".to_owned()),
        (None, _) if text.contains('{') => {
            Err("the answer holds no whole JSON object with the metrics".to_owned())
        }
        (None, _) => Err("the answer is no JSON; expected one object".to_owned()),
    }
}

/// What follows the thoughts that reasoning models write down first.
fn without_thoughts(text: &str) -> Result<&str, String> {
    // Not where the answer itself begins: a reason may hold the tag.
    if text.starts_with('{') {
        return Ok(text);
    }
    match text.rsplit_once("</think>") {
        Some((_, answer)) => Ok(answer.trim()),
        None if text.starts_with("<think>") => {
            Err("the answer ends within its thoughts; raise judge.max_tokens".to_owned())
        }
        None => Ok(text),
    }
}

/// The objects of a text, whatever stands around them, that name one of the metrics: models like to repeat the schema.
fn objects(text: &str, metrics: &[&Metric]) -> Vec<Map<String, Value>> {
    let mut found = vec![];
    let mut at = 0;
    for _ in 0..MOST_TRIES {
        let Some(open) = text[at..].find('{') else { break };
        let mut values = serde_json::Deserializer::from_str(&text[at + open..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(Value::Object(object))) => {
                at += open + values.byte_offset();
                if metrics.iter().any(|metric| object.contains_key(&metric.name)) {
                    found.push(object);
                }
            }
            _ => at += open + 1,
        }
    }
    found
}

/// Without commas before a closing bracket, outside of texts.
fn without_trailing_commas(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let (mut inside, mut escaped) = (false, false);
    for (at, sign) in text.char_indices() {
        if inside {
            (inside, escaped) = (escaped || sign != '"', !escaped && sign == '\\');
        } else if sign == '"' {
            inside = true;
        } else if sign == ',' && text[at + 1..].trim_start().starts_with(['}', ']']) {
            continue;
        }
        kept.push(sign);
    }
    kept
}

fn score(object: &Map<String, Value>, metric: &Metric) -> Result<(f64, String), String> {
    let Some(entry) = object.get(&metric.name) else { return Err("it is missing".to_owned()) };
    let score = number(&entry["score"])?;
    if !metric.allows(score) {
        let (from, to) = metric.scale;
        return Err(format!("its score {score} is not a whole number from {from} to {to}"));
    }
    let reason = entry["reason"].as_str().map(str::trim).unwrap_or_default();
    if reason.is_empty() {
        return Err("it has no reason; expected a sentence".to_owned());
    }
    Ok((score, reason.chars().take(LONGEST_REASON).collect()))
}

/// A number, also one that is written as a text.
fn number(value: &Value) -> Result<f64, String> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        // Not what Rust alone reads as a number: "inf", "1e0".
        Value::String(text) => {
            let text = text.trim();
            let plain =
                text.len() <= 8 && text.bytes().all(|one| one.is_ascii_digit() || matches!(one, b'.' | b'-'));
            if plain { text.parse().ok() } else { None }
        }
        _ => None,
    };
    number.filter(|number| number.is_finite()).ok_or_else(|| "its score is no number".to_owned())
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::LazyLock};

    use proptest::prelude::*;

    use super::*;
    use crate::Metrics;

    fn read(text: &str) -> Vec<Result<(f64, String), String>> {
        static TWO: LazyLock<Metrics> = LazyLock::new(|| {
            let names = ["coherence".to_owned(), "tone".to_owned()];
            Metrics::load(Path::new("no such folder")).unwrap().only(&names).unwrap()
        });
        scores(text, &TWO.all.iter().collect::<Vec<_>>())
    }

    const GOOD: &str =
        r#"{"coherence": {"reason": "Clear {x}", "score": 4}, "tone": {"reason": "Kind", "score": 5}}"#;

    #[test]
    fn what_is_safe_is_repaired() {
        let expected = vec![Ok((4.0, "Clear {x}".to_owned())), Ok((5.0, "Kind".to_owned()))];
        for text in [
            GOOD.to_owned(),
            format!("```json\n{GOOD}\n```"),
            format!("Here are the scores:\n{GOOD}\nI hope {{this}} helps."),
            format!("<think>{{\"tone\": {{}}}} Hm.</think>\n{GOOD}"),
            format!("So the tone is {{5}}.\n</think>{GOOD}"),
            format!("{{\"type\": \"object\"}} {GOOD}"),
            GOOD.replace("4}", "\"4\"}").replace("5}", "5.0}"),
            GOOD.replace("4}", "4,}").replace("5}}", "5, } ,\n}"),
        ] {
            assert_eq!(read(&text), expected, "{text}");
        }
        // The tag within a reason is a part of it.
        let tag = GOOD.replace("{x}", "</think>");
        assert_eq!(read(&tag)[0], Ok((4.0, "Clear </think>".to_owned())));
    }

    #[test]
    fn everything_else_is_refused() {
        for (text, words) in [
            ("", "no JSON"),
            ("Four out of five!", "no JSON"),
            ("[4, 5]", "no JSON"),
            (r#"{"coherence": {"reason": "x", "score": 4}, "tone": {"reason": "#, "no whole JSON"),
            ("<think>It is hard to say", "max_tokens"),
            (&format!("{GOOD} {GOOD}"), "several"),
        ] {
            for one in read(text) {
                assert!(one.as_ref().is_err_and(|reason| reason.contains(words)), "{text}: {one:?}");
            }
        }
    }

    #[test]
    fn one_bad_metric_does_not_take_the_other_with_it() {
        for (score, words) in [
            ("7", "score 7 is not"),
            ("0", "score 0 is not"),
            ("3.7", "score 3.7 is not"),
            ("\"4/5\"", "no number"),
            ("true", "no number"),
            ("null", "no number"),
            ("1e999", ""),
            ("\"inf\"", "no number"),
        ] {
            let answer = read(&GOOD.replace("\"score\": 5", &format!("\"score\": {score}")));
            let reason = answer[1].as_ref().unwrap_err();
            assert!(reason.contains(words), "{score}: {reason}");
            assert_eq!(answer[0].is_ok(), score != "1e999", "{score}");
        }
        let missing = read(r#"{"coherence": {"reason": "Clear", "score": 4}}"#);
        assert!(missing[0].is_ok());
        assert_eq!(missing[1], Err("it is missing".to_owned()));
        assert!(read(&GOOD.replace("\"Kind\"", "\" \""))[1].is_err());
        assert!(read(&GOOD.replace("{\"reason\": \"Kind\", \"score\": 5}", "5"))[1].is_err());
    }

    /// Anything, and what is nearly right.
    fn texts() -> impl Strategy<Value = String> {
        let bytes = prop::collection::vec(any::<u8>(), 0..200);
        let any_bytes = bytes.prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let pieces = [
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\\",
            "</think>",
            "<think>",
            "```",
            "\"tone\"",
            "\"score\"",
            "\"reason\"",
            "\"x\"",
            "-3",
            "5",
            "6",
            "4.5",
            "1e300",
            "ä",
            " ",
        ];
        let soup =
            prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..60).prop_map(|one| one.concat());
        let score = prop_oneof![
            any::<f64>().prop_map(|one| one.to_string()),
            any::<i64>().prop_map(|one| one.to_string()),
            (-3..9_i64).prop_map(|one| one.to_string()),
            "\"[-0-9.e ]{0,6}\"",
        ];
        let nearly = (score, 0..GOOD.len()).prop_map(|(score, cut)| {
            let text = GOOD.replace("\"score\": 4", &format!("\"score\": {score}"));
            if cut % 3 == 0 { text.chars().take(cut).collect() } else { text }
        });
        prop_oneof![any_bytes, soup, nearly]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn no_answer_panics_or_gives_a_score_outside_the_scale(text in texts()) {
            for (score, reason) in read(&text).into_iter().flatten() {
                prop_assert!([1.0, 2.0, 3.0, 4.0, 5.0].contains(&score), "{score}");
                prop_assert!(!reason.is_empty());
            }
        }
    }
}
