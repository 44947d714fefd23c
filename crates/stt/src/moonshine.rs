//! Moonshine: an encoder that hears raw sound and a decoder that writes text, English.
mod decoder;

use std::{path::PathBuf, sync::Mutex};

use ort::{
    session::Session,
    value::{DynValue, TensorRef},
};
use tokenizers::Tokenizer;
use voce_core::{EngineError, ModelCard, Token, Transcript, lock};
use voce_models::Runtime;

use crate::{
    choice::Choice,
    recognizer::{Recognise, Stop},
};
use decoder::Decoder;

pub(crate) const NAME: &str = "moonshine";
pub(crate) const ENCODER: &str = "encoder_model.onnx";
const DECODER: &str = "decoder_model_merged.onnx";
const TOKENIZER: &str = "tokenizer.json";
const RATE_HZ: usize = 16_000;
/// The model was trained on up to 30 s.
const LONGEST: usize = 24 * RATE_HZ;
/// Shorter sound is followed by silence: the encoder's first layers need 895 samples.
const SHORTEST: usize = RATE_HZ / 2;
/// People say at most this many tokens a second (the authors' figure); more is a decoder running wild.
const TOKENS_PER_SECOND: f64 = 6.5;
/// Tokens allowed beyond, for the punctuation of a word or two.
const TOKENS_AT_LEAST: usize = 6;
/// Sound that nowhere exceeds this holds no words.
const SILENCE: f32 = 1e-4;
/// Silence behind every sound. The end of a turn is asked about so soon that little follows the last word, and then the
/// last word is misheard or the whole sentence written twice (3 of 32 clips cut 60 ms behind it; none from 100 ms on).
const BEHIND: usize = RATE_HZ / 5;
/// How the sound is surrounded when it first gave no words: silence in front and behind, in samples, and whether it
/// is made as loud as speech into a near microphone.
const RETRIES: [(usize, usize, bool); 2] =
    [(RATE_HZ / 4, RATE_HZ / 4, false), (RATE_HZ / 2, RATE_HZ / 8, true)];
const LOUD: f32 = 0.7;

/// The loaded model.
pub(crate) struct Moonshine {
    card: ModelCard,
    encoder: Mutex<Session>,
    decoder: Decoder,
    tokenizer: Tokenizer,
}

impl Moonshine {
    pub(crate) fn load(choice: &Choice, threads: usize, runtime: &Runtime) -> Result<Self, EngineError> {
        let file = |name: &str| -> Result<PathBuf, EngineError> {
            let path = choice.dir.join(name);
            let missing =
                || unloadable(format!("{} is missing; fetch it with `voce models pull`", path.display()));
            if path.is_file() { Ok(path) } else { Err(missing()) }
        };
        let (encoder, device) = runtime.session(&file(ENCODER)?, threads).map_err(unloadable)?;
        let (decoder, _) = runtime.session(&file(DECODER)?, threads).map_err(unloadable)?;
        let tokenizer = file(TOKENIZER)?;
        let tokenizer = Tokenizer::from_file(&tokenizer)
            .map_err(|error| unloadable(format!("{}: {error}", tokenizer.display())))?;
        let model = Self {
            card: ModelCard { provider: "onnxruntime".into(), name: choice.name.clone(), device },
            encoder: Mutex::new(encoder),
            decoder: Decoder::new(decoder)
                .map_err(|reason| unloadable(format!("{}: {reason}", choice.dir.join(DECODER).display())))?,
            tokenizer,
        };
        // The first run allocates; what a rustle gives is of no interest.
        let rustle: Vec<f32> = (0..RATE_HZ).map(|index| (index * index % 251) as f32 / 2_510.0).collect();
        model.attempt(&rustle, &Stop::default()).map_err(unloadable)?;
        Ok(model)
    }

    /// The tokens of `samples`.
    fn attempt(&self, samples: &[f32], stop: &Stop) -> Result<Vec<u32>, EngineError> {
        let seconds = samples.len() as f64 / RATE_HZ as f64;
        let most = (seconds * TOKENS_PER_SECOND).ceil() as usize + TOKENS_AT_LEAST;
        let hidden = self.encode(samples)?;
        self.decoder.decode(&hidden, most, stop)
    }

    fn encode(&self, samples: &[f32]) -> Result<DynValue, EngineError> {
        let padded;
        let samples = if samples.len() < SHORTEST {
            padded = surrounded(samples, 0, SHORTEST - samples.len(), 1.0);
            &padded
        } else {
            samples
        };
        let input = TensorRef::from_array_view(([1, samples.len()], samples)).map_err(failed)?;
        let mut session = lock(&self.encoder);
        let mut outputs = session.run(ort::inputs!["input_values" => input]).map_err(failed)?;
        outputs.remove("last_hidden_state").ok_or_else(|| failed("the encoder gives no `last_hidden_state`"))
    }

    fn text(&self, tokens: &[u32]) -> Result<String, EngineError> {
        Ok(self.tokenizer.decode(tokens, true).map_err(failed)?.trim().to_owned())
    }

    fn token(&self, id: u32) -> Token {
        let text = self.tokenizer.id_to_token(id).unwrap_or_default().replace('\u{2581}', " ");
        Token { id, text, start_seconds: None }
    }
}

impl Recognise for Moonshine {
    fn card(&self) -> &ModelCard {
        &self.card
    }

    fn name(&self) -> &'static str {
        NAME
    }

    fn longest(&self) -> usize {
        LONGEST
    }

    fn recognise(&self, samples: &[f32], stop: &Stop) -> Result<Transcript, EngineError> {
        let mut heard =
            Transcript { audio_seconds: samples.len() as f64 / RATE_HZ as f64, ..Transcript::default() };
        let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        if peak < SILENCE {
            return Ok(heard);
        }
        let mut tokens = self.attempt(&surrounded(samples, 0, BEHIND, 1.0), stop)?;
        heard.text = self.text(&tokens)?;
        for (front, behind, louder) in RETRIES {
            if heard.text.chars().any(char::is_alphanumeric) {
                break;
            }
            heard.retries += 1;
            let gain = if louder { LOUD / peak } else { 1.0 };
            tokens = self.attempt(&surrounded(samples, front, behind, gain), stop)?;
            heard.text = self.text(&tokens)?;
        }
        if !heard.text.chars().any(char::is_alphanumeric) {
            // Nothing but punctuation is no words.
            heard.text.clear();
            tokens.clear();
        }
        heard.tokens = tokens.into_iter().map(|id| self.token(id)).collect();
        Ok(heard)
    }
}

fn surrounded(samples: &[f32], front: usize, behind: usize, gain: f32) -> Vec<f32> {
    let mut padded = vec![0.0; front];
    padded.extend(samples.iter().map(|sample| sample * gain));
    padded.resize(padded.len() + behind, 0.0);
    padded
}

fn unloadable(reason: impl ToString) -> EngineError {
    EngineError::load(NAME, reason)
}

fn failed(reason: impl ToString) -> EngineError {
    EngineError::run(NAME, reason)
}
