//! The caller's sound, kept from a little before it was noticed.
use std::{sync::Arc, time::Duration};

use voce_core::{AudioFrame, MICROPHONE_RATE_HZ, MediaTime};

/// The last moments of a microphone, or all of an utterance.
pub struct Utterance {
    samples: Vec<f32>,
    /// Position of the first sample, counted in samples.
    start: u64,
    /// From where on everything is kept.
    kept_from: Option<u64>,
    /// Kept while nobody speaks, samples.
    before: usize,
    /// Kept at most, samples: a turn that may last no longer ends before it grows so far.
    most: usize,
}

impl Utterance {
    /// Keeps `before` of what precedes an utterance, and `longest` of it at most.
    pub fn new(before: Duration, longest: Duration) -> Self {
        let before = samples(before) as usize;
        // What precedes it, and the seconds it takes until its beginning is known and its end is decided.
        let most = before + samples(longest) as usize + 10 * MICROPHONE_RATE_HZ as usize;
        Self { samples: vec![], start: 0, kept_from: None, before, most }
    }

    /// Adds a frame of the microphone.
    pub fn push(&mut self, frame: &AudioFrame) {
        if self.samples.is_empty() {
            self.start = samples(frame.at.0);
        }
        self.samples.extend_from_slice(&frame.samples);
        // Trimmed a second at a time: moving the rest for every frame would cost more than keeping it.
        let (limit, slack) = match self.kept_from {
            None => (self.history(), MICROPHONE_RATE_HZ as usize),
            Some(_) => (self.most, 0),
        };
        if self.samples.len() > limit + slack {
            self.trim(self.samples.len() - limit);
        }
    }

    /// Keeps everything from a little before `began`.
    pub fn keep(&mut self, began: MediaTime) {
        let from = samples(began.0).saturating_sub(self.before as u64).max(self.start);
        self.kept_from = Some(from);
        self.trim((from - self.start) as usize);
    }

    /// Keeps no more than the last moments.
    pub fn forget(&mut self) {
        self.kept_from = None;
        self.trim(self.samples.len().saturating_sub(self.history()));
        // An utterance may have been long; its memory is given back.
        self.samples.shrink_to(2 * self.history());
    }

    /// All that is kept.
    pub fn sound(&self) -> Arc<[f32]> {
        self.samples.as_slice().into()
    }

    /// Speech is noticed late: by then its beginning lies up to a second back, and what precedes it before that.
    fn history(&self) -> usize {
        self.before + MICROPHONE_RATE_HZ as usize
    }

    fn trim(&mut self, count: usize) {
        let count = count.min(self.samples.len());
        self.samples.drain(..count);
        self.start += count as u64;
    }
}

fn samples(time: Duration) -> u64 {
    (time.as_nanos() * u128::from(MICROPHONE_RATE_HZ) / 1_000_000_000) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(utterance: &mut Utterance, frames: std::ops::Range<u64>) {
        for index in frames {
            let at = MediaTime(Duration::from_millis(20 * index));
            let samples = vec![index as f32; 320];
            utterance.push(&AudioFrame { at, rate_hz: MICROPHONE_RATE_HZ, samples });
        }
    }

    fn utterance() -> Utterance {
        Utterance::new(Duration::from_millis(100), Duration::from_secs(2))
    }

    #[test]
    fn a_little_of_what_came_before_is_kept_with_it() {
        let mut utterance = utterance();
        push(&mut utterance, 0..200);
        utterance.keep(MediaTime(Duration::from_millis(3_900)));
        push(&mut utterance, 200..210);
        let sound = utterance.sound();
        assert_eq!((sound[0], sound.len()), (190.0, 20 * 320), "from 3.8 s to 4.2 s");
    }

    #[test]
    fn it_is_bounded_in_silence_and_in_speech() {
        let mut utterance = utterance();
        push(&mut utterance, 0..5_000);
        assert!(utterance.sound().len() <= 16_000 * 21 / 10);
        utterance.keep(MediaTime(Duration::from_secs(100)));
        push(&mut utterance, 5_000..10_000);
        assert_eq!(utterance.sound().len(), 1_600 + 16_000 * 12);
        utterance.forget();
        assert_eq!(utterance.sound().len(), 1_600 + 16_000);
    }

    #[test]
    fn what_is_kept_twice_is_kept_from_the_later_beginning() {
        let mut utterance = utterance();
        push(&mut utterance, 0..50);
        utterance.keep(MediaTime(Duration::from_millis(200)));
        push(&mut utterance, 50..100);
        utterance.keep(MediaTime(Duration::from_millis(1_500)));
        assert_eq!(utterance.sound()[0], 70.0);
    }
}
