//! Mel filters and power spectra: what the log-mel features of all models are made of.
use std::sync::Arc;

use realfft::{RealFftPlanner, RealToComplex, num_complex::Complex};

/// The rate of all sound that becomes features, samples per second.
const RATE_HZ: f64 = 16_000.0;

/// Log-mel features: one row a mel filter, one column a frame of 10 ms.
#[derive(Clone, Debug, PartialEq)]
pub struct LogMel {
    /// `mels * frames` values, row after row.
    pub values: Vec<f32>,
    /// Rows.
    pub mels: usize,
    /// Columns.
    pub frames: usize,
    /// Columns that hold sound; those after them are zero.
    pub valid_frames: usize,
}

/// Power spectra of windowed frames. Computed in `f64`: the quiet bins beside loud ones decide the
/// normalisation of features, and `f32` would leave its own noise in them.
pub(crate) struct Spectrum {
    fft: Arc<dyn RealToComplex<f64>>,
    window: Vec<f64>,
}

/// What one thread needs to compute spectra.
pub(crate) struct Scratch {
    frame: Vec<f64>,
    bins: Vec<Complex<f64>>,
    fft: Vec<Complex<f64>>,
    /// The last power spectrum, `window / 2 + 1` bins.
    pub(crate) power: Vec<f32>,
}

impl Spectrum {
    /// Spectra of frames as long as `window`.
    pub(crate) fn new(window: Vec<f64>) -> Self {
        Self { fft: RealFftPlanner::new().plan_fft_forward(window.len()), window }
    }

    pub(crate) fn scratch(&self) -> Scratch {
        Scratch {
            frame: self.fft.make_input_vec(),
            bins: self.fft.make_output_vec(),
            fft: self.fft.make_scratch_vec(),
            power: vec![0.0; self.window.len() / 2 + 1],
        }
    }

    /// Leaves the power spectrum of `frame`, as long as the window, in `scratch.power`.
    pub(crate) fn power(&self, frame: &[f32], scratch: &mut Scratch) {
        for ((place, sample), weight) in scratch.frame.iter_mut().zip(frame).zip(&self.window) {
            *place = f64::from(*sample) * weight;
        }
        self.fft
            .process_with_scratch(&mut scratch.frame, &mut scratch.bins, &mut scratch.fft)
            .expect("the buffers were made by the same transform");
        for (power, bin) in scratch.power.iter_mut().zip(&scratch.bins) {
            *power = bin.norm_sqr() as f32;
        }
    }
}

/// Triangular filters, evenly spaced on Slaney's mel scale and of equal area, as librosa makes them
/// (`librosa.filters.mel` with its defaults). Only the bins under each triangle are kept.
pub(crate) struct MelFilters {
    filters: Vec<Filter>,
}

struct Filter {
    first_bin: usize,
    weights: Vec<f32>,
}

impl MelFilters {
    /// `mels` filters over spectra of `bins` bins from 0 to 8 kHz.
    pub(crate) fn new(mels: usize, bins: usize) -> Self {
        let top = to_mel(RATE_HZ / 2.0);
        let corners: Vec<f64> =
            (0..mels + 2).map(|index| to_hertz(top * index as f64 / (mels + 1) as f64)).collect();
        let hertz_per_bin = RATE_HZ / 2.0 / (bins - 1) as f64;
        Self {
            filters: corners.windows(3).map(|corners| Filter::new(corners, bins, hertz_per_bin)).collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.filters.len()
    }

    /// The energy of `power` under each filter, lowest first.
    pub(crate) fn energies(&self, power: &[f32]) -> impl Iterator<Item = f32> {
        self.filters.iter().map(|filter| {
            let bins = &power[filter.first_bin..filter.first_bin + filter.weights.len()];
            bins.iter().zip(&filter.weights).map(|(power, weight)| power * weight).sum()
        })
    }
}

impl Filter {
    fn new(corners: &[f64], bins: usize, hertz_per_bin: f64) -> Self {
        let (low, middle, high) = (corners[0], corners[1], corners[2]);
        let weight = |bin: usize| {
            let hertz = bin as f64 * hertz_per_bin;
            let slope = ((hertz - low) / (middle - low)).min((high - hertz) / (high - middle));
            (slope.max(0.0) * 2.0 / (high - low)) as f32
        };
        let first_bin = (0..bins).find(|bin| weight(*bin) > 0.0).unwrap_or(0);
        Self {
            first_bin,
            weights: (first_bin..bins).map(weight).take_while(|weight| *weight > 0.0).collect(),
        }
    }
}

/// Slaney's scale: linear below 1 kHz, logarithmic above.
fn to_mel(hertz: f64) -> f64 {
    if hertz < 1_000.0 { hertz * 3.0 / 200.0 } else { 15.0 + (hertz / 1_000.0).ln() * 27.0 / 6.4_f64.ln() }
}

fn to_hertz(mel: f64) -> f64 {
    if mel < 15.0 { mel * 200.0 / 3.0 } else { 1_000.0 * ((mel - 15.0) * 6.4_f64.ln() / 27.0).exp() }
}

/// A Hann window of `length` that returns to zero only one sample after its end (`periodic`), or at its end.
pub(crate) fn hann(length: usize, periodic: bool) -> Vec<f64> {
    let turn = if periodic { length } else { length - 1 } as f64;
    (0..length).map(|index| 0.5 - 0.5 * (std::f64::consts::TAU * index as f64 / turn).cos()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_goes_there_and_back() {
        for hertz in [0.0, 440.0, 1_000.0, 3_999.5, 8_000.0] {
            assert!((to_hertz(to_mel(hertz)) - hertz).abs() < 1e-9);
        }
    }

    #[test]
    fn every_filter_hears_something_and_a_tone_is_heard_by_its_own() {
        for (mels, bins) in [(80, 201), (80, 257), (128, 257)] {
            let filters = MelFilters::new(mels, bins);
            assert_eq!(filters.len(), mels);
            assert!(filters.energies(&vec![1.0; bins]).all(|energy| energy > 0.0), "{mels} of {bins}");
        }
        let mut power = vec![0.0; 257];
        power[32] = 1.0;
        let energies: Vec<f32> = MelFilters::new(80, 257).energies(&power).collect();
        let loudest =
            energies.iter().position(|energy| *energy == energies.iter().copied().fold(0.0, f32::max));
        assert_eq!(loudest, Some(26), "1 kHz is mel 15 of 45.2");
    }

    #[test]
    fn the_spectrum_of_a_tone_has_its_energy_at_the_tone() {
        let spectrum = Spectrum::new(hann(400, true));
        let mut scratch = spectrum.scratch();
        let tone: Vec<f32> =
            (0..400).map(|index| (std::f64::consts::TAU * index as f64 * 0.1).cos() as f32).collect();
        spectrum.power(&tone, &mut scratch);
        assert!((scratch.power[40] - 10_000.0).abs() < 0.1, "{}", scratch.power[40]);
        assert!(scratch.power[60] < 1e-6);
    }
}
