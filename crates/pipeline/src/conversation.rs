//! Who speaks when, and what is remembered. Pure: inputs in, actions out, no clock, no channels, no tasks.
use voce_core::{EndReason, Event, Message, Prompt, TurnId};

use crate::{AssistantConfig, Played};

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The caller began to speak; this opens a turn.
    Started(TurnId),
    /// What the caller seems to be saying.
    Partial(String),
    /// The caller is done speaking.
    Ended,
    /// What the caller said; may be empty.
    Said(TurnId, String),
    /// What the caller said is lost.
    NotUnderstood(TurnId, String),
    /// The caller hears the bot.
    Played(Played),
    /// The bot is done, or a stage failed.
    ReplyEnded(Result<(), String>),
    /// The call is over.
    HungUp,
}

/// What is to be done.
#[expect(
    clippy::large_enum_variant,
    reason = "a few a second at most; a box would only make it harder to read"
)]
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Answer a question.
    Reply(TurnId, Prompt),
    /// Say a fixed sentence.
    Say(TurnId, String),
    /// Stop whatever is being said, now.
    StopReply,
    /// Tell the observers.
    Publish(Event),
    /// A turn is over; the last field is what was heard of the answer.
    Close(TurnId, EndReason, String),
}

/// Who has the floor.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Floor {
    Nobody,
    Caller(TurnId),
    /// From the end of the question: the bot thinks, then speaks.
    Bot(Speaking),
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Speaking {
    turn: TurnId,
    /// True once the caller hears something.
    audible: bool,
    /// True when this is the apology for a failure, which is not followed by another.
    failed: bool,
}

/// One call's conversation.
pub struct Conversation {
    config: AssistantConfig,
    floor: Floor,
    history: Vec<Message>,
    heard: String,
}

impl Conversation {
    /// Nobody has said anything yet.
    pub fn new(config: AssistantConfig) -> Self {
        Self { config, floor: Floor::Nobody, history: vec![], heard: String::new() }
    }

    /// What was said and heard so far.
    pub fn history(&self) -> &[Message] {
        &self.history
    }

    /// Takes what happened, gives what is to be done, in order.
    pub fn handle(&mut self, input: Input) -> Vec<Action> {
        match input {
            Input::Started(turn) => self.caller_started(turn),
            Input::Partial(text) => vec![Action::Publish(Event::UserPartial { text })],
            Input::Ended => vec![Action::Publish(Event::UserStoppedSpeaking)],
            Input::Said(turn, text) => self.caller_said(turn, text),
            Input::NotUnderstood(turn, reason) => self.fail(turn, reason),
            Input::Played(played) => self.played(played),
            Input::ReplyEnded(outcome) => self.reply_ended(outcome),
            Input::HungUp => self.hung_up(),
        }
    }

    fn caller_started(&mut self, turn: TurnId) -> Vec<Action> {
        let mut actions = match std::mem::replace(&mut self.floor, Floor::Caller(turn)) {
            Floor::Nobody => vec![],
            Floor::Caller(unfinished) => {
                vec![Action::Close(unfinished, EndReason::Interrupted, String::new())]
            }
            Floor::Bot(speaking) => self.interrupt(speaking),
        };
        actions.push(Action::Publish(Event::UserStartedSpeaking));
        actions
    }

    fn interrupt(&mut self, speaking: Speaking) -> Vec<Action> {
        let heard = self.remember(true);
        let turn = speaking.turn;
        let mut actions = vec![Action::StopReply];
        if speaking.audible {
            actions.push(Action::Publish(Event::BotStoppedSpeaking { turn }));
        }
        actions.push(Action::Publish(Event::Interrupted { turn, heard: heard.clone() }));
        actions.push(Action::Close(turn, EndReason::Interrupted, heard));
        actions
    }

    fn caller_said(&mut self, turn: TurnId, text: String) -> Vec<Action> {
        self.floor = Floor::Bot(Speaking { turn, audible: false, failed: false });
        let said = Action::Publish(Event::UserSaid { turn, text: text.clone() });
        if text.trim().is_empty() {
            return vec![said, Action::Say(turn, self.config.ask_again.clone())];
        }
        let recent = self.history.len().saturating_sub(self.config.history_messages);
        let prompt = Prompt {
            system: self.config.system_prompt.clone(),
            history: self.history[recent..].to_vec(),
            question: text.clone(),
            ..Prompt::default()
        };
        self.history.push(Message::User(text));
        vec![said, Action::Reply(turn, prompt)]
    }

    fn played(&mut self, played: Played) -> Vec<Action> {
        let Floor::Bot(speaking) = &mut self.floor else { return vec![] };
        let turn = speaking.turn;
        let event = match played {
            // The apology after a failure may follow an answer that was audible already.
            Played::Started if speaking.audible => return vec![],
            Played::Started => {
                speaking.audible = true;
                Event::BotStartedSpeaking { turn }
            }
            Played::Line(line) => Event::LineStarted {
                turn,
                index: line.index,
                text: line.text,
                ends_sentence: line.ends_sentence,
            },
            Played::Word(text) => {
                if !self.heard.is_empty() {
                    self.heard.push(' ');
                }
                self.heard.push_str(&text);
                Event::WordHeard { turn, text }
            }
        };
        vec![Action::Publish(event)]
    }

    fn reply_ended(&mut self, outcome: Result<(), String>) -> Vec<Action> {
        let Floor::Bot(speaking) = self.floor else { return vec![] };
        match outcome {
            Err(reason) if !speaking.failed => return self.fail(speaking.turn, reason),
            _ => {}
        }
        self.floor = Floor::Nobody;
        let heard = self.remember(false);
        let turn = speaking.turn;
        let mut actions = vec![];
        if speaking.audible {
            actions.push(Action::Publish(Event::BotStoppedSpeaking { turn }));
        }
        let reason = if speaking.failed { EndReason::Failed } else { EndReason::Completed };
        actions.push(Action::Close(turn, reason, heard));
        actions
    }

    /// A stage failed: the caller hears so.
    fn fail(&mut self, turn: TurnId, reason: String) -> Vec<Action> {
        let audible = matches!(self.floor, Floor::Bot(speaking) if speaking.audible);
        self.floor = Floor::Bot(Speaking { turn, audible, failed: true });
        vec![
            Action::Publish(Event::ReplyFailed { turn, reason }),
            Action::Say(turn, self.config.apology.clone()),
        ]
    }

    fn hung_up(&mut self) -> Vec<Action> {
        let turn = match std::mem::replace(&mut self.floor, Floor::Nobody) {
            Floor::Nobody => return vec![],
            Floor::Caller(turn) | Floor::Bot(Speaking { turn, .. }) => turn,
        };
        let heard = self.remember(true);
        vec![Action::StopReply, Action::Close(turn, EndReason::SessionClosed, heard)]
    }

    /// Only what the caller actually heard enters the history. Returns it.
    fn remember(&mut self, cut: bool) -> String {
        let heard = std::mem::take(&mut self.heard);
        if !heard.is_empty() {
            self.history.push(Message::Assistant { text: heard.clone(), cut });
        }
        heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: TurnId = TurnId(1);
    const TWO: TurnId = TurnId(2);

    fn word(text: &str) -> Input {
        Input::Played(Played::Word(text.into()))
    }

    fn run(conversation: &mut Conversation, inputs: impl IntoIterator<Item = Input>) -> Vec<Action> {
        inputs.into_iter().flat_map(|input| conversation.handle(input)).collect()
    }

    fn answering() -> Conversation {
        let mut conversation = Conversation::new(AssistantConfig::default());
        run(
            &mut conversation,
            [
                Input::Started(ONE),
                Input::Ended,
                Input::Said(ONE, "Why?".into()),
                Input::Played(Played::Started),
            ],
        );
        conversation
    }

    #[test]
    fn a_question_is_answered_with_the_history_before_it() {
        let mut conversation = answering();
        run(&mut conversation, [word("Because."), Input::ReplyEnded(Ok(()))]);
        let actions = run(&mut conversation, [Input::Started(TWO), Input::Said(TWO, "Really?".into())]);
        let Some(Action::Reply(TWO, prompt)) = actions.last() else { panic!("{actions:?}") };
        assert_eq!(prompt.question, "Really?");
        let answer = Message::Assistant { text: "Because.".into(), cut: false };
        assert_eq!(prompt.history, [Message::User("Why?".into()), answer]);
    }

    #[test]
    fn an_interrupted_answer_is_remembered_as_far_as_it_was_heard() {
        let mut conversation = answering();
        let actions = run(&mut conversation, [word("It"), word("lasts"), Input::Started(TWO)]);
        assert!(actions.contains(&Action::StopReply));
        assert!(actions.contains(&Action::Close(ONE, EndReason::Interrupted, "It lasts".into())));
        assert_eq!(conversation.history()[1], Message::Assistant { text: "It lasts".into(), cut: true });
        assert_eq!(run(&mut conversation, [word("two")]), [], "a word of a dropped answer is not heard");
    }

    #[test]
    fn speech_without_words_is_answered() {
        let mut conversation = Conversation::new(AssistantConfig::default());
        let actions =
            run(&mut conversation, [Input::Started(ONE), Input::Ended, Input::Said(ONE, " ".into())]);
        assert!(matches!(actions.last(), Some(Action::Say(ONE, text)) if text.contains("say it again")));
        assert_eq!(conversation.history(), []);
    }

    #[test]
    fn a_failure_is_apologised_for_once_and_the_call_goes_on() {
        let mut conversation = answering();
        let broken = || Input::ReplyEnded(Err("stage llm: broken".into()));
        let actions = run(&mut conversation, [broken()]);
        assert!(matches!(actions.last(), Some(Action::Say(ONE, text)) if text.contains("Sorry")));
        let actions = run(&mut conversation, [broken()]);
        assert_eq!(actions.last(), Some(&Action::Close(ONE, EndReason::Failed, String::new())));
        let actions = run(&mut conversation, [Input::Started(TWO), Input::Said(TWO, "Again".into())]);
        assert!(matches!(actions.last(), Some(Action::Reply(TWO, _))));
    }

    #[test]
    fn hanging_up_closes_the_turn_at_hand() {
        let actions = run(&mut answering(), [word("It"), Input::HungUp]);
        assert_eq!(actions.last(), Some(&Action::Close(ONE, EndReason::SessionClosed, "It".into())));
    }
}
