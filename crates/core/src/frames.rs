//! What travels between stages. Plain values: no behaviour beyond arithmetic, no channels.
use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{ToolCall, ToolDefinition, ToolStep};

/// Every microphone is delivered at this rate: it is what speech recognisers and voice detectors take.
pub const MICROPHONE_RATE_HZ: u32 = 16_000;

/// Position in a stream of audio, counted in samples and never read from a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct MediaTime(pub Duration);

impl MediaTime {
    /// The position after `samples` samples at `rate_hz`.
    pub fn of_samples(samples: u64, rate_hz: u32) -> Self {
        Self(Duration::from_nanos(samples.saturating_mul(1_000_000_000) / u64::from(rate_hz)))
    }

    /// How far this position lies after `earlier`; zero if it lies before.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// A few milliseconds of mono audio, samples in -1 to 1.
#[derive(Clone, Debug)]
pub struct AudioFrame {
    /// Position of the first sample in its stream.
    pub at: MediaTime,
    /// Samples per second.
    pub rate_hz: u32,
    /// The sound itself.
    pub samples: Vec<f32>,
}

impl AudioFrame {
    /// How long the frame sounds.
    pub fn duration(&self) -> Duration {
        MediaTime::of_samples(self.samples.len() as u64, self.rate_hz).0
    }

    /// The position just after the last sample.
    pub fn end(&self) -> MediaTime {
        MediaTime(self.at.0 + self.duration())
    }
}

/// Turns of a call, counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TurnId(pub u32);

/// What a recogniser says while and after it listens.
#[derive(Clone, Debug, PartialEq)]
pub enum Text {
    /// What the words seem to be so far; may change.
    Partial(String),
    /// What was said. The last item of every transcription.
    Final(Transcript),
}

/// One utterance in words.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Transcript {
    /// The words; empty when the sound held none.
    pub text: String,
    /// The recogniser's own units with their times, where it gives them.
    pub tokens: Vec<Token>,
    /// Length of the sound that was transcribed, seconds.
    pub audio_seconds: f64,
    /// How often the recogniser had to try again (other padding), 0 as a rule.
    pub retries: u32,
    /// How long the recogniser waited to be free, seconds.
    #[serde(skip)]
    pub waited_seconds: f64,
}

/// One unit of a recogniser's vocabulary.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Token {
    /// Index in the vocabulary.
    pub id: u32,
    /// The unit as text, word boundary as a leading space.
    pub text: String,
    /// Seconds from the start of the utterance, where the recogniser knows.
    pub start_seconds: Option<f64>,
}

/// A piece of the knowledge base that may hold the answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Passage {
    /// The passage itself.
    pub text: String,
    /// Where it stands: the file name or address it was ingested from.
    pub source: String,
    /// Headings above it, outermost first, joined by " > "; may be empty.
    pub heading: String,
    /// Its place within the source, from 0.
    pub chunk: u32,
    /// Cosine similarity to the question, -1 to 1.
    pub score: f32,
}

/// All that a language model needs for one answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prompt {
    /// Who the assistant is and how it speaks.
    pub system: String,
    /// What is known of the call before `history` begins; empty as long as all of it stands there.
    pub summary: String,
    /// What is remembered of this caller from earlier calls; empty where nothing is, or nothing may be.
    pub memory: String,
    /// Earlier turns: what was said and what was heard.
    pub history: Vec<Message>,
    /// What retrieval found, best first. Never stored in the history.
    pub passages: Vec<Passage>,
    /// Whether a knowledge base was searched: with no passages this means that nothing is known.
    pub searched: bool,
    /// The caller's words.
    pub question: String,
    /// What the question is looked up as, where it leans on what was said before ("and how much is it?"); else empty.
    pub looked_up_as: String,
    /// What the model may call for this answer.
    pub tools: Arc<[ToolDefinition]>,
    /// What it called for this answer so far, and what came of it, in order.
    pub steps: Vec<ToolStep>,
    /// Longest answer, tokens; none: as long as the model's own setting says.
    pub answer_tokens: Option<u32>,
}

/// One entry of the history.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum Message {
    /// What the caller said.
    User(String),
    /// What the caller heard the bot say.
    Assistant {
        /// The heard words.
        text: String,
        /// True when the caller cut the answer short.
        cut: bool,
    },
    /// A tool that was called then. Unlike words it is a fact whether or not anybody heard of it.
    Tool(ToolStep),
}

/// What a language model yields.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// The next few characters of the answer.
    Text(String),
    /// The model wants a tool called before it goes on. Complete: its arguments stand.
    Call(ToolCall),
    /// The bill; once, last.
    Usage(Usage),
}

/// Tokens of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub prompt_tokens: u32,
    /// Tokens of the answer.
    pub completion_tokens: u32,
    /// Tokens of the prompt whose computation was kept from an earlier turn.
    pub cached_tokens: u32,
}

/// One piece of an answer to be spoken in one breath.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Place in the answer, from 0.
    pub index: u32,
    /// Plain words without markup.
    pub text: String,
    /// False when the line goes on a sentence whose start was spoken already.
    pub begins_sentence: bool,
    /// False when the sentence goes on in the next line, so that the voice does not fall and pause.
    pub ends_sentence: bool,
}

/// Something to look at that belongs to an answer. Never spoken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum Part {
    /// A block of code.
    Code {
        /// The language that the model named; may be empty.
        language: String,
        /// The code, line ends included.
        text: String,
    },
    /// A link whose address was found in the sources or is on the list of allowed ones.
    Link {
        /// What stands for the address.
        text: String,
        /// The address.
        url: String,
    },
    /// A table.
    Table {
        /// Names of the columns; may be empty.
        header: Vec<String>,
        /// Cells by rows.
        rows: Vec<Vec<String>>,
    },
    /// A passage that the answer rests on.
    Citation {
        /// The passage.
        passage: Passage,
    },
}

/// Synthesised sound and what it says.
#[derive(Clone, Debug, Default)]
pub struct Speech {
    /// Mono samples, -1 to 1.
    pub samples: Vec<f32>,
    /// Samples per second.
    pub rate_hz: u32,
    /// The words with their times from the first sample of this speech, in order.
    pub words: Vec<SpokenWord>,
    /// The phonemes with their times, where the engine gives them.
    pub phonemes: Vec<Phoneme>,
}

/// A word of the text as written, where it sounds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpokenWord {
    /// As written in the line, punctuation included.
    pub text: String,
    /// Seconds from the first sample of the speech.
    pub start_seconds: f64,
    /// Seconds from the first sample of the speech.
    pub end_seconds: f64,
}

/// A speech sound, where it sounds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Phoneme {
    /// The symbol in the voice's own alphabet.
    pub symbol: String,
    /// Seconds from the first sample of the speech.
    pub start_seconds: f64,
    /// Seconds from the first sample of the speech.
    pub end_seconds: f64,
}
