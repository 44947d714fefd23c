//! Log-mel features as Whisper makes them, of the last 8 seconds, for Smart Turn.
//!
//! The recipe is that of Hugging Face's `WhisperFeatureExtractor(chunk_length=8)` with `do_normalize=True`, as
//! pipecat-ai 1.14 copies it (`smart_turn/_whisper_features.py`).
use crate::mel::{LogMel, MelFilters, Spectrum, hann};

const FFT: usize = 400;
const HOP: usize = 160;
const MELS: usize = 80;
const FRAMES: usize = 800;
/// 8 s at 16 kHz.
const SAMPLES: usize = FRAMES * HOP;
const ENERGY_FLOOR: f32 = 1e-10;
const VARIANCE_GUARD: f64 = 1e-7;
/// What is quieter than the loudest by more than this many bels counts as this quiet.
const RANGE: f32 = 8.0;

/// Makes Smart Turn's features of sound at 16 kHz.
pub struct WhisperMel {
    spectrum: Spectrum,
    filters: MelFilters,
}

impl Default for WhisperMel {
    fn default() -> Self {
        Self::new()
    }
}

impl WhisperMel {
    /// Features of 80 rows.
    pub fn new() -> Self {
        Self { spectrum: Spectrum::new(hann(FFT, true)), filters: MelFilters::new(MELS, FFT / 2 + 1) }
    }

    /// 800 frames of the last 8 seconds of `samples`; shorter sound gets silence in front.
    pub fn features(&self, samples: &[f32]) -> LogMel {
        let (padded, silent) = normalised(&samples[samples.len().saturating_sub(SAMPLES)..]);
        let mut values = vec![0.0; MELS * FRAMES];
        let mut scratch = self.spectrum.scratch();
        // Frames that lie in the silence in front are all the same: the first is computed, the others copied.
        let same = (silent.saturating_sub(FFT / 2) / HOP).clamp(1, FRAMES);
        let mut loudest = f32::MIN;
        for frame in std::iter::once(0).chain(same..FRAMES) {
            self.spectrum.power(&padded[frame * HOP..frame * HOP + FFT], &mut scratch);
            for (mel, energy) in self.filters.energies(&scratch.power).enumerate() {
                let log = energy.max(ENERGY_FLOOR).log10();
                loudest = loudest.max(log);
                values[mel * FRAMES + frame] = log;
            }
        }
        let floor = loudest - RANGE;
        for row in values.chunks_exact_mut(FRAMES) {
            let first = row[0];
            row[..same].fill(first);
            row.iter_mut().for_each(|log| *log = (log.max(floor) + 4.0) / 4.0);
        }
        LogMel { values, mels: MELS, frames: FRAMES, valid_frames: FRAMES }
    }
}

/// `samples` behind silence that fills 8 seconds, brought to mean 0 and variance 1, and mirrored at both ends by
/// half a frame; and how many samples of silence are in front.
fn normalised(samples: &[f32]) -> (Vec<f32>, usize) {
    let silent = SAMPLES - samples.len();
    let mean = samples.iter().map(|sample| f64::from(*sample)).sum::<f64>() / SAMPLES as f64;
    let squares: f64 = samples.iter().map(|sample| (f64::from(*sample) - mean).powi(2)).sum();
    let variance = (squares + mean * mean * silent as f64) / SAMPLES as f64;
    let scale = 1.0 / (variance + VARIANCE_GUARD).sqrt();
    let scaled = |sample: f32| ((f64::from(sample) - mean) * scale) as f32;
    let margin = FFT / 2;
    let mut padded = Vec::with_capacity(SAMPLES + FFT);
    padded.resize(margin + silent, scaled(0.0));
    padded.extend(samples.iter().map(|sample| scaled(*sample)));
    for place in 0..margin {
        padded[place] = padded[2 * margin - place];
        padded.push(padded[margin + SAMPLES - 2 - place]);
    }
    (padded, silent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: u32) -> Vec<f32> {
        (0..length).map(|index| ((index * 7_919) % 1_009) as f32 / 1_009.0 - 0.5).collect()
    }

    #[test]
    fn only_the_last_eight_seconds_count() {
        let mel = WhisperMel::new();
        let (long, short) = (noise(200_000), &noise(200_000)[72_000..]);
        assert_eq!(mel.features(&long), mel.features(short));
    }

    #[test]
    fn silence_in_front_is_computed_once_and_comes_out_as_if_computed_each_time() {
        let mel = WhisperMel::new();
        for length in [0, 1, 100, 5_000, 127_000, 127_900, 127_999] {
            let sound = noise(length);
            let mut whole = vec![0.0; SAMPLES - sound.len()];
            whole.extend(&sound);
            let (short, whole) = (mel.features(&sound), mel.features(&whole));
            assert_eq!(short.values.len(), 64_000);
            let worst =
                short.values.iter().zip(&whole.values).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-6, "{length} samples: off by {worst}");
        }
    }
}
