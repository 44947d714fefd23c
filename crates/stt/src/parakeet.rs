//! Parakeet TDT: a FastConformer encoder and a token-and-duration transducer, decoded as onnx-asr 0.12 does.
mod decoder;
mod files;

use std::sync::Mutex;

use ort::{session::Session, value::TensorRef};
use voce_audio::NemoMel;
use voce_core::{EngineError, ModelCard, Token, Transcript, lock};
use voce_models::Runtime;

use crate::{
    choice::Choice,
    recognizer::{Recognise, Stop},
    vocabulary::{Vocabulary, joined},
};
use decoder::Decoder;
use files::Files;
pub(crate) use files::VOCABULARY;

pub(crate) const NAME: &str = "parakeet";
/// Length of a column of features, seconds.
const COLUMN_SECONDS: f64 = 0.01;
/// The encoder's attention grows with the square of the sound's length; 4 minutes take about 1 GB.
const LONGEST: usize = 240 * 16_000;

/// The loaded model.
pub(crate) struct Parakeet {
    card: ModelCard,
    mel: NemoMel,
    encoder: Mutex<Session>,
    decoder: Decoder,
    vocabulary: Vocabulary,
    seconds_per_frame: f64,
}

impl Parakeet {
    pub(crate) fn load(
        choice: &Choice,
        quantization: Option<&str>,
        threads: usize,
        runtime: &Runtime,
    ) -> Result<Self, EngineError> {
        let files = Files::find(&choice.dir, quantization).map_err(unloadable)?;
        let settings = files.settings().map_err(unloadable)?;
        let vocabulary = Vocabulary::read(&files.vocabulary).map_err(unloadable)?;
        let (encoder, device) = runtime.session(&files.encoder, threads).map_err(unloadable)?;
        check_mels(&encoder, settings.features_size)
            .map_err(|reason| unloadable(format!("{}: {reason}", files.encoder.display())))?;
        let (joint, _) = runtime.session(&files.decoder_joint, threads).map_err(unloadable)?;
        let decoder = Decoder::new(joint, &vocabulary, settings.max_tokens_per_step)
            .map_err(|reason| unloadable(format!("{}: {reason}", files.decoder_joint.display())))?;
        let model = Self {
            card: ModelCard { provider: "onnxruntime".into(), name: choice.name.clone(), device },
            mel: NemoMel::new(settings.features_size),
            encoder: Mutex::new(encoder),
            decoder,
            vocabulary,
            seconds_per_frame: COLUMN_SECONDS * settings.subsampling_factor as f64,
        };
        // The first run allocates; a rustle makes the decoder run too.
        let rustle: Vec<f32> = (0..16_000_u32).map(|index| (index * index % 251) as f32 / 2_510.0).collect();
        model.recognise(&rustle, &Stop::default()).map_err(unloadable)?;
        Ok(model)
    }

    /// The encoder's output, frame after frame, and how many values each has.
    fn encode(&self, samples: &[f32]) -> Result<(Vec<f32>, usize), EngineError> {
        let features = self.mel.features(samples);
        let shape = [1, features.mels, features.frames];
        let signal = TensorRef::from_array_view((shape, features.values.as_slice())).map_err(failed)?;
        let length = [features.valid_frames as i64];
        let length = TensorRef::from_array_view(([1], &length[..])).map_err(failed)?;
        let mut session = lock(&self.encoder);
        let outputs =
            session.run(ort::inputs!["audio_signal" => signal, "length" => length]).map_err(failed)?;
        let missing = || failed("the encoder gives no `outputs` and `encoded_lengths`");
        let (shape, values) =
            outputs.get("outputs").ok_or_else(missing)?.try_extract_tensor::<f32>().map_err(failed)?;
        let lengths = outputs.get("encoded_lengths").ok_or_else(missing)?;
        let valid = lengths.try_extract_tensor::<i64>().map_err(failed)?.1.first().copied().unwrap_or(0);
        let [1, width, frames] = shape[..] else {
            return Err(failed(format!(
                "the encoder's output has the shape {shape}, expected [1, width, frames]"
            )));
        };
        let (width, frames) = (width as usize, frames as usize);
        let valid = usize::try_from(valid).unwrap_or(0).min(frames);
        let mut columns = Vec::with_capacity(valid * width);
        for frame in 0..valid {
            columns.extend((0..width).map(|row| values[row * frames + frame]));
        }
        Ok((columns, width))
    }
}

impl Recognise for Parakeet {
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
        // A single column of features has no variance to be normalised by; onnx-asr makes ten `<unk>` of it.
        if samples.len() < 320 {
            return Ok(Transcript::default());
        }
        let (columns, width) = self.encode(samples)?;
        stop.check(NAME)?;
        let found = self.decoder.decode(&columns, width, stop)?;
        let text = |id: u32| self.vocabulary.text(id).unwrap_or_default();
        let tokens = found
            .iter()
            .map(|(id, frame)| Token {
                id: *id,
                text: text(*id).into(),
                start_seconds: Some(self.seconds_per_frame * *frame as f64),
            })
            .collect();
        Ok(Transcript {
            text: joined(found.iter().map(|(id, _)| text(*id))),
            tokens,
            audio_seconds: samples.len() as f64 / 16_000.0,
            ..Transcript::default()
        })
    }
}

/// The graph states how many mels it takes; the settings are easily forgotten, and then wrong.
fn check_mels(encoder: &Session, mels: usize) -> Result<(), String> {
    let signal = encoder.inputs().iter().find(|input| input.name() == "audio_signal");
    let shape = signal.and_then(|input| input.dtype().tensor_shape());
    let shape = shape.ok_or("it has no input `audio_signal`, so it is no encoder of NeMo's")?;
    match shape[..] {
        [_, given, _] if given < 0 || given == mels as i64 => Ok(()),
        [_, given, _] => Err(format!(
            "it takes {given} features, but config.json says {mels} (80 where it says nothing); set \
             \"features_size\" to {given}"
        )),
        _ => Err(format!("`audio_signal` has the shape {shape}, expected [batch, features, frames]")),
    }
}

fn unloadable(reason: impl ToString) -> EngineError {
    EngineError::load(NAME, reason)
}

fn failed(reason: impl ToString) -> EngineError {
    EngineError::run(NAME, reason)
}
