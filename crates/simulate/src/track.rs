//! Clean speech with known word times, cut open for pauses. The truth about where speech is comes from here, before
//! any noise is added.
use voce_audio::{ResampleError, resample};
use voce_core::{MICROPHONE_RATE_HZ, Speech};

use crate::noise::{RATE, rms};

/// Below this (-50 dBFS, where the voice's own trimming draws the line) a window of clean speech is silent.
const SILENCE: f32 = 0.003_162;
/// The window: 5 ms.
const WINDOW: usize = MICROPHONE_RATE_HZ as usize / 200;
/// Silence inside speech that counts as a pause, seconds: longer than the closure of any consonant.
const SHORTEST_PAUSE: f64 = 0.15;

/// Why a text did not become the sound that was wanted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TrackError {
    /// There is nothing to be heard in it.
    #[error("the voice said nothing")]
    Silent,
    /// A pause after a word that is not there, or after the last.
    #[error("there is no word {word} of {words} to pause before")]
    NoSuchWord {
        /// The word wanted, from 0.
        word: usize,
        /// Words that there are.
        words: usize,
    },
    /// The voice's rate cannot be brought to the microphone's.
    #[error(transparent)]
    Resample(#[from] ResampleError),
}

/// Speech at 16 kHz without any noise.
#[derive(Clone, Debug, Default)]
pub struct Track {
    /// From the first sound to the last.
    pub samples: Vec<f32>,
    /// Start and end of each word, seconds.
    pub words: Vec<(f64, f64)>,
}

impl Track {
    /// `speech` from its first to its last sound.
    pub fn of(speech: &Speech) -> Result<Self, TrackError> {
        let samples = resample(&speech.samples, speech.rate_hz, MICROPHONE_RATE_HZ)?;
        let mut track = Self {
            samples,
            words: speech.words.iter().map(|word| (word.start_seconds, word.end_seconds)).collect(),
        };
        let (start, end) = track.speech().ok_or(TrackError::Silent)?;
        track.samples.truncate(place(end));
        track.samples.drain(..place(start));
        track.words.iter_mut().for_each(|(from, to)| {
            *from = (*from - start).max(0.0);
            *to = (*to - start).max(0.0);
        });
        Ok(track)
    }

    /// Where the first sound begins and the last ends, seconds.
    pub fn speech(&self) -> Option<(f64, f64)> {
        let loud = self.loud();
        let (first, last) = (loud.iter().position(|loud| *loud)?, loud.iter().rposition(|loud| *loud)?);
        let end = ((last + 1) * WINDOW).min(self.samples.len());
        Some((seconds(first * WINDOW), seconds(end)))
    }

    /// Every silence inside the speech that is long enough to be a pause, seconds.
    pub fn pauses(&self) -> Vec<(f64, f64)> {
        let loud = self.loud();
        let mut pauses = vec![];
        let mut last_loud = None;
        for (at, _) in loud.iter().enumerate().filter(|(_, loud)| **loud) {
            if let Some(last) = last_loud.replace(at) {
                pauses.push((seconds((last + 1) * WINDOW), seconds(at * WINDOW)));
            }
        }
        pauses.retain(|(start, end)| end - start >= SHORTEST_PAUSE);
        pauses
    }

    fn loud(&self) -> Vec<bool> {
        self.samples.chunks(WINDOW).map(|window| rms(window) > SILENCE).collect()
    }

    /// Makes the silence before the word number `word` last at least `pause` seconds. `stretch` draws out the end of
    /// the word before, which people do when they stop to think; a voice cut off in full sound would be no one's.
    pub fn pause(&mut self, word: usize, pause: f64, stretch: f64) -> Result<(), TrackError> {
        if word == 0 || word >= self.words.len() {
            return Err(TrackError::NoSuchWord { word, words: self.words.len() });
        }
        let cut = self.quietest(self.words[word - 1].1, self.words[word].0);
        let (from, to) = self.silence_around(cut);
        let (mut before, mut after) = (self.samples[..from].to_vec(), self.samples[to..].to_vec());
        let drawn = from.saturating_sub(place(0.22)).max(place(self.words[word - 1].0).min(from));
        let longer = stretched(&before[drawn..], stretch);
        before.truncate(drawn);
        before.extend(longer);
        // Real voices do not stop within a sample: 40 ms down, 8 ms up.
        let down = if to > from + WINDOW { 0.008 } else { 0.04 };
        fade(&mut before, place(down), false);
        fade(&mut after, place(0.008), true);
        before.resize(before.len() + place(pause).max(to - from), 0.0);
        let shift = seconds(before.len()) - seconds(to);
        self.words[word..].iter_mut().for_each(|(start, end)| {
            *start += shift;
            *end += shift;
        });
        before.extend(after);
        self.samples = before;
        Ok(())
    }

    /// The quietest place between two words, a little beyond their borders.
    fn quietest(&self, end: f64, start: f64) -> usize {
        let from = place((end - 0.05).max(0.0)).min(self.samples.len());
        let to = place(start.max(end) + 0.05).min(self.samples.len());
        let step = WINDOW / 2;
        let level = |at: usize| rms(&self.samples[at..(at + WINDOW).min(self.samples.len())]);
        (from..to).step_by(step).min_by(|a, b| level(*a).total_cmp(&level(*b))).unwrap_or(from) + step
    }

    /// The silent stretch that `cut` lies in, or `cut` itself.
    fn silence_around(&self, cut: usize) -> (usize, usize) {
        let window = cut / WINDOW;
        let loud = self.loud();
        if loud.get(window).copied().unwrap_or(true) {
            return (cut, cut);
        }
        let before = loud[..window].iter().rposition(|loud| *loud).map_or(0, |at| at + 1);
        let after = loud[window..].iter().position(|loud| *loud).map_or(loud.len(), |at| at + window);
        (before * WINDOW, (after * WINDOW).min(self.samples.len()))
    }
}

/// `sound` made `factor` times as long at the same pitch (overlap and add, each piece where it fits best).
fn stretched(sound: &[f32], factor: f64) -> Vec<f32> {
    const PIECE: usize = 480;
    const HOP: usize = PIECE / 2;
    const SEEK: usize = 128;
    if sound.len() < 2 * PIECE || factor <= 1.0 {
        return sound.to_vec();
    }
    let length = (sound.len() as f64 * factor) as usize;
    let mut out = vec![0.0; length + PIECE];
    out[..HOP].copy_from_slice(&sound[..HOP]);
    for (at, sample) in sound[HOP..PIECE].iter().enumerate() {
        out[HOP + at] = sample * (1.0 - at as f32 / HOP as f32);
    }
    let mut natural = HOP;
    let mut to = HOP;
    while to + PIECE <= length {
        let wanted = ((to as f64 / factor) as usize).min(sound.len() - PIECE);
        let target = &sound[natural.min(sound.len() - HOP)..][..HOP];
        let likeness = |from: usize| -> f32 {
            let piece = &sound[from..from + HOP];
            piece.iter().zip(target).map(|(a, b)| a * b).sum::<f32>() / rms(piece).max(1e-4)
        };
        let places = wanted.saturating_sub(SEEK)..=(wanted + SEEK).min(sound.len() - PIECE);
        let from = places.step_by(2).max_by(|a, b| likeness(*a).total_cmp(&likeness(*b))).unwrap_or(wanted);
        for at in 0..PIECE {
            let rising = at as f32 / HOP as f32;
            out[to + at] += sound[from + at] * rising.min(2.0 - rising);
        }
        natural = from + HOP;
        to += HOP;
    }
    out.truncate(to + HOP);
    out
}

fn fade(samples: &mut [f32], length: usize, at_start: bool) {
    let (length, count) = (length.min(samples.len()), samples.len());
    for at in 0..length {
        let gain = at as f32 / length as f32;
        let place = if at_start { at } else { count - 1 - at };
        samples[place] *= gain;
    }
}

fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(MICROPHONE_RATE_HZ)
}

fn place(seconds: f64) -> usize {
    (seconds * f64::from(RATE)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two words of sound that touch each other.
    fn track() -> Track {
        let samples = (0..16_000).map(|at| 0.2 * (at as f32 * 0.06).sin()).collect();
        Track { samples, words: vec![(0.0, 0.5), (0.5, 1.0)] }
    }

    #[test]
    fn a_pause_is_where_it_was_put_and_as_long() {
        let mut track = track();
        track.pause(1, 0.6, 1.5).unwrap();
        let pauses = track.pauses();
        assert_eq!(pauses.len(), 1);
        let (start, end) = pauses[0];
        assert!((end - start - 0.6).abs() < 0.03, "{pauses:?}");
        assert!((track.words[1].0 - end).abs() < 0.07, "{:?} {pauses:?}", track.words);
        let speech = track.speech().unwrap();
        assert!((1.6..1.9).contains(&speech.1), "{speech:?}");
        assert!(track.pause(2, 0.5, 1.0).is_err());
    }

    #[test]
    fn drawn_out_sound_keeps_its_level() {
        let sound: Vec<f32> = (0..4_000).map(|at| 0.2 * (at as f32 * 0.06).sin()).collect();
        let longer = stretched(&sound, 2.0);
        assert!((longer.len() as i64 - 8_000).abs() < 600, "{}", longer.len());
        assert!((rms(&longer[500..7_000]) - rms(&sound)).abs() < 0.02);
        assert_eq!(stretched(&sound[..100], 2.0), sound[..100]);
    }
}
