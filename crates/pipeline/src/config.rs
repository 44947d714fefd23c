//! What an operator can set about listening and answering.
use serde::{Deserialize, Serialize};

/// `[listening]`: when speech begins, pauses and ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListeningConfig {
    /// Probability of speech, 0 to 1, from which a moment counts as speech.
    pub speech_threshold: f32,
    /// Probability below which it counts as quiet; between the two it stays what it was.
    pub quiet_threshold: f32,
    /// Speech must last this long before the caller counts as speaking (and interrupts the bot), milliseconds.
    pub start_ms: u32,
    /// Speech after a pause must last this long before the turn goes on, milliseconds.
    pub resume_ms: u32,
    /// Quiet after speech before the end of the turn is considered, milliseconds.
    pub soft_end_ms: u32,
    /// Probability, 0 to 1, from which the end-of-turn model's word is taken as final.
    pub end_threshold: f32,
    /// While the end-of-turn model says "not yet" it is asked again every so many milliseconds of quiet.
    pub ask_again_ms: u32,
    /// Quiet after which the turn ends whatever the model says, milliseconds.
    pub ceiling_ms: u32,
    /// Sound kept from before the start of speech, so that no first syllable is lost, milliseconds.
    pub before_ms: u32,
    /// A turn ends after this much speech, seconds.
    pub longest_turn_seconds: u32,
}

impl Default for ListeningConfig {
    fn default() -> Self {
        Self {
            speech_threshold: 0.5,
            quiet_threshold: 0.35,
            start_ms: 96,
            resume_ms: 64,
            soft_end_ms: 200,
            end_threshold: 0.5,
            ask_again_ms: 300,
            ceiling_ms: 1_500,
            before_ms: 300,
            longest_turn_seconds: 30,
        }
    }
}

/// `[assistant]`: who the bot is and what it says when things go wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AssistantConfig {
    /// Shown in the page.
    pub name: String,
    /// Who the assistant is and how it speaks; the start of every prompt. Empty: the language model's own default.
    pub system_prompt: String,
    /// Passages handed to the language model, at most.
    pub passages: usize,
    /// Earlier messages (of both sides) that the language model sees, at most.
    pub history_messages: usize,
    /// Said when there was speech but no words.
    pub ask_again: String,
    /// Said when a stage failed.
    pub apology: String,
    /// Words that the first line of an answer must have before it may end at a comma or the like, so that sound
    /// starts early.
    pub first_line_min_words: usize,
    /// Words after which the first line ends in any case.
    pub first_line_max_words: usize,
}

impl Default for AssistantConfig {
    fn default() -> Self {
        Self {
            name: "voce".into(),
            system_prompt: String::new(),
            passages: 3,
            history_messages: 8,
            ask_again: "Sorry, I did not catch that. Could you say it again?".into(),
            apology: "Sorry, something went wrong on my side. Please ask again.".into(),
            first_line_min_words: 3,
            first_line_max_words: 5,
        }
    }
}
