//! What an answer shows beside its words, in whole calls.
use voce_core::{Event, Part};
use voce_testkit::fakes::{Beeper, SlowTalker};

use crate::harness::{Recording, engines, play};

const ANSWER: &str = r#"{"code_blocks": ["pump.start()"], "spoke_response": "It has a **two year** warranty. See [the shop](https://shop.org/pump).", "links": ["https://evil.org/x"]}"#;
const QUESTION: &str = "What does https://shop.org/pump say?";

fn shown(recording: &Recording) -> Vec<Part> {
    let parts = recording.events.iter().filter_map(|(_, event)| match event {
        Event::Shown { part, .. } => Some(part.clone()),
        _ => None,
    });
    parts.collect()
}

#[tokio::test(start_paused = true)]
async fn an_object_is_spoken_clean_and_what_it_holds_beside_is_shown() {
    let recording =
        play(engines(SlowTalker::new(ANSWER), Beeper::new(), QUESTION, 0.9), &[(200, 900)], 8_000).await;
    let report = recording.reports()[0];
    assert_eq!(report.heard, "It has a two year warranty. See the shop.");
    assert_eq!(report.generated, ANSWER);
    let code = Part::Code { language: String::new(), text: "pump.start()".into() };
    let link = Part::Link { text: "the shop".into(), url: "https://shop.org/pump".into() };
    // The passage is the question itself, which the answer does not repeat.
    assert_eq!(shown(&recording), [code, link]);
    let told: String = recording
        .events
        .iter()
        .filter_map(
            |(_, event)| if let Event::Generated { text, .. } = event { Some(text.as_str()) } else { None },
        )
        .collect();
    assert_eq!(told.trim_end(), report.heard);
    let ended = recording.at(|event| matches!(event, Event::GenerationEnded { .. })).unwrap();
    let last =
        recording.events.iter().rposition(|(_, event)| matches!(event, Event::Generated { .. })).unwrap();
    assert!(recording.events[last].0 <= ended, "no text comes behind its end");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_dropped_shows_nothing() {
    let llm = SlowTalker::new(ANSWER);
    let loud = [(200, 900), (1_300, 2_000)];
    let recording = play(engines(llm.clone(), Beeper::new(), QUESTION, 0.1), &loud, 10_000).await;
    let report = recording.reports()[0];
    assert!(report.early_dropped > 0, "{report:?}");
    assert_eq!(shown(&recording).len(), 2, "once, for the answer that was heard");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_repeats_a_passage_cites_it_and_one_that_marks_it_does_so_at_once() {
    for (answer, spoken) in [
        ("The pump has a two year warranty.", "The pump has a two year warranty."),
        ("Two years [1]. That is all.", "Two years. That is all."),
    ] {
        let question = "The pump has a two year warranty.";
        let llm = SlowTalker::new(answer);
        let recording = play(engines(llm, Beeper::new(), question, 0.9), &[(200, 900)], 8_000).await;
        assert_eq!(recording.reports()[0].heard, spoken);
        let parts = shown(&recording);
        assert!(matches!(&parts[..], [Part::Citation { passage }] if passage.text == question), "{parts:?}");
    }
}
