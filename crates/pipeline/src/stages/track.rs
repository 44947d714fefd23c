//! The sound of one answer on its way to the ear: what was sent, what comes, and where its words are. No clock.
use std::{collections::VecDeque, time::Duration};

use voce_core::SpokenWord;

/// Length of what is sent at a time.
pub const FRAME: Duration = Duration::from_millis(20);
/// Sent sound that is kept, so that a word can be said again. Longer words go on in their middle.
const KEPT: Duration = Duration::from_secs(2);
/// Fades when the sound stops and goes on; without them it clicks.
const FADE: Duration = Duration::from_millis(5);

/// Samples and words in play order.
pub struct Track {
    rate_hz: u32,
    /// What was sent last.
    sent: VecDeque<f32>,
    /// What is to be sent.
    coming: VecDeque<f32>,
    /// Position of the first coming sample.
    position: u64,
    /// All samples so far.
    length: u64,
    /// Samples that were sent, said again ones included.
    sounded: u64,
    words: VecDeque<Word>,
    fade_in: bool,
}

struct Word {
    start: u64,
    end: u64,
    text: String,
}

impl Track {
    pub fn new(rate_hz: u32) -> Self {
        Self {
            rate_hz: rate_hz.max(1),
            sent: VecDeque::new(),
            coming: VecDeque::new(),
            position: 0,
            length: 0,
            sounded: 0,
            words: VecDeque::new(),
            fade_in: false,
        }
    }

    pub fn rate_hz(&self) -> u32 {
        self.rate_hz
    }

    pub fn sounded_seconds(&self) -> f64 {
        self.sounded as f64 / f64::from(self.rate_hz)
    }

    /// Adds sound and its words at the end.
    pub fn append(&mut self, samples: &[f32], words: Vec<SpokenWord>) {
        let base = self.length;
        let at = |seconds: f64| base + (seconds * f64::from(self.rate_hz)) as u64;
        let words = words.into_iter().map(|word| Word {
            start: at(word.start_seconds),
            end: at(word.end_seconds),
            text: word.text,
        });
        self.words.extend(words);
        self.coming.extend(samples);
        self.length += samples.len() as u64;
    }

    /// Whether a whole frame is there.
    pub fn frame_is_full(&self) -> bool {
        self.coming.len() >= self.samples_of(FRAME)
    }

    /// Fills the last frame up with silence.
    pub fn pad(&mut self) {
        let frame = self.samples_of(FRAME);
        let rest = self.coming.len() % frame;
        if rest > 0 {
            self.coming.resize(self.coming.len() + frame - rest, 0.0);
        }
    }

    /// The next frame and its position.
    pub fn next_frame(&mut self, gain: f32) -> (u64, Vec<f32>) {
        let count = self.samples_of(FRAME).min(self.coming.len());
        let raw: Vec<f32> = self.coming.drain(..count).collect();
        let at = self.position;
        self.position += raw.len() as u64;
        self.sounded += raw.len() as u64;
        self.sent.extend(&raw);
        let surplus = self.sent.len().saturating_sub(self.samples_of(KEPT));
        self.sent.drain(..surplus);
        let fade = self.samples_of(FADE) as f32;
        let fade_in = std::mem::take(&mut self.fade_in);
        let shaped = raw.into_iter().enumerate().map(|(index, sample)| {
            let rise = if fade_in { (index as f32 / fade).min(1.0) } else { 1.0 };
            sample * gain * rise
        });
        (at, shaped.collect())
    }

    /// A word that was heard to its end since the last call.
    pub fn next_heard(&mut self) -> Option<String> {
        let ended = self.words.front()?.end <= self.position;
        ended.then(|| self.words.pop_front().expect("looked at above").text)
    }

    /// The words left at the end of all sound: their times were rounded up by a sample.
    pub fn last_words(&mut self) -> Option<String> {
        self.words.pop_front().map(|word| word.text)
    }

    /// The end of the sound for now: a frame that fades the next samples out, if anything sounded. The place is kept.
    pub fn fade_out(&mut self) -> Option<(u64, Vec<f32>)> {
        if self.position == 0 {
            return None;
        }
        let (frame, fade) = (self.samples_of(FRAME), self.samples_of(FADE));
        let mut samples: Vec<f32> = self.coming.iter().take(fade).copied().collect();
        let length = samples.len() as f32;
        for (index, sample) in samples.iter_mut().enumerate() {
            *sample *= 1.0 - index as f32 / length;
        }
        samples.resize(frame, 0.0);
        Some((self.position, samples))
    }

    /// After a stop: fades in, and if `anew`, goes back to the beginning of the word at hand, if it was begun and is
    /// still kept.
    pub fn go_on(&mut self, anew: bool) {
        self.fade_in = true;
        if !anew {
            return;
        }
        let Some(word) = self.words.front().filter(|word| word.start < self.position) else { return };
        let back = (self.position - word.start) as usize;
        if back > self.sent.len() {
            return;
        }
        for sample in self.sent.drain(self.sent.len() - back..).rev().collect::<Vec<_>>() {
            self.coming.push_front(sample);
        }
        self.position -= back as u64;
    }

    fn samples_of(&self, time: Duration) -> usize {
        (u128::from(self.rate_hz) * time.as_micros() / 1_000_000) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three words of 300 ms at 1 kHz, each sample telling its position.
    fn track() -> Track {
        let mut track = Track::new(1_000);
        let samples: Vec<f32> = (0..900).map(|position| position as f32).collect();
        let words = ["one", "two", "three"].iter().enumerate().map(|(index, text)| SpokenWord {
            text: (*text).into(),
            start_seconds: 0.3 * index as f64,
            end_seconds: 0.3 * (index + 1) as f64,
        });
        track.append(&samples, words.collect());
        track
    }

    fn play(track: &mut Track, frames: usize) -> Vec<f32> {
        (0..frames).flat_map(|_| track.next_frame(1.0).1).collect()
    }

    #[test]
    fn a_word_counts_as_heard_at_its_end() {
        let mut track = track();
        play(&mut track, 14);
        assert_eq!(track.next_heard(), None);
        play(&mut track, 1);
        assert_eq!(track.next_heard().as_deref(), Some("one"));
        assert_eq!(track.next_heard(), None);
    }

    #[test]
    fn it_goes_on_from_the_beginning_of_the_word_at_hand() {
        let mut track = track();
        play(&mut track, 20);
        assert_eq!(track.next_heard().as_deref(), Some("one"));
        let (at, faded) = track.fade_out().unwrap();
        assert_eq!((at, faded[0], faded[4] < 400.0, faded[5]), (400, 400.0, true, 0.0));
        track.go_on(true);
        let (at, samples) = track.next_frame(1.0);
        assert_eq!(
            (at, samples[0], samples[19]),
            (300, 0.0, 319.0),
            "it fades in from the start of the word"
        );
        let rest = play(&mut track, 29);
        assert_eq!((rest[0], rest.last().copied()), (320.0, Some(899.0)), "nothing is lost");
        assert_eq!(track.next_heard().as_deref(), Some("two"));
        assert_eq!(track.next_heard().as_deref(), Some("three"));
        assert!((track.sounded_seconds() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn after_a_short_stop_it_goes_on_in_the_word() {
        let mut track = track();
        play(&mut track, 20);
        track.go_on(false);
        assert_eq!(track.next_frame(1.0).0, 400);
    }

    #[test]
    fn between_two_words_nothing_is_said_again() {
        let mut track = track();
        play(&mut track, 15);
        track.next_heard();
        track.go_on(true);
        assert_eq!(track.next_frame(1.0).0, 300);
    }

    #[test]
    fn nothing_fades_before_the_first_sample() {
        assert_eq!(track().fade_out(), None);
    }

    #[test]
    fn a_word_longer_than_what_is_kept_goes_on_in_its_middle() {
        let mut track = Track::new(1_000);
        let word = SpokenWord { text: "hmm".into(), start_seconds: 0.0, end_seconds: 4.0 };
        track.append(&vec![0.5; 4_000], vec![word]);
        play(&mut track, 150);
        track.go_on(true);
        assert_eq!(track.next_frame(1.0).0, 3_000);
    }

    #[test]
    fn the_last_frame_is_filled_with_silence() {
        let mut track = Track::new(1_000);
        track.append(&[0.5; 30], vec![]);
        track.pad();
        assert_eq!(play(&mut track, 2)[29..], [0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert!(!track.frame_is_full());
    }
}
