//! What an operator can set about listening and answering.
use serde::{Deserialize, Serialize};

/// How turns begin and end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// By voice. A caller may use the button beside.
    #[default]
    Automatic,
    /// By the button only.
    PushToTalk,
}

/// `[listening]`: when speech begins, pauses and ends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListeningConfig {
    /// `automatic`, or `push-to-talk`: only what is said while the caller holds the button counts.
    pub strategy: Strategy,
    /// Probability of speech, 0 to 1, from which a moment counts as speech.
    pub speech_threshold: f32,
    /// Probability below which it counts as quiet; between the two it stays what it was.
    pub quiet_threshold: f32,
    /// Speech must last this long before the caller counts as speaking, milliseconds.
    pub start_ms: u32,
    /// Speech after a pause must last this long before the turn goes on, milliseconds.
    pub resume_ms: u32,
    /// Quiet after speech from which on the answer is prepared and the end of the turn is considered, milliseconds.
    pub soft_end_ms: u32,
    /// Quiet that ends the turn if melody and words say so, milliseconds.
    pub confirm_ms: u32,
    /// Quiet that ends the turn if the melody says so and the words are not known by then, milliseconds. Waiting for
    /// them costs little: without words there is no answer to be heard.
    pub words_ms: u32,
    /// Probability, 0 to 1, from which the end-of-turn model says that the turn is over.
    pub end_threshold: f32,
    /// Probability from which it is believed before the words are known.
    pub sure_threshold: f32,
    /// Probability, 0 to 1, from which the language model's word that the sentence is whole counts. Untrained for the
    /// question, it gives small numbers even to whole sentences. Only the embedded model is asked.
    pub whole_threshold: f32,
    /// Probability below which the words count as broken off, whatever the melody.
    pub broken_threshold: f32,
    /// While the turn is not over the end-of-turn model is asked again every so many milliseconds of quiet.
    pub ask_again_ms: u32,
    /// Quiet after which a caller who does not seem to be done is answered, milliseconds. It grows with each pause of
    /// a turn, and with the pauses that this caller usually makes.
    pub patience_ms: u32,
    /// How much longer the patience is if the words break off: a trailing "and", half a number.
    pub open_factor: f32,
    /// How much of the patience is left if only the melody, or only the words, say that the turn is over.
    pub closed_factor: f32,
    /// Quiet after which the turn ends in any case, milliseconds.
    pub ceiling_ms: u32,
    /// The answer is begun before the turn is over, and dropped if the caller goes on. Costs the language model a few
    /// requests more.
    pub early: bool,
    /// While the caller speaks, what was said so far is transcribed every so many milliseconds, shown in the page and
    /// used to look things up ahead. 0: not at all.
    pub partial_ms: u32,
    /// A caller who goes on this soon after the end of the turn, and before the answer is heard, goes on with the same
    /// turn, milliseconds.
    pub reopen_ms: u32,
    /// Sound kept from before the start of speech, so that no first syllable is lost, milliseconds.
    pub before_ms: u32,
    /// A turn ends after this much speech, seconds.
    pub longest_turn_seconds: u32,
}

impl Default for ListeningConfig {
    fn default() -> Self {
        Self {
            strategy: Strategy::Automatic,
            speech_threshold: 0.5,
            quiet_threshold: 0.35,
            start_ms: 96,
            resume_ms: 64,
            soft_end_ms: 60,
            confirm_ms: 120,
            words_ms: 1_000,
            end_threshold: 0.5,
            sure_threshold: 0.99,
            whole_threshold: 0.1,
            broken_threshold: 0.02,
            ask_again_ms: 200,
            patience_ms: 1_100,
            open_factor: 1.5,
            closed_factor: 0.7,
            ceiling_ms: 3_000,
            early: true,
            partial_ms: 900,
            reopen_ms: 3_000,
            before_ms: 300,
            longest_turn_seconds: 120,
        }
    }
}

/// `[assistant]`: who the bot is and what it says when things go wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AssistantConfig {
    /// Shown in the page.
    pub name: String,
    /// What this configuration is called in traces and metrics, to compare it with others.
    pub variant: String,
    /// Who the assistant is and how it speaks; the start of every prompt. Empty: the language model's own default.
    pub system_prompt: String,
    /// Passages handed to the language model, at most.
    pub passages: usize,
    /// Earlier messages (of both sides) that the language model sees, at most.
    pub history_messages: usize,
    /// Said first on every call. Empty: the caller begins.
    pub greeting: String,
    /// Said when there was speech but no words; twice in a row at most.
    pub ask_again: String,
    /// Said when a stage failed.
    pub apology: String,
    /// Said when a tool failed and the language model says nothing about it.
    pub tool_failed: String,
    /// How often in one answer the language model may call tools and be asked again with what they gave.
    pub tool_rounds: usize,
    /// Said to a caller who says nothing for `patience.idle_seconds`. Empty: nothing.
    pub idle: String,
    /// Said before the bot hangs up on a caller who says nothing for `patience.goodbye_seconds` more.
    pub goodbye: String,
    /// Of the sentences above, those that the caller's voice cannot interrupt: `greeting`, `ask_again`, `apology`,
    /// `idle`, `goodbye`.
    pub uninterruptible: Vec<Phrase>,
    /// Said in turn while an answer takes longer than `patience.filler_ms`, never twice in a row.
    pub fillers: Vec<String>,
    /// Words that the first line of an answer must have before it may end at a comma or the like, so that sound
    /// starts early.
    pub first_line_min_words: usize,
    /// Words after which the first line ends in any case.
    pub first_line_max_words: usize,
    /// Hosts that links of an answer may lead to although no source names the address: `example.com`, or
    /// `*.example.com` for all below it.
    pub allowed_links: Vec<String>,
}

impl Default for AssistantConfig {
    fn default() -> Self {
        Self {
            name: "voce".into(),
            variant: "default".into(),
            system_prompt: String::new(),
            passages: 3,
            history_messages: 8,
            greeting: String::new(),
            ask_again: "Sorry, I did not catch that. Could you say it again?".into(),
            apology: "Sorry, something went wrong on my side. Please ask again.".into(),
            tool_failed: "Sorry, that did not work.".into(),
            tool_rounds: 5,
            idle: "Are you still there?".into(),
            goodbye: "I will hang up now. Good bye!".into(),
            uninterruptible: vec![],
            fillers: vec!["Let me see.".into(), "One moment.".into()],
            first_line_min_words: 3,
            first_line_max_words: 5,
            allowed_links: vec![],
        }
    }
}

/// A fixed sentence of the assistant's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phrase {
    /// The first words of a call.
    Greeting,
    /// There was speech without words.
    AskAgain,
    /// Something failed.
    Apology,
    /// The caller says nothing.
    Idle,
    /// The bot hangs up.
    Goodbye,
}

/// `[patience]`: how long anything may take before something is said about it. Counted in the caller's sound, so a
/// stalled machine does not run out of patience.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PatienceConfig {
    /// End of the turn to its words, seconds.
    pub words_seconds: f32,
    /// Words to the first sound of the answer, seconds.
    pub answer_seconds: f32,
    /// Between two words of an answer that has begun, seconds.
    pub stall_seconds: f32,
    /// Answers that take longer are covered with one of `assistant.fillers`, milliseconds. 0: never.
    pub filler_ms: u32,
    /// A caller who says nothing for so long is asked whether they are there, seconds. 0: never.
    pub idle_seconds: f32,
    /// After that, and so long again, the bot says good-bye and hangs up, seconds. 0: never.
    pub goodbye_seconds: f32,
}

impl Default for PatienceConfig {
    fn default() -> Self {
        Self {
            words_seconds: 10.0,
            answer_seconds: 15.0,
            stall_seconds: 10.0,
            filler_ms: 0,
            idle_seconds: 60.0,
            goodbye_seconds: 120.0,
        }
    }
}
