//! Calls of tools, as far as they concern the conversation: what is remembered of them, and which of them wait for the
//! caller's word.
use voce_core::{Prompt, ToolCall, ToolOutcome, ToolStep, TurnId};

use super::{Action, Called, Conversation, Floor, Speaking};
use crate::tools::{Consent, News, consent, was_heard};

/// A call that waits for the caller's word.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Asked {
    /// The turn that asked.
    turn: TurnId,
    call: ToolCall,
    question: String,
}

/// What the caller's words are to the question that is open, if one is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answered {
    /// No question is open.
    Nothing,
    /// The call shall be made.
    Yes(ToolCall),
    /// It shall not.
    No(ToolStep),
    /// A yes, but most of the question was not heard: it is asked again.
    NotHeard(String),
    /// They are about something else.
    Other,
}

impl Conversation {
    pub(super) fn tool(&mut self, news: News) {
        let turn = match news {
            News::Started { turn, call, has_effects, finishes, has_filler } => {
                let step = ToolStep { call, ..ToolStep::default() };
                let called = Called { step, has_effects, finishes, has_filler, is_running: true };
                self.history.called(turn, called);
                turn
            }
            News::Ended { turn, step, has_effects } => {
                // It went on after all while the caller was being heard out.
                let done = step.outcome == ToolOutcome::Done;
                self.asked.take_if(|asked| done && asked.call == step.call);
                self.history.call_ended(turn, step, has_effects);
                turn
            }
            News::Asked { turn, call, question } => {
                self.let_go();
                self.asked = Some(Asked { turn, call, question });
                turn
            }
        };
        let now = self.now;
        if let Floor::Bot(speaking) = &mut self.floor
            && speaking.turn == turn
        {
            speaking.progress = now;
        }
    }

    /// Whether calls run for the answer to `turn`, and whether they cover the wait themselves.
    pub(super) fn calls_of(&self, turn: TurnId) -> (bool, bool) {
        let mut running = self.history.running(turn).peekable();
        (running.peek().is_some(), running.any(|called| called.has_filler))
    }

    /// What `text` of `turn` is to the question that is open.
    pub(super) fn consent(&self, turn: TurnId, text: &str) -> Answered {
        let Some(asked) = self.asked.as_ref().filter(|asked| asked.turn != turn) else {
            return Answered::Nothing;
        };
        match consent(&asked.question, text) {
            Consent::Yes if was_heard(&asked.question, self.history.heard(asked.turn)) => {
                Answered::Yes(asked.call.clone())
            }
            Consent::Yes => Answered::NotHeard(asked.question.clone()),
            Consent::No => {
                let result = "The caller was asked and said no. It was not done.".to_owned();
                Answered::No(ToolStep { call: asked.call.clone(), result, outcome: ToolOutcome::Refused })
            }
            Consent::Other => Answered::Other,
        }
    }

    /// The question with all that belongs to it, and the call that the caller says yes to with it.
    pub(super) fn question(&self, turn: TurnId, text: String) -> (Prompt, Option<ToolCall>) {
        let consent = self.consent(turn, &text);
        let mut prompt = self.prompt(turn, text);
        match consent {
            Answered::Yes(call) => (prompt, Some(call)),
            Answered::No(step) => {
                prompt.steps.push(step);
                (prompt, None)
            }
            Answered::Nothing | Answered::NotHeard(_) | Answered::Other => (prompt, None),
        }
    }

    /// The words of `turn` stand: the question is not open any more.
    pub(super) fn decide(&mut self, turn: TurnId, consent: Answered) {
        if consent == Answered::Nothing {
            return;
        }
        let Some(asked) = self.asked.take() else { return };
        match consent {
            Answered::No(step) => self.history.called(turn, Called { step, ..Called::default() }),
            Answered::Other => self.history.called_before(asked.turn, unconfirmed(&asked)),
            Answered::Nothing | Answered::Yes(_) | Answered::NotHeard(_) => {}
        }
        self.decided = Some((turn, asked));
    }

    /// The caller says yes to something that they have not heard.
    pub(super) fn ask_once_more(&mut self, turn: TurnId, question: String) {
        if let Some(asked) = &mut self.asked {
            asked.turn = turn;
        }
        if let Floor::Bot(speaking) = self.floor {
            // Nobody goes on with a mere yes.
            self.floor = Floor::Bot(Speaking { question: None, ..speaking });
        }
        self.act(Action::Say(turn, question));
    }

    /// The answer to `turn` is dropped before it was heard: the caller goes on with the question.
    pub(super) fn answer_dropped(&mut self, turn: TurnId) {
        self.history.forget_calls(turn);
        self.asked.take_if(|asked| asked.turn == turn);
        let Some((_, asked)) = self.decided.take_if(|(decided, _)| *decided == turn) else { return };
        // "Yes", and then "please": the question is still open unless the call was made.
        if self.asked.is_none() && !self.history.has_made(turn, &asked.call) {
            self.history.forget_unconfirmed(asked.turn, &asked.call);
            self.asked = Some(asked);
        }
    }

    /// The question is not open any more: something else was said meanwhile.
    pub(super) fn let_go(&mut self) {
        if let Some(asked) = self.asked.take() {
            self.history.called_before(asked.turn, unconfirmed(&asked));
        }
    }
}

fn unconfirmed(asked: &Asked) -> ToolStep {
    let result = "It was not done: the caller was asked whether it should be and did not say yes.".to_owned();
    ToolStep { call: asked.call.clone(), result, outcome: ToolOutcome::Unconfirmed }
}
