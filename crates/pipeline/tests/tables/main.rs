//! The state machine, played through on paper: tables of conversations and properties over random ones.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod driver;
mod properties;
mod rows;

use voce_core::{Control, Message};
use voce_pipeline::Rules;

use driver::{Answer, Driver, Engines, Hears, Script, Sound};

/// One conversation and what comes of it: the actions in order, separated by semicolons.
pub struct Row {
    name: &'static str,
    script: Script,
    expected: &'static str,
}

impl Row {
    /// Sound as `from-to words`, with `?` for what the end-of-turn model is unsure of, separated by `|`.
    fn new(name: &'static str, sounds: &str, until_ms: u64, expected: &'static str) -> Self {
        let sounds = sounds.split('|').filter(|sound| !sound.trim().is_empty()).map(sound).collect();
        let mut rules = Rules::default();
        // Guesses while the caller speaks have tables of their own.
        rules.listening.partial_ms = 0;
        // The tables state orders; what the defaults are tuned to must not change them.
        let listening = &mut rules.listening;
        (listening.soft_end_ms, listening.confirm_ms, listening.words_ms) = (120, 200, 400);
        (listening.end_threshold, listening.sure_threshold, listening.patience_ms) = (0.5, 0.9, 900);
        rules.interruption.hold_ms = 64;
        Self { name, script: Script { rules, sounds, until_ms, ..Script::default() }, expected }
    }

    fn rules(mut self, change: impl FnOnce(&mut Rules)) -> Self {
        change(&mut self.script.rules);
        self
    }

    fn assistant(mut self, change: impl FnOnce(&mut voce_pipeline::AssistantConfig)) -> Self {
        let mut assistant = (*self.script.rules.assistant).clone();
        change(&mut assistant);
        self.script.rules.assistant = assistant.into();
        self
    }

    fn engines(mut self, change: impl FnOnce(&mut Engines)) -> Self {
        change(&mut self.script.engines);
        self
    }

    fn controls(mut self, controls: &[(u64, Control)]) -> Self {
        self.script.controls = controls.to_vec();
        self
    }

    fn hang_up(mut self, at_ms: u64) -> Self {
        self.script.hang_up_ms = Some(at_ms);
        self
    }

    fn answer(self, answer: Answer) -> Self {
        self.engines(|engines| engines.answer = answer)
    }

    fn hears(self, hears: Hears) -> Self {
        self.engines(|engines| engines.hears = hears)
    }
}

fn sound(text: &str) -> Sound {
    let (time, words) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    let (from, to) = time.split_once('-').expect("from-to");
    let unsure = words.ends_with('~');
    Sound {
        from_ms: from.parse().unwrap(),
        to_ms: to.parse().unwrap(),
        words: words.trim_end_matches('~').trim().to_owned(),
        complete: if unsure { 0.2 } else { 0.97 },
    }
}

#[test]
fn every_conversation_goes_as_its_table_says() {
    let mut wrong = vec![];
    let rows = rows::all();
    assert!(rows.len() >= 40, "{} tables", rows.len());
    for Row { name, script, expected } in rows {
        let expected = expected.split_whitespace().collect::<Vec<_>>().join(" ");
        let expected: Vec<&str> = expected.split("; ").filter(|line| !line.is_empty()).collect();
        let played = Driver::new(script).run().out;
        if played.log != expected {
            let log = played.log.iter().zip(&played.times).map(|(line, at)| format!("{at:>6} {line}"));
            wrong.push(format!(
                "{name}\n{}\n  expected\n{}",
                log.collect::<Vec<_>>().join("\n"),
                expected.join("\n")
            ));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn the_next_prompt_holds_what_was_heard_and_that_it_was_cut() {
    let row = Row::new("", "200-900 Why?|2300-2900 Wait, how?", 8_000, "");
    let played = Driver::new(row.script).run();
    let [_, second] = played.out.prompts.as_slice() else { panic!("{:#?}", played.out.log) };
    let heard = Message::Assistant { text: "It lasts".into(), cut: true };
    assert_eq!(second, &[Message::User("Why?".into()), heard]);
}
