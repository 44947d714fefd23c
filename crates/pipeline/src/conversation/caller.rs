//! The caller's turns: when they begin, are over, or were not over after all; and what is begun ahead.
use std::time::Duration;

use voce_core::{EndReason, Event, MediaTime, Prompt, TurnId};

use super::{
    Action, Conversation, Early, Floor, Hearing, OpenedBy, OverBot, Speaking, Speech, calls::Answered,
    millis, overlaps::DISTRUST, seconds,
};
use crate::{
    Change, Decision, Meaning, Outcome, Phrase,
    hints::{Hint, hint},
    looked_up_as,
    overlap::meaning,
};

/// Sound that begins so soon after the bot's end may be its echo.
const ECHO_DELAY: Duration = Duration::from_millis(500);

/// Shorter than this the button was touched by mistake.
const TOUCH_MS: u32 = 200;
/// Guessed words from which it is worth looking something up.
const WORTH_LOOKING_UP: usize = 3;
/// Words from which the language model is asked whether they are whole.
const WORTH_WEIGHING: usize = 4;
/// Times in a row that the caller is asked to say it again.
const ASK_AGAIN: u32 = 2;

impl Conversation {
    pub(super) fn changed(&mut self, change: Change) {
        match change {
            Change::Started(began) => self.started(began),
            Change::Paused => self.paused(),
            Change::AskAgain => self.judge_again(),
            Change::Resumed(decision) => self.resumed(decision),
            Change::Ended(decision) => self.ended(decision),
        }
    }

    fn started(&mut self, began: MediaTime) {
        match &self.floor {
            Floor::Nobody { .. } => self.begin_turn(OpenedBy::Speech, began),
            Floor::Caller { .. } => self.reopen(began),
            Floor::Bot(speaking) if self.may_reopen(speaking) => self.reopen(began),
            Floor::Bot(_) => self.overlap_began(began),
        }
    }

    pub(super) fn begin_turn(&mut self, by: OpenedBy, began: MediaTime) {
        self.act(Action::Listen(began));
        let just_after = self.bot_ended.is_some_and(|ended| began.since(ended) <= ECHO_DELAY);
        let over_bot = just_after.then_some(OverBot::JustAfter);
        self.speech = Some(Speech { over_bot, ..Speech::new(began) });
        self.take_floor(by, began);
    }

    /// The speech at hand is a turn.
    pub(super) fn take_floor(&mut self, by: OpenedBy, began: MediaTime) {
        self.prompted = false;
        let turn = self.open(by, began);
        self.floor = Floor::Caller { turn, early: None };
        self.publish(Event::UserStartedSpeaking);
    }

    fn may_reopen(&self, speaking: &Speaking) -> bool {
        let soon = self.now.since(speaking.since) <= millis(self.rules.listening.reopen_ms);
        !speaking.audible && speaking.question.is_some() && soon
    }

    /// The turn was not over: its answer, still unheard, is dropped, and the caller's words go on.
    pub(super) fn reopen(&mut self, resumed: MediaTime) {
        let (turn, began, ended) = match &self.floor {
            Floor::Caller { turn, .. } => {
                let Some(speech) = &self.speech else { return };
                (*turn, speech.began, speech.ended.unwrap_or(resumed))
            }
            Floor::Bot(Speaking { turn, question: Some((began, ended)), .. }) => (*turn, *began, *ended),
            _ => return,
        };
        self.endpointing.reopened(resumed.since(ended));
        self.act(Action::Drop(turn));
        self.speech = Some(Speech { asked: self.now, ..Speech::new(began) });
        self.floor = Floor::Caller { turn, early: None };
        self.publish(Event::TurnReopened { turn });
        self.publish(Event::UserStartedSpeaking);
    }

    fn paused(&mut self) {
        if self.is_too_short_for_words() {
            return self.dismiss_noise();
        }
        self.judge();
        self.transcribe(true);
    }

    /// A model that is still thinking is not asked anew: slower than the questions, it would never be heard.
    fn judge_again(&mut self) {
        if self.speech.as_ref().is_some_and(|speech| speech.judging.is_none()) {
            self.judge();
        }
    }

    fn judge(&mut self) {
        let ticket = self.ticket();
        let Some(speech) = &mut self.speech else { return };
        speech.judging = Some(ticket);
        self.act(Action::Judge(ticket));
    }

    pub(super) fn transcribe(&mut self, whole: bool) {
        let ticket = self.ticket();
        let now = self.now;
        let Some(speech) = &mut self.speech else { return };
        speech.hearing = Some(Hearing { ticket, whole });
        speech.asked = now;
        if whole {
            speech.text = None;
        }
        self.act(Action::Transcribe(ticket));
    }

    fn resumed(&mut self, decision: Decision) {
        if let Some(speech) = &mut self.speech {
            (speech.judging, speech.weighing, speech.text) = (None, None, None);
            // What is being transcribed is still worth showing.
            speech.hearing = speech.hearing.map(|hearing| Hearing { whole: false, ..hearing });
        }
        let Floor::Caller { turn, early } = &mut self.floor else { return };
        let turn = *turn;
        let dropped = early.take().is_some();
        self.decided(turn, decision);
        if dropped {
            self.act(Action::Drop(turn));
        }
    }

    fn decided(&mut self, turn: TurnId, decision: Decision) {
        self.act(Action::Decided(turn, decision));
        self.publish(Event::EndOfTurn {
            turn,
            probability: decision.probability.map(f64::from),
            outcome: decision.outcome.as_str(),
            waited_ms: decision.waited.as_secs_f64() * 1_000.0,
        });
    }

    pub(super) fn verdict(&mut self, ticket: super::Ticket, probability: Option<f32>) {
        let Some(speech) = &mut self.speech else { return };
        if speech.judging != Some(ticket) {
            return;
        }
        speech.judging = None;
        // A model that fails leaves the decision to the patience.
        let Some(probability) = probability else { return };
        if let Some(change) = self.endpointing.verdict(probability) {
            self.changed(change);
        }
    }

    fn ended(&mut self, decision: Decision) {
        let now = self.now;
        let Some(speech) = &mut self.speech else { return };
        speech.ended = Some(now);
        let began = speech.began;
        let unheard = speech.text.is_none() && speech.hearing.is_none_or(|hearing| !hearing.whole);
        if let Floor::Caller { turn, .. } = self.floor {
            self.decided(turn, decision);
            self.publish(Event::UserStoppedSpeaking);
            if decision.outcome == Outcome::Released && now.since(began) < millis(TOUCH_MS) {
                return self.close_unanswered(turn);
            }
        }
        if unheard {
            self.transcribe(true);
        }
        self.proceed(decision.outcome);
    }

    /// Answers once the turn is over and its words are known.
    fn proceed(&mut self, outcome: Outcome) {
        let Floor::Caller { turn, early } = &mut self.floor else { return };
        let Some(speech) = &self.speech else { return };
        let (Some(ended), Some(text)) = (speech.ended, speech.text.clone()) else { return };
        let (turn, early, began, over_bot) = (*turn, early.take(), speech.began, speech.over_bot);
        if self.was_no_turn(&text, began, over_bot) {
            if early.is_some() {
                self.act(Action::Drop(turn));
            }
            return self.close_unanswered(turn);
        }
        self.speech = None;
        self.publish(Event::UserSaid { turn, text: text.clone() });
        if text.is_empty() {
            return self.nothing_understood(turn);
        }
        self.misheard = 0;
        self.history.ask(turn, &text);
        let consent = self.consent(turn, &text);
        // Nobody goes on with a turn that was cut off for its length.
        let question = (outcome != Outcome::TooLong).then_some((began, ended));
        self.floor = Floor::Bot(Speaking { question, ..self.speaking(turn, None) });
        if let Answered::NotHeard(question) = consent {
            if early.is_some() {
                self.act(Action::Drop(turn));
            }
            return self.ask_once_more(turn, question);
        }
        match early {
            Some(Early { question, ended }) if question == text => {
                self.decide(turn, consent);
                match ended {
                    None => self.act(Action::Release(turn)),
                    Some(outcome) => self.reply_ended(outcome),
                }
            }
            _ => {
                self.history.forget_calls(turn);
                let (prompt, approved) = self.question(turn, text);
                self.decide(turn, consent);
                self.act(Action::Reply { turn, prompt, early: false, approved });
            }
        }
    }

    /// Whether the words are the bot's own last ones out of a loudspeaker, or a nod to them.
    fn was_no_turn(&self, text: &str, began: MediaTime, over_bot: Option<OverBot>) -> bool {
        let Some(over_bot) = over_bot else { return false };
        let length = self.now.since(began);
        let suspected = self.distrust >= DISTRUST;
        match meaning(text, began, length, &self.voice, suspected, &self.rules.interruption) {
            Meaning::Echo => true,
            Meaning::Backchannel | Meaning::Noise => over_bot == OverBot::During,
            Meaning::Interruption => false,
        }
    }

    fn close_unanswered(&mut self, turn: TurnId) {
        self.act(Action::Forget);
        self.speech = None;
        self.close(turn, EndReason::Completed);
        self.nobody();
    }

    /// There was speech, but no words in it, however the recogniser tried.
    fn nothing_understood(&mut self, turn: TurnId) {
        self.misheard += 1;
        self.act(Action::Forget);
        if self.misheard > ASK_AGAIN {
            // Whatever makes this noise will not be moved by a third request.
            return self.close_unanswered(turn);
        }
        self.say(turn, Phrase::AskAgain);
    }

    pub(super) fn prompt(&self, turn: TurnId, question: String) -> Prompt {
        let assistant = &self.rules.assistant;
        let history = self.history.messages(turn, self.known.up_to, assistant.history_messages);
        Prompt {
            system: assistant.system_prompt.clone(),
            summary: self.known.summary.clone(),
            memory: self.known.memory.clone(),
            looked_up_as: looked_up_as(&question, &history).unwrap_or_default(),
            history,
            question,
            steps: self.history.steps(turn),
            ..Prompt::default()
        }
    }

    /// The recogniser's text of an unfinished utterance, on its way to the whole.
    pub(super) fn guessed(&mut self, ticket: super::Ticket, text: String) {
        let known =
            self.speech.as_ref().and_then(|speech| speech.hearing).is_some_and(|h| h.ticket == ticket);
        if known && matches!(self.floor, Floor::Caller { .. }) {
            self.publish(Event::UserPartial { text });
        }
    }

    pub(super) fn understood(&mut self, ticket: super::Ticket, text: String) {
        let text = text.trim().to_owned();
        let now = self.now;
        let Some(speech) = &mut self.speech else { return };
        let Some(hearing) = speech.hearing.filter(|hearing| hearing.ticket == ticket) else { return };
        speech.hearing = None;
        speech.took = now.since(speech.asked);
        if hearing.whole {
            speech.text = Some(text.clone());
        }
        match self.floor {
            Floor::Bot(_) => self.overlap_understood(&text, hearing.whole),
            Floor::Caller { .. } if hearing.whole => self.heard_whole(text),
            Floor::Caller { turn, .. } => self.heard_part(turn, text),
            Floor::Nobody { .. } => {}
        }
    }

    /// The words up to this pause are known.
    pub(super) fn heard_whole(&mut self, text: String) {
        let over = self.speech.as_ref().is_some_and(|speech| speech.ended.is_some());
        if over {
            return self.proceed(Outcome::Committed);
        }
        if !text.is_empty() {
            self.publish(Event::UserPartial { text: text.clone() });
        }
        match hint(&text) {
            hint if hint != Hint::Open && text.split_whitespace().count() >= WORTH_WEIGHING => {
                self.weigh(text)
            }
            // Of a few words nobody can tell whether they are whole.
            hint => self.words_known(hint, None),
        }
    }

    fn weigh(&mut self, text: String) {
        let ticket = self.ticket();
        if let Some(speech) = &mut self.speech {
            speech.weighing = Some(ticket);
            self.act(Action::Weigh(ticket, text));
        }
    }

    pub(super) fn weighed(&mut self, ticket: super::Ticket, whole: Option<f32>) {
        let Some(speech) = &mut self.speech else { return };
        if speech.weighing == Some(ticket) {
            speech.weighing = None;
            let hint = speech.text.as_deref().map_or(Hint::None, hint);
            self.words_known(hint, whole);
        }
    }

    /// All is known that the words can tell. Only now the answer begins: it would take the cores from what is asked.
    fn words_known(&mut self, hint: Hint, whole: Option<f32>) {
        if let Some(change) = self.endpointing.words(hint, whole) {
            return self.changed(change);
        }
        if let Some(text) = self.speech.as_ref().and_then(|speech| speech.text.clone()) {
            self.begin_early(text);
        }
    }

    fn begin_early(&mut self, text: String) {
        let Floor::Caller { turn, early: None } = &self.floor else { return };
        if !self.rules.listening.early || text.is_empty() || self.endpointing.is_speaking() {
            return;
        }
        let turn = *turn;
        if matches!(self.consent(turn, &text), Answered::NotHeard(_)) {
            return;
        }
        if let Floor::Caller { early, .. } = &mut self.floor {
            *early = Some(Early { question: text.clone(), ended: None });
        }
        let (prompt, approved) = self.question(turn, text);
        self.act(Action::Reply { turn, prompt, early: true, approved });
    }

    /// The words so far of a caller who goes on speaking.
    fn heard_part(&mut self, turn: TurnId, text: String) {
        let Some(speech) = &mut self.speech else { return };
        if text.is_empty() {
            return;
        }
        let stable = continues(&speech.guess, &text);
        speech.guess.clone_from(&text);
        self.publish(Event::UserPartial { text: text.clone() });
        if stable && self.rules.listening.early {
            let prompt = self.prompt(turn, text);
            self.act(Action::Prepare(prompt));
        }
    }

    pub(super) fn not_understood(&mut self, ticket: super::Ticket, reason: String) {
        let Some(speech) = &mut self.speech else { return };
        let Some(hearing) = speech.hearing.filter(|hearing| hearing.ticket == ticket) else { return };
        speech.hearing = None;
        if !hearing.whole {
            return;
        }
        match self.floor {
            Floor::Caller { turn, .. } => {
                // Before the turn is over there is another chance: its end is transcribed in any case.
                if self.speech.as_ref().is_some_and(|speech| speech.ended.is_some()) {
                    self.give_up_hearing(turn, reason);
                }
            }
            // Who knows what it was. The bot goes on.
            Floor::Bot(_) => self.overlap_understood("", true),
            Floor::Nobody { .. } => {}
        }
    }

    fn give_up_hearing(&mut self, turn: TurnId, reason: String) {
        self.speech = None;
        self.endpointing.forget();
        self.act(Action::Forget);
        self.fail(turn, reason);
    }

    /// Guesses at what is being said, and deadlines.
    pub(super) fn watch_caller(&mut self) {
        let Floor::Caller { turn, .. } = self.floor else { return };
        let Some(speech) = &self.speech else { return };
        let patience = seconds(self.rules.patience.words_seconds);
        if speech.ended.is_some_and(|ended| self.now.since(ended) > patience) {
            let reason = format!("no words of the recogniser within {patience:?}");
            return self.give_up_hearing(turn, reason);
        }
        let every = self.rules.listening.partial_ms;
        // Guessing at long speech takes long. It leaves the recogniser to others for as long as it takes.
        let due = every > 0 && self.now.since(speech.asked) >= millis(every).max(speech.took * 2);
        if due && speech.ended.is_none() && speech.hearing.is_none() && self.endpointing.is_speaking() {
            self.transcribe(false);
        }
    }
}

/// Whether `text` says what `guess` said, but perhaps for its last word, and enough of it.
fn continues(guess: &str, text: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        let plain = |word: &str| word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase();
        text.split_whitespace().map(plain).collect()
    };
    let (before, now) = (words(guess), words(text));
    let sure = before.len().saturating_sub(1);
    sure + 1 >= WORTH_LOOKING_UP && now.starts_with(&before[..sure])
}
