//! Whatever the caller does and when: the samples at the far end are those of one answer at a time, and none of an
//! answer that was dropped.
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use futures_util::{StreamExt, stream};
use proptest::{
    prelude::{Just, Strategy, prop},
    prop_assert, prop_assert_eq, prop_oneof, proptest,
    test_runner::TestCaseError,
};
use tokio::time::{Duration, sleep};
use voce_core::{
    EndReason, Event, LanguageModel, Line, ModelCard, OnInterruption, Output, Piece, Prompt, Speech,
    SpokenWord, TextToSpeech, ToolPolicy, TurnId,
};
use voce_pipeline::Engines;

use voce_testkit::tools::{Does, Toolbox, calls, policy};

use crate::harness::{Recording, engines, play};

/// Answers each prompt with its own number, twelve times.
struct Numbers {
    card: ModelCard,
    next: AtomicU32,
}

impl LanguageModel for Numbers {
    fn model(&self) -> &ModelCard {
        &self.card
    }

    fn generate(&self, prompt: Prompt) -> Output<Piece> {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        if prompt.steps.len() < prompt.tools.len() {
            // Each of them once, and a word before.
            let tool = prompt.tools[prompt.steps.len()].name.clone();
            return stream::iter([Ok(Piece::Text(format!("w{number} "))), Ok(calls(&tool, "{}"))]).boxed();
        }
        let words = (0..12).map(move |place| format!("w{number}{} ", if place % 4 == 3 { "." } else { "" }));
        let pieces = stream::iter(words).then(|word| async move {
            sleep(Duration::from_millis(40)).await;
            Ok(Piece::Text(word))
        });
        pieces.boxed()
    }
}

/// Speaks a number as samples of that size, 200 ms a word; other words as silence.
struct Levels(ModelCard);

impl TextToSpeech for Levels {
    fn model(&self) -> &ModelCard {
        &self.0
    }

    fn rate_hz(&self) -> u32 {
        1_000
    }

    fn speak(&self, line: Line) -> Output<Speech> {
        let words: Vec<String> = line.text.split_whitespace().map(str::to_owned).collect();
        let speak = |text: String| async move {
            sleep(Duration::from_millis(30)).await;
            let digits = text.trim_start_matches('w').trim_end_matches('.');
            let level = digits.parse::<f32>().map_or(0.0, |number| number / 1_000.0);
            let word = SpokenWord { text, start_seconds: 0.0, end_seconds: 0.2 };
            Ok(Speech { samples: vec![level; 200], rate_hz: 1_000, words: vec![word], phonemes: vec![] })
        };
        stream::iter(words).then(speak).boxed()
    }
}

fn talking_in_numbers(hears: &str, opinion: f32) -> Engines {
    let numbers = Numbers { card: ModelCard::default(), next: AtomicU32::new(1) };
    let beeper = voce_testkit::fakes::Beeper::new();
    Engines {
        tts: Arc::new(Levels(ModelCard::default())),
        ..engines(Arc::new(numbers), beeper, hears, opinion)
    }
}

/// A slow tool that is finished, a quick one that changes something, one that hangs.
fn tools() -> Arc<Toolbox> {
    let slow = ToolPolicy {
        filler: "A moment please.".into(),
        on_interruption: OnInterruption::Finish,
        has_effects: true,
        ..policy()
    };
    let hangs = ToolPolicy { timeout: Duration::from_secs(3), ..slow.clone() };
    let quick = ToolPolicy { has_effects: true, ..policy() };
    Toolbox::new([
        ("slow", slow, Does::Answers(Duration::from_secs(4), "slow")),
        ("quick", quick, Does::Answers(Duration::from_millis(100), "quick")),
        (
            "hangs",
            ToolPolicy { on_interruption: OnInterruption::Cancel, has_effects: false, ..hangs },
            Does::Hangs,
        ),
    ])
}

/// Every call that began has ended, once, for the turn that began it, and nothing of it is left.
fn check_calls(recording: &Recording, tools: &Toolbox) -> Result<(), TestCaseError> {
    let mut open = vec![];
    for (_, event) in &recording.events {
        match event {
            Event::ToolStarted { turn, call } => open.push((*turn, call.clone())),
            Event::ToolEnded { turn, step, .. } => {
                let place = open.iter().position(|begun| *begun == (*turn, step.call.clone()));
                prop_assert!(place.is_some(), "{step:?} of {turn:?} never began, or ended twice");
                open.swap_remove(place.unwrap_or_default());
            }
            _ => {}
        }
    }
    prop_assert!(open.is_empty(), "never ended: {open:?}");
    prop_assert_eq!(tools.running(), 0);
    Ok(())
}

/// Spans of loudness, each after a pause.
fn loud() -> impl Strategy<Value = Vec<(u64, u64)>> {
    let span = (5_u64..150, 2_u64..80);
    prop::collection::vec(span, 1..9).prop_map(|spans| {
        let mut now = 0;
        let place = |(pause, length): (u64, u64)| {
            let from = now + pause * 20;
            now = from + length * 20;
            (from, now)
        };
        spans.into_iter().map(place).collect()
    })
}

/// Which answer a frame belongs to; 0 for silence. A frame that fades has samples of several sizes, the first of
/// which tells.
fn number_of(samples: &[f32]) -> Option<u32> {
    let loudest = samples.iter().copied().fold(0.0_f32, f32::max);
    let number = loudest * 1_000.0;
    ((number - number.round()).abs() < 0.01).then_some(number.round() as u32)
}

fn check(recording: &Recording) -> Result<(), TestCaseError> {
    let mut numbers: Vec<(u128, u32)> = vec![];
    for (at, samples) in &recording.frames {
        match number_of(samples) {
            Some(0) => {}
            Some(number) => numbers.push((*at, number)),
            None => prop_assert!(false, "a frame of two answers at {at}: {samples:?}"),
        }
    }
    // An answer begun later has a greater number, so no answer comes back once another was heard.
    let in_order = numbers.windows(2).all(|pair| pair[0].1 <= pair[1].1);
    prop_assert!(in_order, "{numbers:?}");
    for (stopped, event) in &recording.events {
        let Event::Interrupted { .. } = event else { continue };
        let last_before = numbers.iter().rev().find(|(at, _)| at <= stopped).map(|(_, number)| *number);
        // Two frames may be on their way already.
        let stale = numbers.iter().find(|(at, number)| *at > stopped + 60 && Some(*number) == last_before);
        prop_assert!(stale.is_none(), "{stale:?} sounds after the stop at {stopped}");
    }
    let mut open: Option<TurnId> = None;
    for (_, event) in &recording.events {
        match event {
            Event::BotStartedSpeaking { turn } => {
                prop_assert!(open.is_none(), "two voices: {open:?} and {turn:?}");
                open = Some(*turn);
            }
            Event::BotStoppedSpeaking { turn } => {
                prop_assert!(open == Some(*turn), "{open:?} speaks, {turn:?} stops");
                open = None;
            }
            _ => {}
        }
    }
    for report in recording.reports() {
        let (heard, spoken) = (report.heard.as_str(), report.spoken.as_str());
        let whole = report.end_reason == EndReason::Completed && heard == spoken;
        prop_assert!(whole || spoken.starts_with(heard), "{heard:?} of {spoken:?}: {report:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 40, failure_persistence: None, ..Default::default() })]

    #[test]
    fn answers_never_overlap_and_what_is_dropped_is_never_heard(
        loud in loud(),
        hears in prop_oneof![Just("Tell me."), Just("Uh-huh."), Just("and"), Just("What is it?")],
        opinion in prop_oneof![Just(0.95_f32), Just(0.3)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        let until_ms = loud.last().map_or(0, |(_, to)| *to) + 12_000;
        let recording = runtime.unwrap().block_on(play(talking_in_numbers(hears, opinion), &loud, until_ms));
        check(&recording)?;
    }

    #[test]
    fn calls_of_tools_change_nothing_about_that_and_leave_nothing_behind(
        loud in loud(),
        hears in prop_oneof![Just("Tell me."), Just("and"), Just("What is it?")],
        opinion in prop_oneof![Just(0.95_f32), Just(0.3)],
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let until_ms = loud.last().map_or(0, |(_, to)| *to) + 14_000;
        let tools = tools();
        let engines = Engines { tools: Some(tools.clone()), ..talking_in_numbers(hears, opinion) };
        let recording = runtime.block_on(play(engines, &loud, until_ms));
        prop_assert_eq!(runtime.metrics().num_alive_tasks(), 0);
        check(&recording)?;
        check_calls(&recording, &tools)?;
    }
}
