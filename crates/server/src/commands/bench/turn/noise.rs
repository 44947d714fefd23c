//! Sounds that no voice makes, from a seed: rooms, coughs, knocks, echoes; beside the noise of simulated callers. Pure.
use std::f32::consts::TAU;

pub use voce_simulate::{
    Dice,
    noise::{RATE, amplitude, at_level, babble, low_pass, pink, rms, white},
};

/// What a quiet room sounds like: dark, and never digital silence.
pub fn room(length: usize, dice: &mut Dice) -> Vec<f32> {
    let level = amplitude(dice.between(-68.0, -60.0));
    let cutoff = dice.between(600.0, 3_000.0);
    at_level(low_pass(pink(length, dice), cutoff), level)
}

fn high_pass(samples: Vec<f32>, cutoff_hz: f32) -> Vec<f32> {
    let low = low_pass(samples.clone(), cutoff_hz);
    samples.iter().zip(low).map(|(sample, low)| sample - low).collect()
}

/// Noise between the two frequencies, at a peak of about 1.
fn band(seconds: f32, low_hz: f32, high_hz: f32, dice: &mut Dice) -> Vec<f32> {
    let noise = white((seconds * RATE) as usize, dice);
    let band = high_pass(low_pass(low_pass(noise, high_hz), high_hz), low_hz);
    at_level(band, 0.35)
}

/// Rises within `rise_ms`, then falls to a thousandth at its end.
fn burst(mut samples: Vec<f32>, rise_ms: f32) -> Vec<f32> {
    let (length, rise) = (samples.len() as f32, rise_ms * RATE / 1_000.0);
    for (at, sample) in samples.iter_mut().enumerate() {
        let at = at as f32;
        *sample *= (at / rise).min(1.0) * (-6.9 * (at - rise).max(0.0) / length).exp();
    }
    samples
}

fn silence(seconds: f32) -> Vec<f32> {
    vec![0.0; (seconds * RATE) as usize]
}

fn mixed(mut under: Vec<f32>, over: &[f32]) -> Vec<f32> {
    under.resize(under.len().max(over.len()), 0.0);
    under.iter_mut().zip(over).for_each(|(under, over)| *under += over);
    under
}

/// A cough of one or two pushes: a short plosive, then breath whose force decays, with some voice in it.
pub fn cough(dice: &mut Dice) -> Vec<f32> {
    let mut cough = vec![];
    for _ in 0..1 + dice.below(2) {
        let plosive = burst(band(dice.between(0.02, 0.04), 150.0, 2_500.0, dice), 1.0);
        let seconds = dice.between(0.2, 0.35);
        let breath = burst(band(seconds, 400.0, dice.between(2_500.0, 4_500.0), dice), 12.0);
        let voice = burst(rough_voice(seconds * 0.5, dice.between(140.0, 260.0), dice), 8.0);
        cough.extend(plosive);
        cough.extend(mixed(breath, &voice));
        cough.extend(silence(dice.between(0.05, 0.15)));
    }
    cough
}

/// A throat that is cleared: rough, low, twice.
pub fn throat(dice: &mut Dice) -> Vec<f32> {
    let mut sound = vec![];
    for _ in 0..2 {
        let seconds = dice.between(0.15, 0.3);
        let breath = burst(band(seconds, 200.0, 1_800.0, dice), 25.0);
        sound.extend(mixed(breath, &burst(rough_voice(seconds, dice.between(70.0, 110.0), dice), 25.0)));
        sound.extend(silence(dice.between(0.04, 0.1)));
    }
    sound
}

/// A glottis that does not find its rhythm.
fn rough_voice(seconds: f32, pitch_hz: f32, dice: &mut Dice) -> Vec<f32> {
    let mut sound = silence(seconds);
    let mut at = 0.0;
    while (at as usize) < sound.len() {
        sound[at as usize] = dice.between(0.5, 1.0);
        at += RATE / pitch_hz * dice.between(0.75, 1.3);
    }
    at_level(low_pass(low_pass(sound, 900.0), 1_800.0), 0.2)
}

/// Two to four knocks on wood.
pub fn knocks(dice: &mut Dice) -> Vec<f32> {
    let (pitch, mut sound) = (dice.between(120.0, 260.0), vec![]);
    for _ in 0..2 + dice.below(3) {
        let ring =
            (0..(0.09 * RATE) as usize).map(|at| (TAU * pitch * at as f32 / RATE).sin() * 0.7).collect();
        let knock = mixed(burst(ring, 1.5), &burst(band(0.03, 300.0, 3_000.0, dice), 0.5));
        sound.extend(knock);
        sound.extend(silence(dice.between(0.12, 0.25)));
    }
    sound
}

/// Some clicks as of a keyboard or a pen.
pub fn clicks(dice: &mut Dice) -> Vec<f32> {
    let mut sound = vec![];
    for _ in 0..2 + dice.below(5) {
        sound.extend(burst(band(dice.between(0.008, 0.02), 1_500.0, 6_000.0, dice), 0.3));
        sound.extend(silence(dice.between(0.06, 0.25)));
    }
    sound
}

/// What comes back from a loudspeaker: `speech` later, softer, duller and with some of the room.
pub fn echo(speech: &[f32], delay_seconds: f32, decibels: f32, dice: &mut Dice) -> Vec<f32> {
    let tail = (0.25 * RATE) as usize;
    let start = (delay_seconds * RATE) as usize;
    let mut sound = vec![0.0; start + speech.len() + tail];
    let reflections: Vec<(usize, f32)> = (0..24)
        .map(|_| {
            let seconds = dice.between(0.004, 0.25);
            ((seconds * RATE) as usize, dice.between(-0.35, 0.35) * (-seconds / 0.07).exp())
        })
        .chain([(0, 1.0)])
        .collect();
    for (late, share) in reflections {
        for (place, sample) in sound[start + late.min(tail)..].iter_mut().zip(speech) {
            *place += sample * share;
        }
    }
    let gain = amplitude(decibels);
    low_pass(low_pass(sound, 3_000.0), 5_000.0).into_iter().map(|sample| sample * gain).collect()
}
