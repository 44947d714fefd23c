//! A follow-up question is answered from the talk, and what no document says is not known: spoken, through the whole product.
use serde_json::Value;

use crate::harness::{EMBEDDED, Place, said};

/// What is asked, and what the answer must hold.
const TALK: [(&str, &str); 3] = [
    ("How long is the warranty on the water pump?", "two years"),
    ("And for the filter?", "six months"),
    ("Do you sell lawn mowers?", "do not know"),
];

#[test]
fn a_follow_up_is_answered_and_what_is_not_known_is_said_so() {
    if voce_testkit::models(EMBEDDED).is_none() {
        return;
    }
    let place = Place::with_demo_knowledge();
    let files: Vec<String> = (0..TALK.len()).map(|index| format!("question-{index}.wav")).collect();
    for ((question, _), file) in TALK.iter().zip(&files) {
        let output = place.voce(&["say", "--out", file, question]);
        assert!(output.status.success(), "{}", said(&output));
    }
    let mut arguments = vec!["talk", "--json", "--out", "answer.wav"];
    arguments.extend(files.iter().map(String::as_str));
    let output = place.voce(&arguments);
    assert!(output.status.success(), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report in JSON");
    let turns = report["turns"].as_array().expect("turns");
    for ((question, fact), turn) in TALK.iter().zip(turns) {
        let heard = turn["heard"].as_str().unwrap_or_default().to_lowercase();
        assert!(heard.contains(fact), "{question}: {turn:#}");
    }
}
