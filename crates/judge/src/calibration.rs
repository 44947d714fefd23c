//! Turns that people have scored: one JSON object a line, the parts of a turn with `scores` and perhaps a `note`.
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Metrics, Turn};

/// A turn with the scores of people.
#[derive(Clone, Debug, PartialEq)]
pub struct Rated {
    /// Its line in the file, from 1.
    pub line: usize,
    /// The turn.
    pub turn: Turn,
    /// Scores by metric, within their scales.
    pub scores: BTreeMap<String, i64>,
    /// Why, in the people's words; may be empty.
    pub note: String,
}

/// All turns of a file's text. Empty lines are passed over.
///
/// # Errors
/// The first line that cannot be used, with its number, what is wrong and what was expected.
pub fn rated(text: &str, metrics: &Metrics) -> Result<Vec<Rated>, String> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    let filled = lines.filter(|(_, line)| !line.is_empty());
    let read = filled.map(|(number, line)| {
        of_line(number, line, metrics).map_err(|reason| format!("line {number}: {reason}"))
    });
    let all = read.collect::<Result<Vec<Rated>, String>>()?;
    if all.is_empty() {
        let expected =
            r#"expected lines such as {"question": "...", "answer": "...", "scores": {"tone": 4}}"#;
        return Err(format!("there is no turn; {expected}"));
    }
    Ok(all)
}

fn of_line(line: usize, text: &str, metrics: &Metrics) -> Result<Rated, String> {
    let mut object: Map<String, Value> = serde_json::from_str(text)
        .map_err(|error| format!("not a JSON object ({error}); expected one turn a line"))?;
    let given = object.remove("scores").unwrap_or_default();
    let note = match object.remove("note") {
        None => String::new(),
        Some(Value::String(note)) => note,
        Some(_) => return Err("note is no text".to_owned()),
    };
    let turn = Turn::deserialize(Value::Object(object)).map_err(|error| error.to_string())?;
    let Some(given) = given.as_object().filter(|scores| !scores.is_empty()) else {
        return Err(r#"there are no scores; expected e.g. "scores": {"faithfulness": 4}"#.to_owned());
    };
    let mut scores = BTreeMap::new();
    for (name, value) in given {
        scores.insert(name.clone(), score(name, value, &turn, metrics)?);
    }
    Ok(Rated { line, turn, scores, note })
}

fn score(name: &str, value: &Value, turn: &Turn, metrics: &Metrics) -> Result<i64, String> {
    let Some(metric) = metrics.named(name) else {
        let known: Vec<&str> = metrics.all.iter().map(|metric| metric.name.as_str()).collect();
        return Err(format!("there is no metric {name:?}; expected one of {}", known.join(", ")));
    };
    let Some(score) = value.as_f64().filter(|score| metric.allows(*score)) else {
        let (from, to) = metric.scale;
        return Err(format!("the score of {name} is {value}; expected a whole number from {from} to {to}"));
    };
    if !metric.applies(turn) {
        let needs: Vec<&str> = metric.needs.iter().map(|part| part.name()).collect();
        return Err(format!("the turn cannot be scored by {name}; that needs {}", needs.join(", ")));
    }
    Ok(score as i64)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> Result<Vec<Rated>, String> {
        rated(text, &Metrics::load(Path::new("no such folder")).unwrap())
    }

    const GOOD: &str = r#"{"question": "How long?", "answer": "Two years.", "passages": ["Two years."], "scores": {"tone": 4, "faithfulness": 5}, "note": "plain"}"#;

    #[test]
    fn a_line_is_a_turn_with_its_scores() {
        let rated = read(&format!("\n{GOOD}\n\n")).unwrap();
        assert_eq!((rated.len(), rated[0].line, rated[0].note.as_str()), (1, 2, "plain"));
        assert_eq!(rated[0].scores, BTreeMap::from([("tone".to_owned(), 4), ("faithfulness".to_owned(), 5)]));
        assert_eq!(rated[0].turn.passages.as_ref().unwrap()[0].text, "Two years.");
    }

    #[test]
    fn a_line_that_cannot_be_used_is_refused_with_its_number() {
        for (bad, words) in [
            (GOOD.replace("\"tone\": 4", "\"tone\": 6"), "tone is 6; expected a whole number from 1 to 5"),
            (GOOD.replace("\"tone\": 4", "\"tone\": 3.5"), "3.5"),
            (GOOD.replace("\"tone\"", "\"tome\""), "no metric \"tome\""),
            (GOOD.replace("\"answer\"", "\"anwser\""), "anwser"),
            (GOOD.replace("\"passages\": [\"Two years.\"], ", ""), "needs question, answer, retrieval"),
            (GOOD.replace("\"scores\"", "\"figures\""), "there are no scores"),
            (GOOD[..40].to_owned(), "not a JSON object"),
        ] {
            let error = read(&format!("{GOOD}\n{bad}\n")).unwrap_err();
            assert!(error.starts_with("line 2: ") && error.contains(words), "{error}");
        }
        assert!(read("\n").unwrap_err().contains("no turn"));
    }

    #[test]
    fn the_supplied_set_can_be_used_and_is_varied() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/judges/calibration.jsonl");
        let rated = read(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert!(rated.len() >= 30, "{}", rated.len());
        for name in ["answer_relevancy", "retrieval_relevancy", "faithfulness", "tone", "coherence"] {
            let given: Vec<i64> = rated.iter().filter_map(|one| one.scores.get(name).copied()).collect();
            let different: std::collections::BTreeSet<i64> = given.iter().copied().collect();
            assert!(given.len() >= 20 && different.len() >= 4, "{name}: {given:?}");
        }
    }
}
