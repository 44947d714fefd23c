//! Spoken questions get spoken, grounded answers.
use serde_json::Value;

use crate::harness::{EMBEDDED, Place, question, said};

/// File, a word of the question, and what the answer must contain (any of these).
const QUESTIONS: &[(&str, &str, &[&str])] = &[
    ("warranty_af_heart.wav", "warranty", &["two year", "two-year", "24 month"]),
    ("hours_am_michael.wav", "saturday", &["eight", "8"]),
    ("filter_bf_emma.wav", "filter", &["week", "month"]),
];

#[test]
fn three_voices_ask_and_are_answered_from_the_documents() {
    if voce_testkit::models(EMBEDDED).is_none() {
        return;
    }
    let place = Place::with_demo_knowledge();
    let files: Vec<String> =
        QUESTIONS.iter().map(|(file, ..)| question(file).display().to_string()).collect();
    let answer = place.dir.path().join("answer.wav").display().to_string();
    let mut arguments = vec!["talk", "--json", "--out", &answer];
    arguments.extend(files.iter().map(String::as_str));
    let output = place.voce(&arguments);
    assert!(output.status.success(), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report in JSON");
    let mut spoken = String::new();
    for ((file, word, facts), turn) in QUESTIONS.iter().zip(report["turns"].as_array().expect("turns")) {
        let text = |key: &str| turn[key].as_str().unwrap_or_default().to_lowercase();
        assert!(text("question").contains(word), "{file}: {turn:#}");
        assert!(facts.iter().any(|fact| text("heard").contains(fact)), "{file}: {turn:#}");
        assert_eq!(turn["end_reason"], "completed");
        assert_eq!(text("heard"), text("spoken"), "all of the answer was heard");
        for key in ["voice_to_voice_seconds", "stt_seconds", "retrieval_seconds", "llm_first_token_seconds"] {
            assert!(turn[key].as_f64().is_some_and(|seconds| seconds > 0.0), "{key}: {turn:#}");
        }
        spoken += &text("heard");
    }
    let output = place.voce(&["transcribe", &answer]);
    let recognised = said(&output).to_lowercase();
    assert!(recognised.contains("two year"), "the answer's sound says {recognised}; it should say {spoken}");
}
