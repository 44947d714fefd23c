//! Whatever happens in whatever order: every turn ends, one at a time, and only what was heard is remembered.
use proptest::{
    prelude::{Just, Strategy, any, prop},
    prop_assert, prop_assert_eq, prop_oneof, proptest,
    test_runner::TestCaseError,
};
use voce_core::Control;
use voce_pipeline::{Phrase, Rules, Strategy as Listening};

use crate::driver::{Answer, Driver, Engines, Hears, Script, Sound};

/// Sounds of people and things, in a row, with pauses between them.
fn sounds() -> impl Strategy<Value = Vec<Sound>> {
    let words = prop_oneof![
        Just(""),
        Just("Why?"),
        Just("I bought it and"),
        Just("It broke."),
        Just("Uh-huh."),
        Just("lasts two"),
        Just("Stop."),
        Just("one two three"),
    ];
    let sound = (1_u64..4_000, 40_u64..3_000, words, 0.0_f32..1.0);
    prop::collection::vec(sound, 0..12).prop_map(|sounds| {
        let mut now = 0;
        let place = |(pause, length, words, complete): (u64, u64, &str, f32)| {
            let from_ms = now + pause;
            now = from_ms + length;
            Sound { from_ms, to_ms: now, words: words.into(), complete }
        };
        sounds.into_iter().map(place).collect()
    })
}

fn engines() -> impl Strategy<Value = Engines> {
    let answer = prop_oneof![
        4 => Just(Answer::Words("It lasts two years.")),
        1 => Just(Answer::Words("Really?")),
        1 => Just(Answer::BreaksOff("It lasts")),
        1 => Just(Answer::Nothing),
        1 => Just(Answer::Fails),
        1 => Just(Answer::Never),
    ];
    let hears = prop_oneof![8 => Just(Hears::Words), 1 => Just(Hears::Fails), 1 => Just(Hears::Never)];
    (20_u64..1_500, hears, 20_u64..4_000, answer, any::<bool>()).prop_map(
        |(transcribe_ms, hears, answer_ms, answer, end_of_turn_fails)| Engines {
            transcribe_ms,
            hears,
            answer_ms,
            answer,
            end_of_turn_fails,
            ..Engines::default()
        },
    )
}

fn rules() -> impl Strategy<Value = Rules> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (flags, 0_u32..1_500, prop_oneof![Just(0), Just(700)]).prop_map(
        |((early, by_voice, push, greets, kept), partial_ms, filler_ms)| {
            let mut rules = Rules::default();
            let mut assistant = (*rules.assistant).clone();
            (rules.listening.early, rules.interruption.by_voice) = (early, by_voice);
            (rules.listening.partial_ms, rules.patience.filler_ms) = (partial_ms, filler_ms);
            if push {
                rules.listening.strategy = Listening::PushToTalk;
            }
            if greets {
                assistant.greeting = "Hello.".into();
            }
            if kept {
                assistant.uninterruptible = vec![Phrase::Greeting, Phrase::Apology];
            }
            rules.patience.idle_seconds = 30.0;
            rules.assistant = assistant.into();
            rules
        },
    )
}

fn controls() -> impl Strategy<Value = Vec<(u64, Control)>> {
    let control = prop_oneof![Just(Control::Press), Just(Control::Release), Just(Control::Interrupt)];
    prop::collection::vec((0_u64..40_000, control), 0..6)
}

fn script() -> impl Strategy<Value = Script> {
    (rules(), engines(), sounds(), controls()).prop_map(|(rules, engines, sounds, mut controls)| {
        let last = sounds.last().map_or(0, |sound| sound.to_ms).max(40_000);
        // A button that stays down is a turn as long as a turn may last.
        controls.push((last, Control::Release));
        // Then all deadlines pass, one after the other.
        Script { rules, engines, sounds, controls, until_ms: last + 100_000, hang_up_ms: None }
    })
}

fn check(script: Script) -> Result<(), TestCaseError> {
    let mut driver = Driver::new(script.clone());
    let (mut open, mut last_opened, mut seen) = (None::<u32>, 0, 0);
    // A turn that has just begun at the end of the script (the bot says good bye) gets a minute to end.
    for step in 0..(script.until_ms + 60_000) / 20 {
        if driver.is_over() || (step >= script.until_ms / 20 && open.is_none()) {
            break;
        }
        driver.step();
        let out = &driver.out;
        for line in &out.log[seen..] {
            let number = || line.split(' ').nth(1).and_then(|word| word.parse::<u32>().ok());
            match line.split(' ').next() {
                Some("open") => {
                    prop_assert_eq!(open, None, "two turns at once: {:#?}", out.log);
                    prop_assert_eq!(number(), Some(last_opened + 1));
                    last_opened += 1;
                    open = Some(last_opened);
                }
                Some("close") => {
                    prop_assert_eq!(open, number(), "{:#?}", out.log);
                    open = None;
                }
                Some("early" | "reply" | "say" | "fill" | "sound" | "release" | "hold" | "continue") => {
                    prop_assert!(open.is_some(), "{line} without a turn: {:#?}", out.log);
                }
                _ => {}
            }
        }
        seen = out.log.len();
    }
    prop_assert_eq!(open, None, "a turn never ends: {:#?}", driver.out.log);
    let heard: Vec<&str> =
        driver.conversation.history().iter().map(|exchange| exchange.heard.as_str()).collect();
    let told: Vec<String> = driver.out.heard.clone();
    let kept: Vec<&str> = told.iter().map(String::as_str).filter(|heard| !heard.is_empty()).collect();
    let remembered: Vec<&str> = heard.into_iter().filter(|heard| !heard.is_empty()).collect();
    prop_assert_eq!(remembered, kept, "what was heard and what is remembered differ: {:#?}", driver.out.log);
    Ok(())
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_turn_ends_one_at_a_time_and_nothing_unheard_is_remembered(script in script()) {
        check(script)?;
    }
}
