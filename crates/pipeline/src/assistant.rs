//! The assistant, top to bottom: every stage in order, in one file.
use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::Span;
use voce_core::{
    AudioFrame, EndOfTurn, EngineError, Event, Knowledge, LanguageModel, Line, Prompt, Speaker, SpeechToText,
    TextToSpeech, VoiceActivity,
};

use crate::{
    AssistantConfig, Flow, Heard, ListeningConfig, Played, Running, Turn,
    stages::{Detect, Generate, Playout, Retrieve, Split, Synthesize, Transcribe},
};

/// Makes a voice detector for one call: it keeps state, so it is not shared.
pub type VoiceActivityFactory = Arc<dyn Fn() -> Result<Box<dyn VoiceActivity>, EngineError> + Send + Sync>;

/// The models, loaded once and shared by all calls.
#[derive(Clone)]
pub struct Engines {
    /// Frames to speech or none.
    pub voice_activity: VoiceActivityFactory,
    /// A pause to "done" or "not yet".
    pub end_of_turn: Arc<dyn EndOfTurn>,
    /// Speech to words.
    pub stt: Arc<dyn SpeechToText>,
    /// Question to passages, where there is a knowledge base.
    pub knowledge: Option<Arc<dyn Knowledge>>,
    /// Prompt to text.
    pub llm: Arc<dyn LanguageModel>,
    /// Text to sound.
    pub tts: Arc<dyn TextToSpeech>,
}

/// How one call is listened to.
pub struct Ears {
    /// The thresholds and times.
    pub rules: ListeningConfig,
    /// The call's name.
    pub session: String,
    /// Where turns tell what happens.
    pub events: mpsc::Sender<Event>,
}

/// From microphone to words. Lives as long as the call.
pub fn listen(
    microphone: mpsc::Receiver<AudioFrame>,
    ears: Ears,
    engines: &Engines,
) -> Result<Running<Heard>, EngineError> {
    let Ears { rules, session, events } = ears;
    let voice_activity = (engines.voice_activity)()?;
    let end_of_turn = engines.end_of_turn.clone();
    Ok(Flow::from(microphone, Span::none())
        .then(Detect { voice_activity, end_of_turn, rules, session, events })
        .then(Transcribe(engines.stt.clone()))
        .start())
}

/// From question to sound. Lives for one turn; dropping it is the interruption.
pub fn reply(
    question: Prompt,
    engines: &Engines,
    config: &AssistantConfig,
    speaker: Speaker,
    turn: Turn,
) -> Running<Played> {
    Flow::of(question, turn.span().clone())
        .then(Retrieve { knowledge: engines.knowledge.clone(), limit: config.passages, turn: turn.clone() })
        .then(Generate { llm: engines.llm.clone(), turn: turn.clone() })
        .then(Split::new(config, turn.clone()))
        .then(Synthesize { tts: engines.tts.clone(), turn: turn.clone() })
        .then(Playout { speaker, turn })
        .start()
}

/// A fixed sentence to sound.
pub fn say(text: String, engines: &Engines, speaker: Speaker, turn: Turn) -> Running<Played> {
    let line = Line { index: 0, text, begins_sentence: true, ends_sentence: true };
    Flow::of(line, turn.span().clone())
        .then(Synthesize { tts: engines.tts.clone(), turn: turn.clone() })
        .then(Playout { speaker, turn })
        .start()
}
