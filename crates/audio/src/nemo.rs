//! Log-mel features as NeMo makes them, for Parakeet.
//!
//! The recipe and its order of operations are those of onnx-asr 0.12 (`NemoPreprocessorNumpy`), which copies
//! NeMo's `AudioToMelSpectrogramPreprocessor`: sums run over the frames in `f32`, one after the other, so that
//! silence, where all variance is rounding, comes out the same too.
use crate::mel::{LogMel, MelFilters, Spectrum, hann};

const FFT: usize = 512;
const WINDOW: usize = 400;
const HOP: usize = 160;
const PRE_EMPHASIS: f32 = 0.97;
/// Added to energies before the logarithm: 2 to the power of -24.
const LOG_GUARD: f32 = 5.960_464_5e-8;
/// Added to the deviation before the division.
const DEVIATION_GUARD: f32 = 1e-5;

/// Makes NeMo's features of sound at 16 kHz.
pub struct NemoMel {
    spectrum: Spectrum,
    filters: MelFilters,
}

impl NemoMel {
    /// Features of `mels` rows; NeMo's models have 80 or 128.
    pub fn new(mels: usize) -> Self {
        let margin = (FFT - WINDOW) / 2;
        let mut window = vec![0.0; FFT];
        window[margin..margin + WINDOW].copy_from_slice(&hann(WINDOW, false));
        Self { spectrum: Spectrum::new(window), filters: MelFilters::new(mels, FFT / 2 + 1) }
    }

    /// `len / 160 + 1` frames, of which `len / 160` are valid, normalised over them for each mel on its own.
    pub fn features(&self, samples: &[f32]) -> LogMel {
        let (frames, valid_frames) = (samples.len() / HOP + 1, samples.len() / HOP);
        let padded = emphasised(samples);
        let mels = self.filters.len();
        let mut scratch = self.spectrum.scratch();
        // Frame after frame while computing; turned into rows at the end.
        let mut logs = Vec::with_capacity(valid_frames * mels);
        for frame in 0..valid_frames {
            self.spectrum.power(&padded[frame * HOP..frame * HOP + FFT], &mut scratch);
            logs.extend(self.filters.energies(&scratch.power).map(|energy| (energy + LOG_GUARD).ln()));
        }
        let (means, deviations) = statistics(&logs, mels, valid_frames);
        let mut values = vec![0.0; mels * frames];
        for (frame, logs) in logs.chunks_exact(mels).enumerate() {
            for (mel, log) in logs.iter().enumerate() {
                values[mel * frames + frame] = (log - means[mel]) / deviations[mel];
            }
        }
        LogMel { values, mels, frames, valid_frames }
    }
}

/// The sound with its high tones raised, between half a frame of silence on each side.
fn emphasised(samples: &[f32]) -> Vec<f32> {
    let mut padded = vec![0.0; samples.len() + FFT];
    let mut before = 0.0;
    for (place, sample) in padded[FFT / 2..].iter_mut().zip(samples) {
        *place = sample - PRE_EMPHASIS * before;
        before = *sample;
    }
    padded
}

/// Mean and guarded deviation (of a sample: over `n - 1`) of each mel.
fn statistics(logs: &[f32], mels: usize, frames: usize) -> (Vec<f32>, Vec<f32>) {
    let mut means = vec![0.0; mels];
    for logs in logs.chunks_exact(mels) {
        means.iter_mut().zip(logs).for_each(|(sum, log)| *sum += log);
    }
    means.iter_mut().for_each(|sum| *sum /= frames as f32);
    let mut deviations = vec![0.0; mels];
    for logs in logs.chunks_exact(mels) {
        for ((sum, log), mean) in deviations.iter_mut().zip(logs).zip(&means) {
            *sum += (log - mean) * (log - mean);
        }
    }
    deviations.iter_mut().for_each(|sum| *sum = (*sum / (frames as f32 - 1.0)).sqrt() + DEVIATION_GUARD);
    (means, deviations)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mel_is_normalised_over_the_valid_frames() {
        let noise: Vec<f32> =
            (0..16_077_u32).map(|index| ((index * index) % 251) as f32 / 500.0 - 0.25).collect();
        let features = NemoMel::new(128).features(&noise);
        assert_eq!((features.mels, features.frames, features.valid_frames), (128, 101, 100));
        for row in features.values.chunks_exact(features.frames) {
            let mean: f32 = row[..100].iter().sum::<f32>() / 100.0;
            let variance: f32 = row[..100].iter().map(|value| (value - mean).powi(2)).sum::<f32>() / 99.0;
            assert!(mean.abs() < 1e-4 && (variance - 1.0).abs() < 1e-2, "{mean} {variance}");
            assert_eq!(row[100], 0.0);
        }
    }

    #[test]
    fn sound_shorter_than_a_frame_has_no_valid_frame() {
        for length in [0, 1, 159] {
            let features = NemoMel::new(80).features(&vec![0.5; length]);
            assert_eq!((features.frames, features.valid_frames), (1, 0));
            assert!(features.values.iter().all(|value| *value == 0.0));
        }
    }
}
