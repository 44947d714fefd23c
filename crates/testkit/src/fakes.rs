//! Engines without models, for tests of logic: what they do is arithmetic, when they do it is stated.
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream, stream::BoxStream};
use tokio::time::sleep;
use voce_core::{
    AudioFrame, EndOfTurn, EngineError, Knowledge, LanguageModel, Line, ModelCard, Output, Passage, Piece,
    Prompt, Speech, SpeechToText, SpokenWord, Text, TextToSpeech, Transcript, Usage, VoiceActivity, steps,
};

fn card(name: &str) -> ModelCard {
    ModelCard { provider: "fake".into(), name: name.into(), device: "cpu".into() }
}

/// Takes loudness for speech: the first sample of a frame is its probability.
pub struct Loudness;

impl VoiceActivity for Loudness {
    fn speech_probability(&mut self, frame: &AudioFrame) -> Result<f32, EngineError> {
        Ok(frame.samples.first().copied().unwrap_or_default())
    }
}

/// Always of the same opinion about the end of a turn.
pub struct Opinion {
    card: ModelCard,
    probability: f32,
}

impl Opinion {
    /// Says `probability` to every pause.
    pub fn new(probability: f32) -> Arc<Self> {
        Arc::new(Self { card: card("opinion"), probability })
    }
}

impl EndOfTurn for Opinion {
    fn model(&self) -> &ModelCard {
        &self.card
    }

    fn probability(&self, _: &[f32]) -> Result<f32, EngineError> {
        Ok(self.probability)
    }
}

/// "Recognises" an utterance as a fixed text, after 80 ms of thinking. Quiet utterances (under 0.5) hold no words.
pub struct Hears {
    card: ModelCard,
    text: String,
}

impl Hears {
    /// Understands `text`, whatever is said.
    pub fn new(text: &str) -> Arc<Self> {
        Arc::new(Self { card: card("hears"), text: text.into() })
    }
}

impl SpeechToText for Hears {
    fn model(&self) -> &ModelCard {
        &self.card
    }

    fn transcribe(&self, speech: BoxStream<'static, AudioFrame>) -> Output<Text> {
        let text = self.text.clone();
        async move {
            let heard: Duration =
                speech.map(|frame| frame.duration()).collect::<Vec<_>>().await.into_iter().sum();
            sleep(Duration::from_millis(80)).await;
            Ok(Text::Final(Transcript { text, audio_seconds: heard.as_secs_f64(), ..Transcript::default() }))
        }
        .into_stream()
        .boxed()
    }
}

/// Finds one passage, the question itself, after 20 ms.
pub struct Echo(ModelCard);

impl Echo {
    /// A knowledge base that knows what it is asked.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(card("echo")))
    }
}

impl Knowledge for Echo {
    fn model(&self) -> &ModelCard {
        &self.0
    }

    fn search(&self, question: String, _: usize) -> BoxFuture<'static, Result<Vec<Passage>, EngineError>> {
        async move {
            sleep(Duration::from_millis(20)).await;
            Ok(vec![Passage { text: question, source: "test".into(), score: 0.9, ..Passage::default() }])
        }
        .boxed()
    }
}

/// Says a fixed text, one word every 50 ms, and counts the words it produced.
pub struct SlowTalker {
    card: ModelCard,
    text: String,
    /// Words written so far, over all answers.
    pub words: AtomicUsize,
}

impl SlowTalker {
    /// Answers everything with `text`.
    pub fn new(text: &str) -> Arc<Self> {
        Arc::new(Self { card: card("slow-talker"), text: text.into(), words: AtomicUsize::new(0) })
    }
}

impl LanguageModel for SlowTalker {
    fn model(&self) -> &ModelCard {
        &self.card
    }

    fn generate(&self, prompt: Prompt) -> Output<Piece> {
        let words: Vec<String> = self.text.split_inclusive(' ').map(str::to_owned).collect();
        self.words.fetch_add(words.len(), Ordering::SeqCst);
        let usage = Usage {
            prompt_tokens: prompt.question.split_whitespace().count() as u32,
            completion_tokens: words.len() as u32,
            cached_tokens: 0,
        };
        stream::iter(words)
            .then(|word| async move {
                sleep(Duration::from_millis(50)).await;
                Ok(Piece::Text(word))
            })
            .chain(stream::iter([Ok(Piece::Usage(usage))]))
            .boxed()
    }
}

/// A language model with a defect.
pub struct Panics(ModelCard);

impl Panics {
    /// Panics when asked.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(card("panics")))
    }
}

impl LanguageModel for Panics {
    fn model(&self) -> &ModelCard {
        &self.0
    }

    fn generate(&self, _: Prompt) -> Output<Piece> {
        panic!("model bug")
    }
}

/// 300 ms of sound a word at 1 kHz, computed by blocking code, one word a step.
pub struct Beeper {
    card: ModelCard,
    /// Words spoken so far, over all lines.
    pub steps: Arc<AtomicUsize>,
}

impl Beeper {
    /// A voice of beeps.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { card: card("beeper"), steps: Arc::default() })
    }
}

impl TextToSpeech for Beeper {
    fn model(&self) -> &ModelCard {
        &self.card
    }

    fn rate_hz(&self) -> u32 {
        1_000
    }

    fn speak(&self, line: Line) -> Output<Speech> {
        let words: Vec<String> = line.text.split_whitespace().map(str::to_owned).collect();
        let done = self.steps.clone();
        steps(words.into_iter(), move |words| {
            let Some(text) = words.next() else { return Ok(None) };
            std::thread::sleep(Duration::from_millis(3));
            done.fetch_add(1, Ordering::SeqCst);
            let word = SpokenWord { text, start_seconds: 0.0, end_seconds: 0.3 };
            Ok(Some(Speech { samples: vec![0.1; 300], rate_hz: 1_000, words: vec![word], phonemes: vec![] }))
        })
    }
}

/// Answers by what was asked, and keeps what it was asked.
pub struct Attentive {
    card: ModelCard,
    answers: Vec<(String, Reply)>,
    prompts: Mutex<Vec<Prompt>>,
}

/// How a model answers.
#[derive(Clone)]
pub enum Reply {
    /// At once, a word every 20 ms.
    Text(String),
    /// The same, after a while.
    Late(Duration, String),
    /// It hangs: not a word, no error, no end.
    Never,
}

impl Attentive {
    /// Gives the first of `answers` whose word (in lower case) stands in the question.
    pub fn new<'a>(answers: impl IntoIterator<Item = (&'a str, Reply)>) -> Arc<Self> {
        let answers = answers.into_iter().map(|(word, reply)| (word.to_owned(), reply)).collect();
        Arc::new(Self { card: card("attentive"), answers, prompts: Mutex::default() })
    }

    /// All prompts so far, those of answers that were begun early included.
    pub fn prompts(&self) -> Vec<Prompt> {
        self.prompts.lock().expect("nobody panics while holding it").clone()
    }
}

impl LanguageModel for Attentive {
    fn model(&self) -> &ModelCard {
        &self.card
    }

    fn generate(&self, prompt: Prompt) -> Output<Piece> {
        let question = prompt.question.to_lowercase();
        self.prompts.lock().expect("nobody panics while holding it").push(prompt);
        let known = self.answers.iter().find(|(word, _)| question.contains(word.as_str()));
        let (wait, text) = match known.map(|(_, reply)| reply.clone()) {
            Some(Reply::Never) => return stream::pending().boxed(),
            Some(Reply::Late(wait, text)) => (wait, text),
            Some(Reply::Text(text)) => (Duration::ZERO, text),
            None => (Duration::ZERO, "That I do not know.".to_owned()),
        };
        let words: Vec<String> = text.split_inclusive(' ').map(str::to_owned).collect();
        stream::once(sleep(wait))
            .flat_map(move |()| stream::iter(words.clone()))
            .then(|word| async move {
                sleep(Duration::from_millis(20)).await;
                Ok(Piece::Text(word))
            })
            .boxed()
    }
}
