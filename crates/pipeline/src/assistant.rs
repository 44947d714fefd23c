//! The assistant, top to bottom: every stage in order, in one file.
use std::sync::Arc;

use tokio::sync::mpsc;
use tracing::Span;
use voce_core::{
    AudioFrame, EndOfTurn, EngineError, Knowledge, LanguageModel, Line, Memory, Prompt, Recorder, Speaker,
    SpeechToText, TextToSpeech, Tools, VoiceActivity,
};

use crate::{
    AssistantConfig, Context, Flow, Gateway, Heard, Moment, Played, Running, Stage, Turn,
    stages::{Detect, Fit, Generate, Playout, Prepare, Retrieve, Split, Synthesize, Transcribe},
    tools::{Calling, Hands},
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
    /// What the language model may call, where there is anything.
    pub tools: Option<Arc<dyn Tools>>,
    /// What is remembered of callers, where anything may be.
    pub memory: Option<Arc<dyn Memory>>,
}

/// From microphone to moments of speech and quiet. Lives as long as the call.
pub fn listen(
    microphone: mpsc::Receiver<AudioFrame>,
    engines: &Engines,
) -> Result<Running<Moment>, EngineError> {
    let voice_activity = (engines.voice_activity)()?;
    Ok(Flow::from(microphone, Span::none()).then(Detect(voice_activity)).start())
}

/// From an utterance to its words. Lives for one pause; dropping it means that the caller went on.
pub fn understand(utterance: Arc<[f32]>, engines: &Engines, turn: Span) -> Running<Heard> {
    Flow::of(utterance, turn).then(Transcribe(engines.stt.clone())).start()
}

/// Whatever helps the answer before the question is complete.
pub fn prepare(
    question: Prompt,
    engines: &Engines,
    config: &AssistantConfig,
    context: Arc<Context>,
) -> Running<()> {
    let (knowledge, llm) = (engines.knowledge.clone(), engines.llm.clone());
    Flow::of(question, Span::none()).then(Prepare { knowledge, limit: config.passages, context, llm }).start()
}

/// Where an answer is heard, and when.
pub struct Mouth {
    /// The way to the caller's ear.
    pub speaker: Speaker,
    /// Who keeps what is heard, if anybody does.
    pub recorder: Option<Arc<dyn Recorder>>,
    /// Whether the sound may flow.
    pub gate: Gateway,
    /// The turn that is answered.
    pub turn: Turn,
    /// The span that the stages work under.
    pub span: Span,
}

/// From question to sound. Lives for one turn; dropping it is the interruption.
pub fn reply(
    question: Prompt,
    engines: &Engines,
    config: &AssistantConfig,
    context: Arc<Context>,
    hands: Hands,
    mouth: Mouth,
) -> Running<Played> {
    let Mouth { speaker, recorder, gate, turn, span } = mouth;
    let (filler, lines) = mpsc::channel(Split::BUFFER);
    let tools = Calling::new(hands, filler.clone(), config, turn.clone());
    Flow::of(question, span)
        .then(Retrieve { knowledge: engines.knowledge.clone(), limit: config.passages, turn: turn.clone() })
        .then(Fit { context: context.clone() })
        .then(Generate { llm: engines.llm.clone(), context, tools, turn: turn.clone() })
        .then_through(Split::new(config, turn.clone()), filler, lines)
        .then(Synthesize { tts: engines.tts.clone(), turn: turn.clone() })
        .then(Playout { speaker, recorder, turn, gate, is_answer: true })
        .start()
}

/// A fixed sentence to sound.
pub fn say(text: String, engines: &Engines, is_answer: bool, mouth: Mouth) -> Running<Played> {
    let Mouth { speaker, recorder, gate, turn, span } = mouth;
    let line = Line { index: 0, text, begins_sentence: true, ends_sentence: true };
    turn.quiet().line_waits();
    Flow::of(line, span)
        .then(Synthesize { tts: engines.tts.clone(), turn: turn.clone() })
        .then(Playout { speaker, recorder, turn, gate, is_answer })
        .start()
}
