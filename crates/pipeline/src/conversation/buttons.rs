//! What the caller does by hand: push-to-talk and the stop button.
use voce_core::Control;

use super::{Action, Conversation, Floor, OpenedBy};

impl Conversation {
    pub(super) fn control(&mut self, control: Control) {
        match control {
            Control::Press => self.press(),
            Control::Release => {
                if let Some(change) = self.endpointing.release() {
                    self.changed(change);
                }
            }
            Control::Interrupt => self.stop_by_hand(),
        }
    }

    fn press(&mut self) {
        if self.endpointing.is_pressed() {
            return;
        }
        if matches!(self.floor, Floor::Bot(_)) {
            self.stop_by_hand();
        }
        let over = self.speech.as_ref().is_some_and(|speech| speech.ended.is_some());
        let began = self.endpointing.press().unwrap_or(self.now);
        match &mut self.floor {
            Floor::Caller { .. } if over => self.reopen(began),
            Floor::Caller { turn, early } => {
                let turn = *turn;
                if early.take().is_some() {
                    self.act(Action::Drop(turn));
                }
                if let Some(speech) = &mut self.speech {
                    (speech.text, speech.hearing, speech.judging, speech.weighing) = (None, None, None, None);
                }
            }
            _ => self.begin_turn(OpenedBy::PushToTalk, began),
        }
    }
}
