//! The sound of one side of a call on the call's clock: runs of samples with silence between them. Pure.
use std::{collections::VecDeque, time::Duration};

/// A frame that comes this near to the end of the last one follows it without a seam: frames are sent in time but
/// arrive as the machine and the network let them.
const SEAM: Duration = Duration::from_millis(120);
/// A run is this long at most, so that old sound can go piece by piece.
const LONGEST_RUN: Duration = Duration::from_secs(1);

/// Samples without a gap.
#[derive(Clone, Debug, Default)]
struct Run {
    start: Duration,
    samples: Vec<i16>,
}

/// What was heard on one side, oldest first. 16 bits a sample: half the memory, and what a WAV file holds.
#[derive(Clone, Debug, Default)]
pub struct Track {
    rate_hz: u32,
    runs: VecDeque<Run>,
}

/// One side of one turn: samples from the turn's beginning to its end, silence included.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sound {
    /// Samples per second; 0 if nothing was recorded.
    pub rate_hz: u32,
    /// Mono.
    pub samples: Vec<i16>,
}

impl Track {
    /// Adds a frame that began at `start`. Returns when it begins here, if it does not follow the one before.
    pub fn push(&mut self, start: Duration, samples: &[f32], rate_hz: u32) -> Option<Duration> {
        if self.rate_hz != rate_hz {
            // A voice of another rate begins anew.
            *self = Self { rate_hz, runs: VecDeque::new() };
        }
        let end = self.end();
        let follows = end.is_some_and(|end| start.abs_diff(end) <= SEAM);
        let start = end.filter(|_| follows).unwrap_or(start);
        let is_full = |run: &Run| length(run.samples.len(), rate_hz) >= LONGEST_RUN;
        if !follows || self.runs.back().is_none_or(is_full) {
            self.runs.push_back(Run { start, samples: Vec::with_capacity(rate_hz as usize) });
        }
        let run = self.runs.back_mut().expect("there is one by now");
        run.samples.extend(samples.iter().map(|sample| (sample.clamp(-1.0, 1.0) * 32_767.0) as i16));
        (!follows).then_some(start)
    }

    /// Forgets what ended before `time`.
    pub fn forget_before(&mut self, time: Duration) {
        let rate_hz = self.rate_hz;
        while self.runs.front().is_some_and(|run| run.start + length(run.samples.len(), rate_hz) < time) {
            self.runs.pop_front();
        }
    }

    /// The sound from `start` to `end`, silence where there was none.
    pub fn cut(&self, start: Duration, end: Duration) -> Sound {
        if self.rate_hz == 0 {
            return Sound::default();
        }
        let index = |time: Duration| (time.as_secs_f64() * f64::from(self.rate_hz)).round() as usize;
        let first = index(start);
        let mut samples = vec![0; index(end).saturating_sub(first)];
        for run in &self.runs {
            let at = index(run.start);
            let skipped = first.saturating_sub(at).min(run.samples.len());
            let to = at.saturating_sub(first).min(samples.len());
            let count = (run.samples.len() - skipped).min(samples.len() - to);
            samples[to..to + count].copy_from_slice(&run.samples[skipped..skipped + count]);
        }
        Sound { rate_hz: self.rate_hz, samples }
    }

    /// When the last sample ends.
    pub fn end(&self) -> Option<Duration> {
        self.runs.back().map(|run| run.start + length(run.samples.len(), self.rate_hz))
    }
}

impl Sound {
    /// Loudness, 0 to 255, as the largest sample of each of `per_second` parts of a second.
    pub fn peaks(&self, per_second: u32) -> Vec<u8> {
        if self.rate_hz == 0 {
            return vec![];
        }
        let part = (self.rate_hz / per_second).max(1) as usize;
        let loudest = |samples: &[i16]| samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(0);
        self.samples.chunks(part).map(|samples| (loudest(samples) >> 7).min(255) as u8).collect()
    }

    /// The first `seconds` of it at most.
    pub fn first(&self, seconds: f64) -> Self {
        let count = ((seconds * f64::from(self.rate_hz)) as usize).min(self.samples.len());
        Self { rate_hz: self.rate_hz, samples: self.samples[..count].to_vec() }
    }

    /// With what preceded it.
    pub fn after(self, before: &Self) -> Self {
        if before.rate_hz != self.rate_hz {
            return self;
        }
        Self { rate_hz: self.rate_hz, samples: [before.samples.as_slice(), &self.samples].concat() }
    }

    /// Without the silence before and after, where nothing was recorded.
    pub fn sounding(&self) -> Self {
        let sounds = |sample: &i16| *sample != 0;
        let first = self.samples.iter().position(sounds).unwrap_or(self.samples.len());
        let end = self.samples.iter().rposition(sounds).map_or(first, |last| last + 1);
        Self { rate_hz: self.rate_hz, samples: self.samples[first..end].to_vec() }
    }

    /// How long it is, seconds.
    pub fn seconds(&self) -> f64 {
        length(self.samples.len(), self.rate_hz).as_secs_f64()
    }

    /// What it takes of memory, bytes.
    pub fn bytes(&self) -> usize {
        self.samples.len() * size_of::<i16>()
    }

    /// As a WAV file.
    pub fn wav(&self) -> Vec<u8> {
        voce_audio::wav_bytes(&self.samples, self.rate_hz)
    }
}

fn length(samples: usize, rate_hz: u32) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(rate_hz.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 1_000;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn frames_that_jitter_follow_each_other_without_a_seam() {
        let mut track = Track::default();
        for (at, level) in [(100, 0.1), (135, 0.2), (130, 0.3)] {
            track.push(ms(at), &[level; 20], RATE);
        }
        let sound = track.cut(ms(100), ms(160));
        let at = |index: usize| (f32::from(sound.samples[index]) / 3_276.7).round();
        assert_eq!([at(0), at(19), at(20), at(39), at(40), at(59)], [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
    }

    #[test]
    fn what_comes_later_stands_later_and_silence_between() {
        let mut track = Track::default();
        track.push(ms(0), &[0.5; 20], RATE);
        track.push(ms(1_000), &[0.5; 20], RATE);
        let sound = track.cut(ms(10), ms(1_010));
        assert_eq!(sound.samples.len(), 1_000);
        let sounding: Vec<usize> = (0..1_000).filter(|&index| sound.samples[index] != 0).collect();
        assert_eq!(sounding, (0..10).chain(990..1_000).collect::<Vec<_>>());
        assert_eq!(sound.peaks(50)[0], 127);
        assert_eq!(sound.peaks(50)[10], 0);
    }

    #[test]
    fn old_sound_goes_in_whole_runs() {
        let mut track = Track::default();
        for second in 0..5 {
            for frame in 0..50 {
                track.push(ms(second * 1_000 + frame * 20), &[0.5; 20], RATE);
            }
        }
        track.forget_before(ms(2_500));
        assert_eq!(track.cut(ms(0), ms(1_900)).samples.iter().filter(|&&sample| sample != 0).count(), 0);
        assert_eq!(
            track.cut(ms(2_500), ms(5_000)).samples.iter().filter(|&&sample| sample != 0).count(),
            2_500
        );
    }

    #[test]
    fn a_recording_is_cut_to_what_sounds_and_to_its_longest() {
        let sound = Sound { rate_hz: 10, samples: vec![0, 0, 1, 0, 2, 3, 0] };
        assert_eq!(sound.sounding().samples, [1, 0, 2, 3]);
        assert_eq!(sound.sounding().first(0.2).samples, [1, 0]);
        assert_eq!(sound.first(9.0), sound);
        let before = Sound { rate_hz: 10, samples: vec![7] };
        assert_eq!(sound.first(0.2).after(&before).samples, [7, 0, 0]);
        assert_eq!(sound.first(0.2).after(&Sound::default()).samples, [0, 0]);
        assert!(Sound { rate_hz: 10, samples: vec![0; 5] }.sounding().samples.is_empty());
    }

    #[test]
    fn nothing_recorded_is_no_sound() {
        let sound = Track::default().cut(ms(0), ms(1_000));
        assert_eq!((sound.seconds(), sound.peaks(50).len(), sound.bytes()), (0.0, 0, 0));
    }
}
