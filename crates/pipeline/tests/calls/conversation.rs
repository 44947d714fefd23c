//! Whole conversations in virtual time: no network, no models, no waiting.

use std::sync::atomic::Ordering;

use crate::harness::{engines, play};
use voce_core::{EndReason, Event};
use voce_testkit::fakes::{Beeper, Panics, SlowTalker};

#[tokio::test(start_paused = true)]
async fn a_question_is_answered_in_full() {
    let llm = SlowTalker::new("It has a two year warranty. Keep the receipt.");
    let recording = play(engines(llm, Beeper::new(), "Why?", 0.9), &[(200, 900)], 8_000).await;
    let reports = recording.reports();
    assert_eq!(reports.len(), 1, "{:#?}", recording.events);
    let report = reports[0];
    assert_eq!(report.end_reason, EndReason::Completed);
    assert_eq!(report.question, "Why?");
    assert_eq!(report.heard, "It has a two year warranty. Keep the receipt.");
    assert_eq!(report.spoken, report.heard);
    assert_eq!(report.late_frames, 0);
    assert_eq!(recording.frames_at.len(), 9 * 300 / 20);
    // 200 ms of quiet, 80 ms of recognition, 20 ms of search, then the words that make the first line.
    let waited = report.voice_to_voice_seconds.unwrap();
    assert!((0.3..1.0).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn speaking_into_an_answer_stops_it_within_200_ms() {
    let llm = SlowTalker::new("Once upon a time there was a fox. It slept in a deep dark wood all day long.");
    let voice = Beeper::new();
    let recording =
        play(engines(llm, voice.clone(), "Tell me.", 0.9), &[(200, 900), (3_100, 4_000)], 5_200).await;
    let held = recording.at(|event| matches!(event, Event::BotHeld { .. })).unwrap();
    assert!((3_100..3_200).contains(&held), "held at {held}");
    let stopped = recording.at(|event| matches!(event, Event::Interrupted { .. })).unwrap();
    let next =
        recording.at_after(stopped, |event| matches!(event, Event::BotStartedSpeaking { .. })).unwrap();
    let after: Vec<_> = recording.frames_at.iter().filter(|at| (held + 40..next).contains(at)).collect();
    assert!(after.is_empty(), "sound after the interruption: {after:?}");
    let report = recording.reports()[0];
    assert_eq!(report.end_reason, EndReason::Interrupted);
    assert!(
        report.spoken.starts_with(&report.heard) && report.heard.len() < report.spoken.len(),
        "{report:?}"
    );
    assert!(voice.steps.load(Ordering::SeqCst) < 17 + 17, "the voice stopped early");
}

#[tokio::test(start_paused = true)]
async fn an_unsure_end_of_turn_waits_but_not_for_ever() {
    let llm = SlowTalker::new("Yes.");
    let recording = play(engines(llm, Beeper::new(), "And", 0.1), &[(200, 900)], 6_000).await;
    let ended = recording.at(|event| matches!(event, Event::UserStoppedSpeaking)).unwrap();
    // A trailing "and": 900 ms of patience, 1.6 times.
    assert!((2_300..2_360).contains(&ended), "ended at {ended}");
    assert_eq!(recording.reports()[0].end_reason, EndReason::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_goes_on_is_answered_once() {
    let llm = SlowTalker::new("Yes.");
    let recording =
        play(engines(llm, Beeper::new(), "And then", 0.1), &[(200, 900), (1_300, 2_000)], 6_000).await;
    assert_eq!(recording.reports().len(), 1);
    assert!(recording.reports()[0].speech_seconds.unwrap() > 1.7);
}

#[tokio::test(start_paused = true)]
async fn speech_without_words_is_answered_not_swallowed() {
    let llm = SlowTalker::new("Never said.");
    let recording = play(engines(llm, Beeper::new(), "", 0.9), &[(200, 900)], 8_000).await;
    let report = recording.reports()[0];
    assert!(report.heard.contains("say it again"), "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn a_panicking_model_ends_the_turn_not_the_call() {
    let loud = [(200, 900), (7_000, 7_700)];
    let recording = play(engines(Panics::new(), Beeper::new(), "Why?", 0.9), &loud, 14_000).await;
    let reports = recording.reports();
    assert_eq!(reports.len(), 2);
    for report in reports {
        assert_eq!(report.end_reason, EndReason::Failed);
        assert!(report.heard.starts_with("Sorry"), "{report:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn hanging_up_in_mid_answer_leaves_no_task_behind() {
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let llm = SlowTalker::new("A long answer that nobody will hear to its end.");
    let recording = play(engines(llm, Beeper::new(), "Why?", 0.9), &[(200, 900)], 2_000).await;
    assert_eq!(recording.reports()[0].end_reason, EndReason::SessionClosed);
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), before);
}
