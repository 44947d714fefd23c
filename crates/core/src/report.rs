//! The figures of one turn, as shown in the page, printed by `voce talk` and kept in the trace.
use serde::{Deserialize, Serialize};

use crate::{EndReason, Passage, TurnId, Usage};

/// What a turn took and what it said. Times are seconds; a time is absent when its stage did not come to it. Read back
/// from a server, which may be older or newer, it has what both know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TurnReport {
    /// Which turn of the call.
    pub turn: TurnId,
    /// Why it ended.
    pub end_reason: EndReason,
    /// What the caller said.
    pub question: String,
    /// What the language model wrote.
    pub generated: String,
    /// What was turned into sound.
    pub spoken: String,
    /// What the caller heard.
    pub heard: String,
    /// What retrieval found.
    pub passages: Vec<Passage>,
    /// Length of the caller's speech.
    pub speech_seconds: Option<f64>,
    /// End of the caller's speech to the decision that the turn is over.
    pub end_of_turn_seconds: Option<f64>,
    /// The end-of-turn model's last probability.
    pub end_of_turn_probability: Option<f64>,
    /// Start of the transcription to the final text.
    pub stt_seconds: Option<f64>,
    /// Question to passages.
    pub retrieval_seconds: Option<f64>,
    /// Request to first token.
    pub llm_first_token_seconds: Option<f64>,
    /// Request to last token.
    pub llm_seconds: Option<f64>,
    /// Mean time between two tokens.
    pub llm_inter_token_seconds: Option<f64>,
    /// First text of the answer to the first line handed to the voice.
    pub first_line_seconds: Option<f64>,
    /// First line to its first sample.
    pub tts_first_audio_seconds: Option<f64>,
    /// End of the caller's speech to the first sample of the answer: the number callers feel.
    pub voice_to_voice_seconds: Option<f64>,
    /// Length of the answer that was heard.
    pub heard_seconds: Option<f64>,
    /// Tokens, once the model has said.
    pub usage: Option<Usage>,
    /// Tokens of the answer per second, first token to last.
    pub tokens_per_second: Option<f64>,
    /// Whether the answer was begun before the turn was over.
    pub early: bool,
    /// Answers that were begun early and dropped because the caller went on.
    pub early_dropped: u32,
    /// Time that went into dropped answers.
    pub wasted_seconds: f64,
    /// Times that someone spoke into the answer without interrupting it.
    pub overlaps: u32,
    /// 20 ms frames of the answer that came later than they should have sounded.
    pub late_frames: u32,
    /// Trace id of the turn, 32 hex digits, when it is traced.
    pub trace_id: Option<String>,
}
