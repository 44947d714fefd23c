//! What is remembered of a call: per turn the question and what became of the answer.
use serde::Serialize;
use voce_core::{Message, TurnId};

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
        self.0.retain(|exchange| !exchange.question.is_empty() || !exchange.heard.is_empty());
    }

    /// What was made for `turn`, heard or not.
    pub fn note(&mut self, turn: TurnId, generated: String, spoken: String) {
        if let Some(exchange) = self.0.iter_mut().rev().find(|exchange| exchange.turn == turn) {
            exchange.generated = generated;
            exchange.spoken = spoken;
        }
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
                question.into_iter().chain(answer)
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
    let step = (most / 4).max(1) * 2;
    let over = messages.len().saturating_sub(most);
    let first = over.div_ceil(step) * step;
    if over == 0 {
        return 0;
    }
    let is_question = |place: &usize| matches!(messages[*place], Message::User(_));
    // Few messages of many kinds may hold no question in the right place.
    let first = first.min(messages.len());
    (first..messages.len()).find(is_question).unwrap_or(over)
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
