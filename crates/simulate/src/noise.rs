//! Noise of several colours, from a seed, and loudness. Pure.
use std::f32::consts::TAU;

use voce_core::MICROPHONE_RATE_HZ;

use crate::Dice;

/// Samples per second of all sound here.
pub const RATE: f32 = MICROPHONE_RATE_HZ as f32;

/// The loudness of `samples`, an amplitude.
pub fn rms(samples: &[f32]) -> f32 {
    (samples.iter().map(|sample| sample * sample).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}

/// An amplitude from decibels.
pub fn amplitude(decibels: f32) -> f32 {
    10_f32.powf(decibels / 20.0)
}

/// `samples` brought to the loudness `level` (an amplitude).
pub fn at_level(mut samples: Vec<f32>, level: f32) -> Vec<f32> {
    let gain = level / rms(&samples).max(1e-9);
    samples.iter_mut().for_each(|sample| *sample *= gain);
    samples
}

/// `length` samples of white noise.
pub fn white(length: usize, dice: &mut Dice) -> Vec<f32> {
    (0..length).map(|_| dice.between(-1.0, 1.0)).collect()
}

/// Pink noise: 3 dB less each octave (Paul Kellet's filter).
pub fn pink(length: usize, dice: &mut Dice) -> Vec<f32> {
    let mut kept = [0.0_f32; 3];
    let filter = |white: f32| {
        kept[0] = 0.997_65 * kept[0] + white * 0.099_046;
        kept[1] = 0.963 * kept[1] + white * 0.296_516_4;
        kept[2] = 0.57 * kept[2] + white * 1.052_691_3;
        kept.iter().sum::<f32>() + white * 0.184_8
    };
    white(length, dice).into_iter().map(filter).collect()
}

/// One pole: 6 dB less each octave above `cutoff_hz`.
pub fn low_pass(mut samples: Vec<f32>, cutoff_hz: f32) -> Vec<f32> {
    let share = 1.0 - (-TAU * cutoff_hz / RATE).exp();
    let mut kept = 0.0;
    for sample in &mut samples {
        kept += share * (*sample - kept);
        *sample = kept;
    }
    samples
}

/// Many voices at once, from at least one: `length` samples of `voices`, each repeated.
pub fn babble(length: usize, voices: &[&[f32]], dice: &mut Dice) -> Vec<f32> {
    let mut mix = vec![0.0; length];
    for voice in voices.iter().filter(|voice| !voice.is_empty()) {
        let start = dice.below(voice.len());
        let level = dice.between(0.6, 1.0);
        for (place, sample) in mix.iter_mut().zip(voice.iter().cycle().skip(start)) {
            *place += sample * level;
        }
    }
    mix
}
