//! Kokoro 82M through ONNX Runtime: text in, sound with word times out.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use futures_util::{StreamExt, TryStreamExt, stream};
use ort::{session::Session, value::Tensor};
use tokio::sync::Semaphore;
use voce_core::{EngineError, Line, ModelCard, Output, Speech, TextToSpeech, Wait, lock, measured_steps};
use voce_models::{Runtime, Store};

use crate::{
    Config, graph,
    phonemes::{Phonemiser, SYMBOLS, Sound},
    pieces::{Piece, pieces},
    sound::{RATE_HZ, trim},
    text::normalise,
    timing,
    voices::{STYLE, Voice},
};

const ENGINE: &str = "kokoro";

/// The voice. Cheap to clone; lines of several calls wait for each other in the order they came.
#[derive(Clone)]
pub struct Kokoro {
    shared: Arc<Shared>,
    /// One inference at a time: two at once on the same cores are slower than one after the other. Waiting
    /// happens here, in async code, so that no blocking thread ever waits.
    turn: Arc<Semaphore>,
}

struct Shared {
    card: ModelCard,
    network: Arc<Network>,
    phonemiser: &'static Phonemiser,
    voice: Voice,
    speed: f32,
}

/// What all voices of a model have in common.
struct Network {
    model: String,
    device: String,
    session: Mutex<Session>,
    vocabulary: HashMap<char, i64>,
    /// Whether the graph tells how long each symbol sounds, and cuts the silence around.
    durations: bool,
}

/// The raw answer of the model.
struct Raw {
    samples: Vec<f32>,
    durations: Vec<i64>,
}

impl Kokoro {
    /// Loads model, voice and lexicon and speaks a word into nothing, so that the first line is not slow.
    pub fn load(config: &Config, store: &Store, runtime: &Runtime) -> Result<Self, EngineError> {
        let failed = |reason: String| EngineError::load(ENGINE, reason);
        check_speed(config.speed)?;
        let voice = Voice::load(store, &config.model, &config.voice)?;
        let lexicon = std::thread::spawn({
            let accent = voice.accent;
            move || Phonemiser::shared(accent)
        });
        let vocabulary = vocabulary(store, &config.model)?;
        let path = store.file(&config.model, "model.onnx").map_err(|error| failed(error.to_string()))?;
        let bytes =
            std::fs::read(&path).map_err(|error| failed(format!("reading {}: {error}", path.display())))?;
        let threads = config.threads();
        let (opened, durations) = match graph::prepare(&bytes) {
            Ok(prepared) => (runtime.session_from_memory(&prepared, threads), true),
            Err(reason) => {
                tracing::warn!(%reason, "this Kokoro export tells no durations; word times are estimates");
                (runtime.session(&path, threads), false)
            }
        };
        let (session, device) = opened.map_err(|error| failed(error.to_string()))?;
        let phonemiser = lexicon.join().map_err(|_| failed("the lexicon could not be read".into()))?;
        let model = config.model.clone();
        let network =
            Arc::new(Network { model, device, session: Mutex::new(session), vocabulary, durations });
        let shared = Shared::new(network, phonemiser, voice, config.speed);
        let kokoro = Self { shared: Arc::new(shared), turn: Arc::new(Semaphore::new(1)) };
        kokoro.synthesize("Hello.")?;
        Ok(kokoro)
    }

    /// The same model with the voice `name`, at `speed`. Costs one small file; both wait for each other as two lines
    /// of one voice do.
    pub fn with_voice(&self, store: &Store, name: &str, speed: f32) -> Result<Self, EngineError> {
        check_speed(speed)?;
        let network = self.shared.network.clone();
        let voice = Voice::load(store, &network.model, name)?;
        let shared = Shared::new(network, Phonemiser::shared(voice.accent), voice, speed);
        Ok(Self { shared: Arc::new(shared), turn: self.turn.clone() })
    }

    /// Speaks `text` as a whole sentence. Blocking.
    pub fn synthesize(&self, text: &str) -> Result<Speech, EngineError> {
        let line = Line { index: 0, text: text.to_owned(), begins_sentence: true, ends_sentence: true };
        let mut whole = Speech { rate_hz: RATE_HZ, ..Speech::default() };
        for piece in self.shared.plan(&line) {
            let speech = self.shared.say(&piece)?;
            let offset = whole.samples.len() as f64 / f64::from(RATE_HZ);
            whole.samples.extend(speech.samples);
            whole.words.extend(speech.words.into_iter().map(|mut word| {
                word.start_seconds += offset;
                word.end_seconds += offset;
                word
            }));
            whole.phonemes.extend(speech.phonemes.into_iter().map(|mut phoneme| {
                phoneme.start_seconds += offset;
                phoneme.end_seconds += offset;
                phoneme
            }));
        }
        Ok(whole)
    }

    /// The phonemes that `text` is spoken with.
    pub fn phonemes(&self, text: &str) -> String {
        self.shared.phonemiser.phonemes(&normalise(text, self.shared.voice.accent))
    }
}

impl TextToSpeech for Kokoro {
    fn model(&self) -> &ModelCard {
        &self.shared.card
    }

    fn rate_hz(&self) -> u32 {
        RATE_HZ
    }

    fn voice(&self) -> &str {
        &self.shared.voice.name
    }

    fn speak(&self, line: Line) -> Output<Speech> {
        let (shared, turn) = (self.shared.clone(), self.turn.clone());
        let spoken = async move {
            let mut wait = Wait::of("tts");
            let permit = wait.until(turn.acquire_owned()).await;
            let permit = permit.map_err(|_| EngineError::run(ENGINE, "the engine is shut"))?;
            let state = (permit, None::<std::vec::IntoIter<Piece>>);
            Ok(measured_steps(wait, state, move |(_, plan)| {
                let plan = plan.get_or_insert_with(|| shared.plan(&line).into_iter());
                plan.next().map(|piece| shared.say(&piece)).transpose()
            }))
        };
        stream::once(spoken).try_flatten().boxed()
    }
}

impl Shared {
    fn new(network: Arc<Network>, phonemiser: &'static Phonemiser, voice: Voice, speed: f32) -> Self {
        let card = ModelCard {
            provider: "onnxruntime".into(),
            name: format!("{} {}", network.model, voice.name),
            device: network.device.clone(),
        };
        Self { card, network, phonemiser, voice, speed }
    }

    /// What is to be said, in pieces that the model can take.
    fn plan(&self, line: &Line) -> Vec<Piece> {
        let phrases = normalise(&line.text, self.voice.accent);
        let sounds = self.phonemiser.sounds(&phrases);
        pieces(phrases, sounds, line.begins_sentence, line.ends_sentence)
    }

    fn say(&self, piece: &Piece) -> Result<Speech, EngineError> {
        if piece.sounds.is_empty() {
            let words = timing::words(&piece.phrases, &[], &[], 0.0);
            return Ok(Speech { rate_hz: RATE_HZ, words, ..Speech::default() });
        }
        let raw = self.infer(&piece.sounds)?;
        let trimmed = trim(&raw.samples, piece.begins_sentence, piece.ends_sentence);
        let seconds = |samples: i64| samples as f64 / f64::from(RATE_HZ);
        let speech_end = seconds(trimmed.speech_end as i64);
        let spans: Vec<(f64, f64)> = if raw.durations.len() == piece.sounds.len() + 2 {
            let shift = seconds(trimmed.shift);
            let cut = graph::cut_frames(&raw.durations);
            timing::spans(&raw.durations, cut).iter().map(|(from, to)| (from - shift, to - shift)).collect()
        } else {
            timing::estimated_spans(&piece.sounds, 0.0, speech_end)
        };
        Ok(Speech {
            rate_hz: RATE_HZ,
            words: timing::words(&piece.phrases, &piece.sounds, &spans, speech_end),
            phonemes: timing::phonemes(&piece.sounds, &spans, speech_end),
            samples: trimmed.samples,
        })
    }

    fn infer(&self, sounds: &[Sound]) -> Result<Raw, EngineError> {
        let failed = |error: ort::Error| EngineError::run(ENGINE, error);
        let ids = sounds.iter().filter_map(|sound| self.network.vocabulary.get(&sound.symbol).copied());
        let tokens: Vec<i64> = std::iter::once(0).chain(ids).chain([0]).collect();
        let style = self.voice.style(tokens.len() - 2).to_vec();
        let inputs = ort::inputs! {
            "tokens" => Tensor::from_array(([1, tokens.len()], tokens)).map_err(failed)?,
            "style" => Tensor::from_array(([1, STYLE], style)).map_err(failed)?,
            "speed" => Tensor::from_array(([1], vec![self.speed])).map_err(failed)?,
        };
        let mut session = lock(&self.network.session);
        let outputs = session.run(inputs).map_err(failed)?;
        let samples = outputs["audio"].try_extract_tensor::<f32>().map_err(failed)?.1.to_vec();
        let durations = match self.network.durations {
            true => outputs[graph::DURATIONS].try_extract_tensor::<i64>().map_err(failed)?.1.to_vec(),
            false => Vec::new(),
        };
        if samples.iter().any(|sample| !sample.is_finite()) {
            return Err(EngineError::run(ENGINE, "the model gave sound that is no number"));
        }
        Ok(Raw { samples, durations })
    }
}

fn check_speed(speed: f32) -> Result<(), EngineError> {
    if (0.5..=2.0).contains(&speed) {
        return Ok(());
    }
    Err(EngineError::load(ENGINE, format!("tts.speed is {speed}; it goes from 0.5 to 2")))
}

/// Symbol to token, from the model's `vocab.json`. It must know every symbol that we write.
fn vocabulary(store: &Store, model: &str) -> Result<HashMap<char, i64>, EngineError> {
    #[derive(serde::Deserialize)]
    struct File {
        vocab: HashMap<char, i64>,
    }
    let failed = |reason: String| EngineError::load(ENGINE, reason);
    let path = store.file(model, "vocab.json").map_err(|error| failed(error.to_string()))?;
    let text = std::fs::read_to_string(&path)
        .map_err(|error| failed(format!("reading {}: {error}", path.display())))?;
    let file: File = serde_json::from_str(&text).map_err(|error| {
        failed(format!("{} is no vocabulary {{\"vocab\": {{symbol: number}}}}: {error}", path.display()))
    })?;
    let missing: String = SYMBOLS.chars().filter(|symbol| !file.vocab.contains_key(symbol)).collect();
    if !missing.is_empty() {
        return Err(failed(format!(
            "{} lacks the symbols {missing}; it belongs to another model, fetch it again with `voce models pull {model}`",
            path.display()
        )));
    }
    Ok(file.vocab)
}
