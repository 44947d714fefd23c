//! Speech into the bot's speech: the bot holds, then it stops or goes on.
use std::time::Duration;

use voce_core::{Event, MediaTime};

use super::{Action, Conversation, Floor, OpenedBy, OverBot, Overlap, Speaking, Speech, millis, seconds};
use crate::{Meaning, Phrase, overlap::meaning};

/// Evidence of a loudspeaker or a noisy place from which on the bot is not held by sound alone, only by words.
pub(super) const DISTRUST: u32 = 3;
/// How much an echo counts, and a noise: two in a row are more likely an echo than two coughs.
const ECHO: u32 = 3;
const NOISE: u32 = 2;
/// Speech that is judged before its end is judged again so much later, milliseconds.
const JUDGE_AGAIN_MS: u32 = 500;
/// The words of speech that has ended must be there by then, seconds: the bot does not stay silent for longer.
const WORDS_SECONDS: f32 = 2.0;

impl Conversation {
    pub(super) fn overlap_began(&mut self, began: MediaTime) {
        self.act(Action::Listen(began));
        self.speech = Some(Speech { over_bot: Some(OverBot::During), ..Speech::new(began) });
    }

    fn may_interrupt(&self, speaking: &Speaking) -> bool {
        let kept = |phrase: Phrase| self.rules.assistant.uninterruptible.contains(&phrase);
        self.rules.interruption.by_voice && !speaking.phrase.is_some_and(kept)
    }

    /// Whether sound that lasted so shortly can hold no words.
    pub(super) fn is_too_short_for_words(&self) -> bool {
        let Floor::Bot(_) = self.floor else { return false };
        let (Some(speech), Some(last)) = (&self.speech, self.endpointing.last_speech()) else { return false };
        last.since(speech.began) < millis(self.rules.interruption.shortest_words_ms)
    }

    pub(super) fn dismiss_noise(&mut self) {
        self.dismiss(Meaning::Noise, "");
    }

    /// Holds the bot, judges what lasts, and gives up waiting for words.
    pub(super) fn watch_overlap(&mut self) {
        let Floor::Bot(speaking) = self.floor else { return };
        self.hold_or_go_on(speaking);
        if !self.may_interrupt(&speaking) {
            return;
        }
        let rules = &self.rules.interruption;
        let Some(speech) = &self.speech else { return };
        let length = self.now.since(speech.began);
        if self.endpointing.is_speaking() {
            let due = match speech.asked == speech.began {
                true => length >= millis(rules.judge_within_ms),
                false => self.now.since(speech.asked) >= millis(JUDGE_AGAIN_MS),
            };
            if speech.hearing.is_none() && due {
                self.transcribe(false);
            } else if length >= millis(rules.surely_ms) && speech.guess.is_empty() && !speech.passed {
                // The recogniser does not keep up; somebody speaks and speaks.
                self.interrupt("");
            }
        } else if let Some(last) = self.endpointing.last_speech().or(speech.ended)
            && self.now.since(last) > seconds(WORDS_SECONDS)
        {
            self.dismiss(Meaning::Noise, "");
        }
    }

    fn hold_or_go_on(&mut self, speaking: Speaking) {
        let now = self.now;
        let run = self.endpointing.run();
        let trusted = self.distrust < DISTRUST && self.speech.as_ref().is_none_or(|speech| !speech.passed);
        if let Some(held) = speaking.held {
            if self.speech.is_none() && run.is_none() {
                self.dismiss_click(speaking, held);
            }
            return;
        }
        let Some(began) = run else { return };
        let long = now.since(began) >= millis(self.rules.interruption.hold_ms);
        if !speaking.audible || !long || !trusted || !self.may_interrupt(&speaking) {
            return;
        }
        if let Floor::Bot(speaking) = &mut self.floor {
            speaking.held = Some(now);
        }
        self.act(Action::Hold);
        self.publish(Event::BotHeld { turn: speaking.turn });
    }

    /// The bot was held by a sound that never became speech.
    fn dismiss_click(&mut self, speaking: Speaking, held: MediaTime) {
        let click = Overlap {
            meaning: Meaning::Noise,
            text: String::new(),
            began: held,
            speech: Duration::ZERO,
            held: Some(self.now.since(held)),
            stopped_after: Some(Duration::ZERO),
        };
        self.act(Action::Overlapped(speaking.turn, click));
        self.tell(speaking, Meaning::Noise, "");
        self.go_on();
    }

    fn go_on(&mut self) {
        let now = self.now;
        let Floor::Bot(speaking) = &mut self.floor else { return };
        if speaking.held.take().is_some() {
            speaking.progress = now;
            self.act(Action::Continue);
        }
    }

    pub(super) fn overlap_understood(&mut self, text: &str, whole: bool) {
        let Floor::Bot(speaking) = self.floor else { return };
        let Some(speech) = &mut self.speech else { return };
        speech.guess = text.to_owned();
        let began = speech.began;
        if !self.may_interrupt(&speaking) {
            // Kept until the sentence is over: then it is the caller's turn.
            return;
        }
        let length = self.endpointing.last_speech().unwrap_or(self.now).since(began);
        match meaning(text, began, length, &self.voice, self.distrust >= DISTRUST, &self.rules.interruption) {
            Meaning::Interruption => self.interrupt(text),
            other if whole => self.dismiss(other, text),
            // It goes on, and so does the bot, until there are words.
            other => {
                if let Some(speech) = &mut self.speech {
                    speech.passed = true;
                }
                if speaking.held.is_some() {
                    self.tell(speaking, other, text);
                    self.go_on();
                }
            }
        }
    }

    /// It was no interruption.
    fn dismiss(&mut self, meaning: Meaning, text: &str) {
        let Floor::Bot(speaking) = self.floor else { return };
        self.distrust = match meaning {
            Meaning::Echo => self.distrust + ECHO,
            Meaning::Noise => self.distrust + NOISE,
            _ => self.distrust,
        };
        self.record(speaking, meaning, text);
        self.tell(speaking, meaning, text);
        self.speech = None;
        self.endpointing.forget();
        self.act(Action::Forget);
        self.go_on();
    }

    /// Says once of each sound that it was no interruption.
    fn tell(&mut self, speaking: Speaking, meaning: Meaning, text: &str) {
        if self.speech.as_mut().is_some_and(|speech| std::mem::replace(&mut speech.told, true)) {
            return;
        }
        let (turn, why, text) = (speaking.turn, meaning.as_str(), text.to_owned());
        self.publish(Event::BotContinued { turn, why, text });
    }

    /// The caller wants the floor, and gets it.
    fn interrupt(&mut self, text: &str) {
        let Floor::Bot(speaking) = self.floor else { return };
        self.distrust = 0;
        self.record(speaking, Meaning::Interruption, text);
        self.stop(speaking);
        if let Some(speech) = &mut self.speech {
            speech.over_bot = None;
        }
        self.take_over();
    }

    /// The sentence is over, and somebody still speaks into it, or has just done so.
    pub(super) fn overlap_outlasted(&mut self) {
        if self.speech.is_some() {
            self.take_over();
        }
    }

    /// What was an overlap is a turn.
    fn take_over(&mut self) {
        let Some(speech) = &self.speech else { return };
        let (began, text) = (speech.began, speech.text.clone());
        self.take_floor(OpenedBy::Speech, began);
        if let Some(text) = text {
            self.heard_whole(text);
        }
    }

    fn record(&mut self, speaking: Speaking, meaning: Meaning, text: &str) {
        let Some(speech) = &self.speech else { return };
        let last = self.endpointing.last_speech().unwrap_or(self.now);
        let overlap = Overlap {
            meaning,
            text: text.to_owned(),
            began: speech.began,
            speech: last.since(speech.began),
            held: speaking.held.map(|since| self.now.since(since)),
            stopped_after: speaking
                .held
                .or((meaning == Meaning::Interruption).then_some(self.now))
                .map(|at| at.since(speech.began)),
        };
        self.act(Action::Overlapped(speaking.turn, overlap));
    }
}
