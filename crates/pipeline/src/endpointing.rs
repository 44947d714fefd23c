//! When speech begins, pauses and ends. Pure, and timed by the audio itself.
//!
//! A pause ends the turn once the quiet has lasted as long as [`Endpointing::needed`] demands, and that changes with
//! what becomes known during the pause: what the end-of-turn model thinks of the melody, what the recogniser thinks
//! was said, and how this caller pauses.
use std::time::Duration;

use voce_core::MediaTime;

use crate::{ListeningConfig, Strategy, hints::Hint, pauses::Pauses};

/// What changed with the last frame, verdict or button.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// The caller speaks, since the given position.
    Started(MediaTime),
    /// The caller fell silent. Is the turn over, and what was said? To be answered by [`Endpointing::verdict`] and
    /// [`Endpointing::words`].
    Paused,
    /// The end-of-turn model is to be asked again, about the same words and more silence.
    AskAgain,
    /// The caller goes on after this much quiet.
    Resumed(Decision),
    /// The turn is over.
    Ended(Decision),
}

/// Why a pause ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The end-of-turn model was sure.
    Committed,
    /// The quiet lasted as long as the caller is waited for.
    Timeout,
    /// The caller spoke longer than a turn may last.
    TooLong,
    /// The caller let the button go.
    Released,
    /// The caller went on.
    Resumed,
}

impl Outcome {
    /// The word used in traces and events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Timeout => "timeout",
            Self::TooLong => "too_long",
            Self::Released => "released",
            Self::Resumed => "resumed",
        }
    }
}

/// How a pause ended and what was known by then.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// Why it ended.
    pub outcome: Outcome,
    /// The end-of-turn model's last word, 0 to 1.
    pub probability: Option<f32>,
    /// What the words say.
    pub hint: Hint,
    /// How likely the words are whole, 0 to 1, where the language model can tell.
    pub whole: Option<f32>,
    /// The quiet since the caller's last sound.
    pub waited: Duration,
    /// The quiet that was demanded in the end.
    pub needed: Duration,
}

/// Follows one microphone, frame by frame.
pub struct Endpointing {
    rules: ListeningConfig,
    state: State,
    /// Since when the present run of speech-like frames lasts.
    run: Option<MediaTime>,
    now: MediaTime,
    pauses: Pauses,
}

#[derive(Clone, Copy)]
enum State {
    Quiet,
    /// The last turn was cut off for its length: the caller has to pause before the next one.
    Spent,
    Speaking {
        began: MediaTime,
        last_speech: MediaTime,
    },
    Paused(Pause),
    /// The button is held: everything is speech.
    Pressed {
        began: MediaTime,
    },
}

#[derive(Clone, Copy)]
struct Pause {
    began: MediaTime,
    last_speech: MediaTime,
    next_question: MediaTime,
    probability: Option<f32>,
    hint: Option<Hint>,
    whole: Option<f32>,
}

impl Endpointing {
    /// Starts in silence.
    pub fn new(rules: ListeningConfig) -> Self {
        let pauses = Pauses::new(&rules);
        Self { rules, state: State::Quiet, run: None, now: MediaTime::default(), pauses }
    }

    /// The end of the caller's speech so far, while someone speaks or pauses.
    pub fn last_speech(&self) -> Option<MediaTime> {
        match self.state {
            State::Quiet | State::Spent => None,
            State::Speaking { last_speech, .. } => Some(last_speech),
            State::Paused(pause) => Some(pause.last_speech),
            State::Pressed { .. } => Some(self.now),
        }
    }

    /// Since when there is speech-like sound, however short. None for what is left of a turn that was too long.
    pub fn run(&self) -> Option<MediaTime> {
        self.run.filter(|_| !matches!(self.state, State::Spent))
    }

    /// Whether the caller's sound is going on, not paused.
    pub fn is_speaking(&self) -> bool {
        matches!(self.state, State::Speaking { .. } | State::Pressed { .. })
    }

    /// Whether the caller holds the button.
    pub fn is_pressed(&self) -> bool {
        matches!(self.state, State::Pressed { .. })
    }

    /// Takes the frame from `start` to `end`, which holds speech with `probability`.
    pub fn frame(&mut self, start: MediaTime, end: MediaTime, probability: f32) -> Option<Change> {
        self.now = end;
        let threshold =
            if self.run.is_some() { self.rules.quiet_threshold } else { self.rules.speech_threshold };
        let speech = probability >= threshold;
        self.run = if speech { self.run.or(Some(start)) } else { None };
        match self.state {
            State::Spent if !speech => {
                self.state = State::Quiet;
                None
            }
            State::Spent => None,
            State::Quiet => self.while_quiet(),
            State::Speaking { began, last_speech } => {
                self.while_speaking(began, if speech { end } else { last_speech })
            }
            State::Paused(pause) => self.while_paused(pause),
            State::Pressed { began } => self.too_long(began).then(|| self.end(Outcome::TooLong, None)),
        }
    }

    /// Takes the end-of-turn model's answer. Too late an answer changes nothing.
    pub fn verdict(&mut self, probability: f32) -> Option<Change> {
        let State::Paused(pause) = &mut self.state else { return None };
        pause.probability = Some(probability);
        let pause = *pause;
        self.over(pause)
    }

    /// Takes what the words of the turn so far say about its end, and how likely they are whole. Too late an answer
    /// changes nothing.
    pub fn words(&mut self, hint: Hint, whole: Option<f32>) -> Option<Change> {
        let State::Paused(pause) = &mut self.state else { return None };
        (pause.hint, pause.whole) = (Some(hint), whole);
        let pause = *pause;
        self.over(pause)
    }

    /// The button goes down: from now on everything is speech. Returns where the turn begins if it is a new one.
    pub fn press(&mut self) -> Option<MediaTime> {
        let began = match self.state {
            State::Pressed { .. } => return None,
            State::Quiet | State::Spent => None,
            State::Speaking { began, .. } => Some(began),
            State::Paused(pause) => Some(pause.began),
        };
        self.state = State::Pressed { began: began.unwrap_or(self.now) };
        if began.is_none() { Some(self.now) } else { None }
    }

    /// The button comes up.
    pub fn release(&mut self) -> Option<Change> {
        self.is_pressed().then(|| self.end(Outcome::Released, None))
    }

    /// What is going on is no speech of interest.
    pub fn forget(&mut self) {
        self.state = State::Quiet;
        self.run = None;
    }

    /// The turn that just ended goes on: its last pause lasted up to now.
    pub fn reopened(&mut self, quiet: Duration) {
        self.pauses.resumed(quiet);
    }

    fn while_quiet(&mut self) -> Option<Change> {
        let began = self.run?;
        if self.rules.strategy == Strategy::PushToTalk || self.now.since(began) < millis(self.rules.start_ms)
        {
            return None;
        }
        self.state = State::Speaking { began, last_speech: self.now };
        Some(Change::Started(began))
    }

    fn while_speaking(&mut self, began: MediaTime, last_speech: MediaTime) -> Option<Change> {
        if self.too_long(began) {
            return Some(self.end(Outcome::TooLong, None));
        }
        if self.now.since(last_speech) < millis(self.rules.soft_end_ms) {
            self.state = State::Speaking { began, last_speech };
            return None;
        }
        let next_question = MediaTime(self.now.0 + millis(self.rules.ask_again_ms));
        let pause = Pause { began, last_speech, next_question, probability: None, hint: None, whole: None };
        self.state = State::Paused(pause);
        Some(Change::Paused)
    }

    fn while_paused(&mut self, pause: Pause) -> Option<Change> {
        let run_length = self.run.map_or(Duration::ZERO, |since| self.now.since(since));
        if run_length >= millis(self.rules.resume_ms) {
            // The quiet lasted until this run began.
            let quiet = self.now.since(pause.last_speech).saturating_sub(run_length);
            self.pauses.resumed(quiet);
            let decision = Decision { waited: quiet, ..self.decision(Outcome::Resumed, pause) };
            self.state = State::Speaking { began: pause.began, last_speech: self.now };
            return Some(Change::Resumed(decision));
        }
        if let Some(over) = self.over(pause) {
            return Some(over);
        }
        if self.now >= pause.next_question {
            let next_question = MediaTime(self.now.0 + millis(self.rules.ask_again_ms));
            self.state = State::Paused(Pause { next_question, ..pause });
            return Some(Change::AskAgain);
        }
        None
    }

    /// Ends the turn if the quiet has lasted long enough.
    fn over(&mut self, pause: Pause) -> Option<Change> {
        // A sound too short to count as speech yet must not be cut off.
        if self.run.is_some() || self.now.since(pause.last_speech) < self.needed(pause) {
            return None;
        }
        let sure = pause.probability.is_some_and(|probability| probability >= self.rules.end_threshold);
        Some(self.end(if sure { Outcome::Committed } else { Outcome::Timeout }, Some(pause)))
    }

    /// The quiet that ends the turn, as far as is known.
    fn needed(&self, pause: Pause) -> Duration {
        let rules = &self.rules;
        let patience = self.pauses.patience();
        let ceiling = millis(rules.ceiling_ms);
        let over = pause.probability.is_some_and(|probability| probability >= rules.end_threshold);
        let sure = pause.probability.is_some_and(|probability| probability >= rules.sure_threshold);
        let broken = pause.whole.is_some_and(|whole| whole < rules.broken_threshold);
        let whole = pause.whole.is_none_or(|whole| whole >= rules.whole_threshold);
        let closed = pause.hint == Some(Hint::Closed);
        let needed = match pause.hint {
            Some(Hint::Open) => patience.mul_f32(rules.open_factor),
            // The melody alone is beyond doubt.
            _ if sure => millis(rules.confirm_ms),
            Some(_) if broken => patience.mul_f32(rules.open_factor),
            // Melody and words agree.
            Some(_) if over && (whole || closed) => millis(rules.confirm_ms),
            // The words may still say that something is missing: they are waited for, but not for long.
            None if over => millis(rules.words_ms),
            // One of them says that it is over.
            Some(_) if over || closed || (whole && pause.whole.is_some()) => {
                patience.mul_f32(rules.closed_factor)
            }
            _ => patience,
        };
        needed.clamp(millis(rules.confirm_ms), ceiling)
    }

    fn decision(&self, outcome: Outcome, pause: Pause) -> Decision {
        Decision {
            outcome,
            probability: pause.probability,
            hint: pause.hint.unwrap_or_default(),
            whole: pause.whole,
            waited: self.now.since(pause.last_speech),
            needed: self.needed(pause),
        }
    }

    fn too_long(&self, began: MediaTime) -> bool {
        self.now.since(began) >= Duration::from_secs(self.rules.longest_turn_seconds.into())
    }

    fn end(&mut self, outcome: Outcome, pause: Option<Pause>) -> Change {
        let decision = match pause {
            Some(pause) => self.decision(outcome, pause),
            None => Decision {
                outcome,
                probability: None,
                hint: Hint::None,
                whole: None,
                waited: Duration::ZERO,
                needed: Duration::ZERO,
            },
        };
        self.pauses.ended();
        self.state = if outcome == Outcome::TooLong { State::Spent } else { State::Quiet };
        self.run = None;
        Change::Ended(decision)
    }
}

fn millis(value: u32) -> Duration {
    Duration::from_millis(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> MediaTime {
        MediaTime(Duration::from_millis(ms))
    }

    /// Quiet that ends a turn when melody and words are known from the first moment of the pause.
    fn waited(probability: f32, words: Option<(Hint, Option<f32>)>) -> (u128, Outcome) {
        let rules = ListeningConfig {
            soft_end_ms: 60,
            confirm_ms: 200,
            words_ms: 600,
            patience_ms: 1_000,
            closed_factor: 0.5,
            open_factor: 2.0,
            end_threshold: 0.5,
            sure_threshold: 0.95,
            whole_threshold: 0.1,
            broken_threshold: 0.02,
            ..ListeningConfig::default()
        };
        let mut endpointing = Endpointing::new(rules);
        for frame in 0..300 {
            let speech = if frame < 50 { 0.9 } else { 0.0 };
            match endpointing.frame(at(20 * frame), at(20 * frame + 20), speech) {
                Some(Change::Paused) => {
                    assert_eq!(endpointing.verdict(probability), None);
                    if let Some((hint, whole)) = words {
                        assert_eq!(endpointing.words(hint, whole), None);
                    }
                }
                Some(Change::Ended(decision)) => return (decision.waited.as_millis(), decision.outcome),
                _ => {}
            }
        }
        panic!("it never ended")
    }

    #[test]
    fn the_quiet_that_ends_a_turn_depends_on_melody_and_words() {
        use Outcome::{Committed, Timeout};
        let none = |whole| Some((Hint::None, Some(whole)));
        let table = [
            (0.97, None, 200, Committed, "a melody beyond doubt"),
            (0.7, None, 600, Committed, "words that do not come"),
            (0.7, none(0.4), 200, Committed, "melody and words agree"),
            (0.7, Some((Hint::None, None)), 200, Committed, "no language model to ask"),
            (0.7, Some((Hint::Closed, Some(0.05))), 200, Committed, "a question"),
            (0.7, none(0.05), 500, Committed, "the melody alone"),
            (0.2, none(0.4), 500, Timeout, "the words alone"),
            (0.2, none(0.05), 1_000, Timeout, "neither"),
            (0.7, none(0.001), 2_000, Committed, "words that break off"),
            (0.97, Some((Hint::Open, None)), 2_000, Committed, "a trailing and"),
        ];
        for (probability, words, quiet, outcome, what) in table {
            assert_eq!(waited(probability, words), (quiet, outcome), "{what}");
        }
    }

    #[test]
    fn hesitant_frames_keep_speech_alive_but_do_not_start_it() {
        let mut endpointing = Endpointing::new(ListeningConfig::default());
        let mut changes = |probabilities: &[f32], from: u64| -> Vec<Change> {
            let frames = probabilities.iter().zip(from..);
            frames.filter_map(|(p, n)| endpointing.frame(at(20 * n), at(20 * n + 20), *p)).collect()
        };
        assert_eq!(changes(&[0.4; 10], 0), []);
        assert_eq!(changes(&[0.9; 5], 10), [Change::Started(at(200))]);
        assert_eq!(changes(&[0.4; 20], 15), []);
    }

    #[test]
    fn a_late_verdict_is_void() {
        let mut endpointing = Endpointing::new(ListeningConfig::default());
        for frame in 0..10 {
            endpointing.frame(at(20 * frame), at(20 * frame + 20), 0.9);
        }
        assert_eq!(endpointing.verdict(0.99), None);
        assert_eq!(endpointing.words(Hint::Closed, Some(1.0)), None);
    }
}
