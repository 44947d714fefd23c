//! Silero VAD: the probability of speech in each 32 ms of a call.
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use ort::{
    session::Session,
    value::{DynValue, Tensor},
};
use voce_core::{AudioFrame, EngineError, MICROPHONE_RATE_HZ, VoiceActivity};
use voce_models::Runtime;

pub(crate) const NAME: &str = "silero";
/// New samples the model takes at a time.
const CHUNK: usize = 512;
/// Samples of the chunk before that it takes again; without them it hears nothing.
const CONTEXT: usize = 64;
/// Size of the recurrent state.
const STATE: [usize; 3] = [2, 1, 128];
/// Music and long noise leave a state in which the model misses the speech that follows, so it is cleared every 2 s
/// of sound, in a moment that is clearly no speech: 8 chunks, a quarter of a second, below 0.1. The cure and its
/// figures are pipecat's (`audio/vad/silero.py`), the pause a little longer, as we don't know here who has the floor.
const RESET_CHUNKS: u32 = 2 * MICROPHONE_RATE_HZ / CHUNK as u32;
const QUIET_CHUNKS: u32 = 8;
const QUIET: f32 = 0.1;

/// A voice detector for one call.
///
/// All detectors share one session: a run takes 0.1 ms of every 32 ms, while a session of its own would cost each
/// call 10 MB and 50 ms at its start.
pub struct Silero {
    session: Arc<Mutex<Session>>,
    rate: Tensor<i64>,
    /// Context and chunk; the first `filled` samples are there.
    window: Tensor<f32>,
    filled: usize,
    state: DynValue,
    probability: f32,
    chunks_since_reset: u32,
    quiet_chunks: u32,
}

impl Silero {
    /// Loads the graph at `path`.
    pub fn load(path: &Path, runtime: &Runtime) -> Result<Self, EngineError> {
        let (session, _) = runtime.session(path, 1).map_err(|error| EngineError::load(NAME, error))?;
        let load = |error: EngineError| EngineError::load(NAME, error);
        let mut warm = Self::with(Arc::new(Mutex::new(session))).map_err(load)?;
        warm.listen(&[0.0; CHUNK]).map_err(load)?;
        warm.for_new_call().map_err(load)
    }

    /// A detector that has heard nothing yet, on the same session.
    pub fn for_new_call(&self) -> Result<Self, EngineError> {
        Self::with(self.session.clone())
    }

    fn with(session: Arc<Mutex<Session>>) -> Result<Self, EngineError> {
        Ok(Self {
            session,
            rate: Tensor::from_array(([1_usize; 0], vec![i64::from(MICROPHONE_RATE_HZ)])).map_err(failed)?,
            window: Tensor::from_array(([1, CONTEXT + CHUNK], vec![0.0; CONTEXT + CHUNK])).map_err(failed)?,
            filled: CONTEXT,
            state: no_state()?,
            probability: 0.0,
            chunks_since_reset: 0,
            quiet_chunks: 0,
        })
    }

    /// Takes the next samples (16 kHz), however many, and returns the probability of speech in the last whole chunk.
    pub fn listen(&mut self, samples: &[f32]) -> Result<f32, EngineError> {
        let mut rest = samples;
        while !rest.is_empty() {
            let room = CONTEXT + CHUNK - self.filled;
            let (now, later) = rest.split_at(room.min(rest.len()));
            let places = &mut self.window.extract_tensor_mut().1[self.filled..];
            for (place, sample) in places.iter_mut().zip(now) {
                // One broken sample would stay in the recurrent state for ever.
                *place = if sample.is_finite() { *sample } else { 0.0 };
            }
            self.filled += now.len();
            rest = later;
            if self.filled == CONTEXT + CHUNK {
                self.run()?;
            }
        }
        Ok(self.probability)
    }

    fn run(&mut self) -> Result<(), EngineError> {
        {
            let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
            let inputs = ort::inputs!["input" => &self.window, "state" => &self.state, "sr" => &self.rate];
            let mut outputs = session.run(inputs).map_err(failed)?;
            let probability = outputs.get("output").ok_or_else(|| failed("the graph gives no `output`"))?;
            self.probability = probability.try_extract_tensor::<f32>().map_err(failed)?.1[0];
            self.state = outputs.remove("stateN").ok_or_else(|| failed("the graph gives no `stateN`"))?;
        }
        self.window.extract_tensor_mut().1.copy_within(CHUNK.., 0);
        self.filled = CONTEXT;
        self.chunks_since_reset += 1;
        self.quiet_chunks = if self.probability < QUIET { self.quiet_chunks + 1 } else { 0 };
        if self.chunks_since_reset >= RESET_CHUNKS && self.quiet_chunks >= QUIET_CHUNKS {
            self.state = no_state()?;
            self.window.extract_tensor_mut().1[..CONTEXT].fill(0.0);
            self.chunks_since_reset = 0;
        }
        Ok(())
    }
}

impl VoiceActivity for Silero {
    fn speech_probability(&mut self, frame: &AudioFrame) -> Result<f32, EngineError> {
        if frame.rate_hz != MICROPHONE_RATE_HZ {
            let reason = format!("sound at {} Hz, expected {MICROPHONE_RATE_HZ} Hz", frame.rate_hz);
            return Err(EngineError::run(NAME, reason));
        }
        self.listen(&frame.samples)
    }
}

fn no_state() -> Result<DynValue, EngineError> {
    let zeros = vec![0.0_f32; STATE.iter().product()];
    Ok(Tensor::from_array((STATE, zeros)).map_err(failed)?.into_dyn())
}

fn failed(reason: impl ToString) -> EngineError {
    EngineError::run(NAME, reason)
}
