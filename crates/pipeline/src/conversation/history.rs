//! What is remembered of a call: per turn the question and what became of the answer.
use serde::Serialize;
use voce_core::{Message, ToolCall, ToolOutcome, ToolStep, TurnId};

use crate::tools::{REMEMBERED, cancelled, shortened};

/// Turns that are remembered. More than any prompt takes.
const MOST: usize = 256;

/// One turn: generated, spoken and heard are kept apart, since an interruption makes them differ.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Exchange {
    /// Which turn of the call.
    pub turn: TurnId,
    /// What the caller said; empty where the bot began.
    pub question: String,
    /// What the language model wrote.
    pub generated: String,
    /// What was turned into sound of it.
    pub spoken: String,
    /// What the caller heard of it.
    pub heard: String,
    /// Whether the answer did not come to its end.
    pub cut: bool,
    /// What was called for the answer.
    pub calls: Vec<Called>,
}

/// A call of a tool, and what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Called {
    /// The call and, once it is over, what came of it.
    pub step: ToolStep,
    /// Whether it changes anything: then it is a fact, whatever becomes of the answer.
    pub has_effects: bool,
    /// Whether it still runs.
    pub is_running: bool,
    /// Whether it goes on without its answer.
    pub finishes: bool,
    /// Whether it has words of its own for a caller who waits.
    pub has_filler: bool,
}

impl Called {
    /// As the language model sees it.
    fn step(&self) -> ToolStep {
        if self.is_running {
            let result = "It is still running; what comes of it is not known yet.".to_owned();
            return ToolStep { result, ..self.step.clone() };
        }
        ToolStep { result: shortened(&self.step.result, REMEMBERED), ..self.step.clone() }
    }

    /// One that does not go on without its answer ends with it.
    fn loses_its_answer(&mut self) {
        if self.is_running && !self.finishes {
            self.is_running = false;
            self.step.outcome = ToolOutcome::Cancelled;
            self.step.result = cancelled(self.has_effects);
        }
    }
}

/// The turns of a call, the last one perhaps still open.
#[derive(Default)]
pub struct History(Vec<Exchange>);

impl History {
    /// Oldest first.
    pub fn exchanges(&self) -> &[Exchange] {
        &self.0
    }

    /// What the caller asked in `turn`; asked again, the turn was reopened.
    pub fn ask(&mut self, turn: TurnId, question: &str) {
        self.of(turn).question = question.to_owned();
    }

    /// The answer to `turn` is over.
    pub fn close(&mut self, turn: TurnId, heard: String, cut: bool) {
        let exchange = self.of(turn);
        exchange.cut = cut;
        exchange.heard = heard;
        exchange.calls.iter_mut().for_each(Called::loses_its_answer);
        self.0.retain(|exchange| {
            !exchange.question.is_empty() || !exchange.heard.is_empty() || !exchange.calls.is_empty()
        });
    }

    /// What was made for `turn`, heard or not.
    pub fn note(&mut self, turn: TurnId, generated: String, spoken: String) {
        if let Some(exchange) = self.0.iter_mut().rev().find(|exchange| exchange.turn == turn) {
            exchange.generated = generated;
            exchange.spoken = spoken;
        }
    }

    /// A call of `turn` began.
    pub fn called(&mut self, turn: TurnId, called: Called) {
        self.of(turn).calls.push(called);
    }

    /// A call that `turn` did not make after all, where `turn` is still remembered.
    pub fn called_before(&mut self, turn: TurnId, step: ToolStep) {
        if let Some(exchange) = self.exchange_mut(turn) {
            exchange.calls.push(Called { step, ..Called::default() });
        }
    }

    /// It may be made yet.
    pub fn forget_unconfirmed(&mut self, turn: TurnId, call: &ToolCall) {
        if let Some(exchange) = self.exchange_mut(turn) {
            exchange.calls.retain(|called| {
                called.step.outcome != ToolOutcome::Unconfirmed || called.step.call != *call
            });
        }
    }

    /// A call of `turn` is over. One that is not known any more counts only if it did something.
    pub fn call_ended(&mut self, turn: TurnId, step: ToolStep, has_effects: bool) {
        let is_fact = match step.outcome {
            ToolOutcome::Cancelled => false,
            ToolOutcome::Unconfirmed | ToolOutcome::Refused => true,
            ToolOutcome::Done | ToolOutcome::Failed | ToolOutcome::TimedOut => has_effects,
        };
        if is_fact && self.0.last().is_none_or(|last| last.turn < turn) {
            // The answer was begun before the question was complete.
            self.of(turn);
        }
        let Some(exchange) = self.exchange_mut(turn) else { return };
        let running = |called: &&mut Called| called.is_running && called.step.call.id == step.call.id;
        match exchange.calls.iter_mut().find(running) {
            Some(called) => (called.step, called.is_running) = (step, false),
            None if is_fact => exchange.calls.push(Called { step, has_effects, ..Called::default() }),
            None => {}
        }
    }

    /// Whether a call of `turn` runs.
    pub fn running(&self, turn: TurnId) -> impl Iterator<Item = &Called> {
        let exchange = self.exchange(turn);
        exchange.into_iter().flat_map(|exchange| &exchange.calls).filter(|called| called.is_running)
    }

    /// The answer to `turn` is dropped: what its calls read is forgotten, what they did is not.
    pub fn forget_calls(&mut self, turn: TurnId) {
        let Some(exchange) = self.exchange_mut(turn) else { return };
        exchange.calls.iter_mut().for_each(Called::loses_its_answer);
        // What only reads is read again if it is wanted again.
        exchange.calls.retain(|called| called.has_effects);
    }

    /// What `turn` has done already, for another answer to it.
    pub fn steps(&self, turn: TurnId) -> Vec<ToolStep> {
        self.exchange(turn)
            .map(|exchange| exchange.calls.iter().map(Called::step).collect())
            .unwrap_or_default()
    }

    /// Whether `turn` has made `call`, or is making it.
    pub fn has_made(&self, turn: TurnId, call: &ToolCall) -> bool {
        let made = |called: &Called| {
            let outcome = called.step.outcome;
            let not =
                matches!(outcome, ToolOutcome::Refused | ToolOutcome::Unconfirmed | ToolOutcome::Cancelled);
            called.step.call == *call && (called.is_running || !not)
        };
        self.exchange(turn).is_some_and(|exchange| exchange.calls.iter().any(made))
    }

    /// What was heard of the answer to `turn`.
    pub fn heard(&self, turn: TurnId) -> &str {
        self.exchange(turn).map_or("", |exchange| &exchange.heard)
    }

    fn exchange(&self, turn: TurnId) -> Option<&Exchange> {
        self.0.iter().rev().find(|exchange| exchange.turn == turn)
    }

    fn exchange_mut(&mut self, turn: TurnId) -> Option<&mut Exchange> {
        self.0.iter_mut().rev().find(|exchange| exchange.turn == turn)
    }

    /// What was said after turn `after` and before `turn`, as the language model sees it: only what was heard. Of more than
    /// `most` messages the oldest are left out, several at once: what a server has kept of a prompt is its beginning.
    pub fn messages(&self, turn: TurnId, after: TurnId, most: usize) -> Vec<Message> {
        let messages: Vec<Message> = self
            .0
            .iter()
            .filter(|exchange| exchange.turn != turn && exchange.turn > after)
            .flat_map(|exchange| {
                let question =
                    (!exchange.question.is_empty()).then(|| Message::User(exchange.question.clone()));
                let answer = Message::Assistant { text: exchange.heard.clone(), cut: exchange.cut };
                let answer = (!exchange.heard.is_empty()).then_some(answer);
                let calls = exchange.calls.iter().map(|called| Message::Tool(called.step()));
                question.into_iter().chain(calls).chain(answer)
            })
            .collect();
        messages[first_shown(&messages, most)..].to_vec()
    }

    fn of(&mut self, turn: TurnId) -> &mut Exchange {
        if self.0.last().is_none_or(|exchange| exchange.turn != turn) {
            if self.0.len() == MOST {
                // Many at once, as the first one that is shown moves with them.
                self.0.drain(..MOST / 4);
            }
            self.0.push(Exchange { turn, ..Exchange::default() });
        }
        self.0.last_mut().expect("pushed above where it was missing")
    }
}

/// From which message on at most `most` are shown: it moves by a quarter of them at once, to what a caller said.
fn first_shown(messages: &[Message], most: usize) -> usize {
    // What was called is no message of anybody's: it goes with those around it.
    let is_said = |place: &usize| !matches!(messages[*place], Message::Tool(_));
    let said: Vec<usize> = (0..messages.len()).filter(is_said).collect();
    let step = (most / 4).max(1) * 2;
    let over = said.len().saturating_sub(most);
    if over == 0 {
        return 0;
    }
    let place = |number: usize| said.get(number).copied().unwrap_or(messages.len());
    let is_question = |place: &usize| matches!(messages[*place], Message::User(_));
    let first = place(over.div_ceil(step) * step);
    // Few messages of many kinds may hold no question in the right place.
    (first..messages.len()).find(is_question).unwrap_or(place(over))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(turns: u32) -> History {
        let mut history = History::default();
        for turn in 1..=turns {
            history.ask(TurnId(turn), &format!("question {turn}"));
            history.close(TurnId(turn), format!("answer {turn}"), false);
        }
        history
    }

    fn first(messages: &[Message]) -> &str {
        let Some(Message::User(text)) = messages.first() else { panic!("no question first: {messages:?}") };
        text
    }

    #[test]
    fn the_first_message_that_is_shown_moves_in_steps() {
        let mut firsts = vec![];
        for turns in 0..40 {
            let shown = call(turns).messages(TurnId(99), TurnId(0), 8);
            assert!(
                shown.len() <= 8 && shown.len() >= (turns as usize * 2).min(6),
                "{turns}: {}",
                shown.len()
            );
            if turns > 0 {
                firsts.push(first(&shown).to_owned());
                let newest = Message::Assistant { text: format!("answer {turns}"), cut: false };
                assert_eq!(shown.last(), Some(&newest));
            }
        }
        firsts.dedup();
        assert_eq!(firsts.len(), 19, "36 exchanges left, two at once: {firsts:?}");
    }

    #[test]
    fn what_is_summarised_is_not_shown_and_small_bounds_hold() {
        let history = call(6);
        assert_eq!(first(&history.messages(TurnId(99), TurnId(4), 8)), "question 5");
        assert!(history.messages(TurnId(99), TurnId(6), 8).is_empty());
        for most in 0..12 {
            assert!(history.messages(TurnId(99), TurnId(0), most).len() <= most);
        }
        assert_eq!(first(&call(1_000).messages(TurnId(1_001), TurnId(0), 2)), "question 1000");
    }
}
