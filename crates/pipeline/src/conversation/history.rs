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

    /// The last `most` messages before `turn`, as the language model sees them: only what was heard.
    pub fn messages(&self, turn: TurnId, most: usize) -> Vec<Message> {
        let messages: Vec<Message> = self
            .0
            .iter()
            .filter(|exchange| exchange.turn != turn)
            .flat_map(|exchange| {
                let question =
                    (!exchange.question.is_empty()).then(|| Message::User(exchange.question.clone()));
                let answer = Message::Assistant { text: exchange.heard.clone(), cut: exchange.cut };
                let answer = (!exchange.heard.is_empty()).then_some(answer);
                question.into_iter().chain(answer)
            })
            .collect();
        messages[messages.len().saturating_sub(most)..].to_vec()
    }

    fn of(&mut self, turn: TurnId) -> &mut Exchange {
        if self.0.last().is_none_or(|exchange| exchange.turn != turn) {
            if self.0.len() == MOST {
                self.0.remove(0);
            }
            self.0.push(Exchange { turn, ..Exchange::default() });
        }
        self.0.last_mut().expect("pushed above where it was missing")
    }
}
