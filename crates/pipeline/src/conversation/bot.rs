//! The bot's turns: answers and fixed sentences, their progress and their deadlines.
use voce_core::{EndReason, Event, TurnId};

use super::{Action, Conversation, Floor, OpenedBy, Speaking, millis, seconds};
use crate::{Phrase, Played};

impl Conversation {
    pub(super) fn speaking(&self, turn: TurnId, phrase: Option<Phrase>) -> Speaking {
        Speaking {
            turn,
            phrase,
            since: self.now,
            progress: self.now,
            audible: false,
            failed: false,
            held: None,
            question: None,
        }
    }

    /// Says a fixed sentence; the bot has the floor from now on.
    pub(super) fn say(&mut self, turn: TurnId, phrase: Phrase) {
        let assistant = &self.rules.assistant;
        let text = match phrase {
            Phrase::Greeting => &assistant.greeting,
            Phrase::AskAgain => &assistant.ask_again,
            Phrase::Apology => &assistant.apology,
            Phrase::Idle => &assistant.idle,
            Phrase::Goodbye => &assistant.goodbye,
        };
        let text = text.clone();
        if phrase != Phrase::AskAgain {
            // "Yes" is an answer to this sentence now.
            self.let_go();
        }
        self.floor = Floor::Bot(self.speaking(turn, Some(phrase)));
        self.act(Action::Say(turn, text));
    }

    pub(super) fn played(&mut self, played: Played) {
        let now = self.now;
        let Floor::Bot(speaking) = &mut self.floor else { return };
        speaking.progress = now;
        let turn = speaking.turn;
        let event = match played {
            // The answer after a filler, or the apology after half an answer.
            Played::Started if speaking.audible => return,
            Played::Started => {
                speaking.audible = true;
                speaking.question = None;
                if self.speech.is_none() {
                    self.act(Action::Forget);
                }
                Event::BotStartedSpeaking { turn }
            }
            Played::Line(line) => {
                self.voice.line(&line.text);
                Event::LineStarted {
                    turn,
                    index: line.index,
                    text: line.text,
                    ends_sentence: line.ends_sentence,
                }
            }
            Played::Word(text) => {
                self.voice.word(now, &text);
                if !self.heard.is_empty() {
                    self.heard.push(' ');
                }
                self.heard.push_str(&text);
                Event::WordHeard { turn, text }
            }
        };
        self.publish(event);
    }

    pub(super) fn reply_ended(&mut self, outcome: Result<(), String>) {
        let speaking = match &mut self.floor {
            Floor::Bot(speaking) => *speaking,
            Floor::Caller { early: Some(early), .. } => {
                early.ended = Some(outcome);
                return;
            }
            _ => return,
        };
        let turn = speaking.turn;
        match outcome {
            Err(reason) if !speaking.failed => return self.fail(turn, reason),
            Ok(()) if !speaking.audible && speaking.phrase.is_none() => {
                return self.fail(turn, "the answer was empty".into());
            }
            _ => {}
        }
        if speaking.audible {
            self.bot_ended = Some(self.now);
            // A sentence that nothing fell into: the place may have become quiet.
            self.distrust = self.distrust.saturating_sub(u32::from(self.speech.is_none()));
            self.publish(Event::BotStoppedSpeaking { turn });
        }
        self.close(turn, if speaking.failed { EndReason::Failed } else { EndReason::Completed });
        self.nobody();
        if speaking.phrase == Some(Phrase::Goodbye) {
            return self.act(Action::HangUp);
        }
        self.overlap_outlasted();
    }

    /// A stage failed: the caller hears so.
    pub(super) fn fail(&mut self, turn: TurnId, reason: String) {
        let audible = matches!(self.floor, Floor::Bot(speaking) if speaking.audible);
        self.publish(Event::ReplyFailed { turn, reason });
        self.say(turn, Phrase::Apology);
        if let Floor::Bot(speaking) = &mut self.floor {
            (speaking.audible, speaking.failed) = (audible, true);
        }
    }

    /// Stops the bot because a button says so.
    pub(super) fn stop_by_hand(&mut self) {
        let Floor::Bot(speaking) = self.floor else { return };
        self.stop(speaking);
        self.speech = None;
        self.endpointing.forget();
        self.act(Action::Forget);
        self.nobody();
    }

    /// Ends the answer where it is.
    pub(super) fn stop(&mut self, speaking: Speaking) {
        let turn = speaking.turn;
        self.act(Action::StopReply);
        if speaking.audible {
            self.publish(Event::BotStoppedSpeaking { turn });
        }
        let heard = self.close(turn, EndReason::Interrupted);
        self.publish(Event::Interrupted { turn, heard });
    }

    /// Greets, covers slow answers, gives up on those that hang, asks who says nothing.
    pub(super) fn watch_bot(&mut self) {
        match self.floor {
            Floor::Nobody { since } => self.watch_silence(self.now.since(since)),
            Floor::Bot(speaking) if speaking.held.is_none() => self.watch_answer(speaking),
            _ => {}
        }
    }

    fn watch_silence(&mut self, silence: std::time::Duration) {
        let rules = self.rules.clone();
        if !std::mem::replace(&mut self.greeted, true) && !rules.assistant.greeting.is_empty() {
            return self.begin(OpenedBy::Greeting, Phrase::Greeting);
        }
        let (idle, goodbye) = (rules.patience.idle_seconds, rules.patience.goodbye_seconds);
        if !self.prompted && idle > 0.0 && silence >= seconds(idle) && !rules.assistant.idle.is_empty() {
            self.prompted = true;
            return self.begin(OpenedBy::Idle, Phrase::Idle);
        }
        if self.prompted && goodbye > 0.0 && silence >= seconds(goodbye) {
            self.begin(OpenedBy::Idle, Phrase::Goodbye);
        }
    }

    fn begin(&mut self, by: OpenedBy, phrase: Phrase) {
        let turn = self.open(by, self.now);
        self.say(turn, phrase);
    }

    fn watch_answer(&mut self, speaking: Speaking) {
        let patience = &self.rules.patience;
        // A tool has its own patience, and perhaps its own words for those who wait.
        let (calls, covered) = self.calls_of(speaking.turn);
        let (limit, since, what) = match speaking.audible {
            false => (seconds(patience.answer_seconds), speaking.progress, "no sound of the answer"),
            true => {
                (seconds(patience.stall_seconds), speaking.progress, "the answer broke off: nothing more")
            }
        };
        if !calls && self.now.since(since) > limit {
            let reason = format!("{what} within {limit:?}");
            // The fixed sentence hangs, too: there is no voice to say so with.
            return match speaking.failed || speaking.phrase.is_some() {
                true => {
                    self.act(Action::StopReply);
                    self.publish(Event::ReplyFailed { turn: speaking.turn, reason });
                    self.close(speaking.turn, EndReason::Failed);
                    self.nobody();
                    if speaking.phrase == Some(Phrase::Goodbye) {
                        self.act(Action::HangUp);
                    }
                    self.overlap_outlasted();
                }
                false => self.fail(speaking.turn, reason),
            };
        }
        let waited = self.now.since(speaking.since);
        let due = patience.filler_ms > 0 && waited >= millis(patience.filler_ms);
        if due && !covered && !speaking.audible && speaking.phrase.is_none() {
            self.fill(speaking.turn);
        }
    }

    /// Covers a slow answer, unless the last one was covered.
    fn fill(&mut self, turn: TurnId) {
        let (last, count) = self.filled;
        let fillers = &self.rules.assistant.fillers;
        if fillers.is_empty() || (last.0 > 0 && turn.0 <= last.0 + 1) {
            return;
        }
        let text = fillers[count % fillers.len()].clone();
        self.filled = (turn, count + 1);
        self.act(Action::Fill(turn, text));
    }
}
