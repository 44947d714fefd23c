//! When speech begins, pauses and ends. Pure, and timed by the audio itself.
use std::time::Duration;

use voce_core::MediaTime;

use crate::ListeningConfig;

/// What changed with the last frame or verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// The caller speaks, since the given position.
    Started(MediaTime),
    /// The caller fell silent: is the turn over? To be answered by [`Endpointing::verdict`].
    Candidate,
    /// The caller goes on; the last candidate was none.
    Resumed,
    /// The turn is over.
    Ended(Outcome),
}

/// Why a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The end-of-turn model was sure.
    Committed,
    /// The quiet lasted up to the ceiling.
    Timeout,
    /// The caller spoke longer than a turn may last.
    TooLong,
}

impl Outcome {
    /// The word used in traces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Timeout => "timeout",
            Self::TooLong => "too_long",
        }
    }
}

/// Follows one microphone, frame by frame.
pub struct Endpointing {
    rules: ListeningConfig,
    state: State,
    /// Since when the present run of speech-like frames lasts.
    run: Option<MediaTime>,
}

#[derive(Clone, Copy)]
enum State {
    Quiet,
    Speaking { began: MediaTime, last_speech: MediaTime },
    Paused { began: MediaTime, last_speech: MediaTime, next_question: MediaTime },
}

impl Endpointing {
    /// Starts in silence.
    pub fn new(rules: ListeningConfig) -> Self {
        Self { rules, state: State::Quiet, run: None }
    }

    /// The end of the caller's speech so far, while a turn is open.
    pub fn last_speech(&self) -> Option<MediaTime> {
        match self.state {
            State::Quiet => None,
            State::Speaking { last_speech, .. } | State::Paused { last_speech, .. } => Some(last_speech),
        }
    }

    /// Takes the frame from `start` to `end`, which holds speech with `probability`.
    pub fn frame(&mut self, start: MediaTime, end: MediaTime, probability: f32) -> Option<Change> {
        let speech = if self.run.is_some() {
            probability >= self.rules.quiet_threshold
        } else {
            probability >= self.rules.speech_threshold
        };
        self.run = if speech { self.run.or(Some(start)) } else { None };
        let run_length = self.run.map_or(Duration::ZERO, |since| end.since(since));
        match self.state {
            State::Quiet => self.while_quiet(end, run_length),
            State::Speaking { began, last_speech } => {
                let last_speech = if speech { end } else { last_speech };
                self.while_speaking(end, began, last_speech)
            }
            State::Paused { began, last_speech, next_question } => {
                self.while_paused(end, began, last_speech, next_question, run_length)
            }
        }
    }

    /// Takes the end-of-turn model's answer to the last candidate. Too late an answer changes nothing.
    pub fn verdict(&mut self, probability: f32) -> Option<Change> {
        let State::Paused { .. } = self.state else { return None };
        if probability < self.rules.end_threshold {
            return None;
        }
        Some(self.end(Outcome::Committed))
    }

    fn while_quiet(&mut self, end: MediaTime, run_length: Duration) -> Option<Change> {
        if run_length < millis(self.rules.start_ms) {
            return None;
        }
        let began = self.run?;
        self.state = State::Speaking { began, last_speech: end };
        Some(Change::Started(began))
    }

    fn while_speaking(&mut self, end: MediaTime, began: MediaTime, last_speech: MediaTime) -> Option<Change> {
        if end.since(began) >= Duration::from_secs(self.rules.longest_turn_seconds.into()) {
            return Some(self.end(Outcome::TooLong));
        }
        if end.since(last_speech) < millis(self.rules.soft_end_ms) {
            self.state = State::Speaking { began, last_speech };
            return None;
        }
        let next_question = MediaTime(end.0 + millis(self.rules.ask_again_ms));
        self.state = State::Paused { began, last_speech, next_question };
        Some(Change::Candidate)
    }

    fn while_paused(
        &mut self,
        end: MediaTime,
        began: MediaTime,
        last_speech: MediaTime,
        next_question: MediaTime,
        run_length: Duration,
    ) -> Option<Change> {
        if run_length >= millis(self.rules.resume_ms) {
            self.state = State::Speaking { began, last_speech: end };
            return Some(Change::Resumed);
        }
        // A sound too short to count as speech yet must not be cut off by the ceiling.
        if end.since(last_speech) >= millis(self.rules.ceiling_ms) && self.run.is_none() {
            return Some(self.end(Outcome::Timeout));
        }
        if end >= next_question {
            let next_question = MediaTime(end.0 + millis(self.rules.ask_again_ms));
            self.state = State::Paused { began, last_speech, next_question };
            return Some(Change::Candidate);
        }
        None
    }

    fn end(&mut self, outcome: Outcome) -> Change {
        self.state = State::Quiet;
        self.run = None;
        Change::Ended(outcome)
    }
}

fn millis(value: u32) -> Duration {
    Duration::from_millis(value.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays 20 ms frames: `s` speech, `.` quiet, `-` in between; `!` is a verdict "over", `?` "not yet".
    fn play(script: &str) -> Vec<(u64, Change)> {
        let mut endpointing = Endpointing::new(ListeningConfig::default());
        let (mut at, mut changes) = (0, vec![]);
        for symbol in script.chars() {
            let change = match symbol {
                '!' => endpointing.verdict(0.9),
                '?' => endpointing.verdict(0.1),
                sound => {
                    let probability = match sound {
                        's' => 0.9,
                        '-' => 0.4,
                        _ => 0.05,
                    };
                    let (start, end) = (at, at + 20);
                    at = end;
                    let time = |ms| MediaTime(Duration::from_millis(ms));
                    endpointing.frame(time(start), time(end), probability)
                }
            };
            changes.extend(change.map(|change| (at, change)));
        }
        changes
    }

    fn at(ms: u64) -> MediaTime {
        MediaTime(Duration::from_millis(ms))
    }

    #[test]
    fn a_click_is_not_speech() {
        assert_eq!(play("..ss....ss.."), []);
    }

    #[test]
    fn speech_starts_where_its_first_frame_was() {
        assert_eq!(play("..sssss"), [(140, Change::Started(at(40)))]);
    }

    #[test]
    fn hesitant_frames_keep_speech_alive_but_do_not_start_it() {
        assert_eq!(play("------"), []);
        assert_eq!(play("sssss----------------"), [(100, Change::Started(at(0)))]);
    }

    #[test]
    fn a_sure_model_ends_the_turn_at_once() {
        let changes = play("sssss..........!");
        assert_eq!(changes[1..], [(300, Change::Candidate), (300, Change::Ended(Outcome::Committed))]);
    }

    #[test]
    fn an_unsure_model_is_asked_again_until_the_ceiling() {
        let script = format!("sssss{}", ".".repeat(80));
        let times: Vec<u64> = play(&script).iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [100, 300, 600, 900, 1_200, 1_500, 1_600]);
        assert_eq!(play(&script).last().unwrap().1, Change::Ended(Outcome::Timeout));
    }

    #[test]
    fn going_on_reopens_the_turn_and_a_late_verdict_is_void() {
        let changes = play("sssss..........ssss!..........");
        let kinds: Vec<Change> = changes.into_iter().map(|(_, change)| change).collect();
        assert_eq!(kinds, [Change::Started(at(0)), Change::Candidate, Change::Resumed, Change::Candidate]);
    }

    #[test]
    fn an_endless_speaker_is_answered_too() {
        let changes = play(&"s".repeat(1_501));
        assert!(changes.contains(&(30_000, Change::Ended(Outcome::TooLong))), "{changes:?}");
    }
}
