//! Sample arithmetic: resampling, WAV files, spectra. Knows nothing of calls or models.
mod mel;
mod nemo;
mod resample;
mod wav;
mod whisper;

pub use mel::LogMel;
pub use nemo::NemoMel;
pub use resample::{ResampleError, StreamResampler, resample};
pub use wav::{WavError, parse_wav, read_wav, wav_bytes, write_wav};
pub use whisper::WhisperMel;
