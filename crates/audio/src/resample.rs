//! From one sample rate to another, at once or as a stream. Pure arithmetic on rubato's FFT resampler.
use rubato::{
    Fft, FixedSync, Indexing, Resampler, WindowFunction, audioadapter_buffers::direct::SequentialSlice,
};

/// Input samples a step, rounded up by rubato to what the two rates divide into: 10 ms at 48 kHz, a delay of 5 ms.
/// It is also the length of the filter, and an odd one would shift the sound by half a sample.
const STEP_SAMPLES: usize = 480;
/// The highest rate taken, samples per second: beyond it is no sound card, and the filter would need much memory.
const HIGHEST_HZ: u32 = 768_000;

/// Why sound cannot be brought to another rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot resample from {from} Hz to {to} Hz: {reason}")]
pub struct ResampleError {
    /// Samples per second that go in.
    pub from: u32,
    /// Samples per second that should come out.
    pub to: u32,
    /// What is wrong.
    pub reason: String,
}

/// `samples` at `from` Hz, brought to `to` Hz: `len * to / from` samples, rounded up, in step with the input.
pub fn resample(samples: &[f32], from: u32, to: u32) -> Result<Vec<f32>, ResampleError> {
    let mut stream = StreamResampler::new(from, to)?;
    let mut out = stream.push(samples)?;
    out.extend(stream.finish()?);
    Ok(out)
}

/// Brings a stream of samples to another rate. What comes out does not depend on how the input is cut up.
pub struct StreamResampler {
    from: u32,
    to: u32,
    /// `None` when the rates are the same.
    filter: Option<Fft<f32>>,
    /// Input that does not fill a step yet.
    waiting: Vec<f32>,
    step: Vec<f32>,
    /// Output samples of the filter's start-up still to be dropped.
    delay: usize,
    taken: u64,
    given: u64,
}

impl StreamResampler {
    /// A stream from `from` Hz to `to` Hz, both 1 to 768 000.
    pub fn new(from: u32, to: u32) -> Result<Self, ResampleError> {
        let failed = |reason: String| ResampleError { from, to, reason };
        if [from, to].iter().any(|rate| !(1..=HIGHEST_HZ).contains(rate)) {
            return Err(failed(format!("rates must lie between 1 and {HIGHEST_HZ}")));
        }
        let filter = (from != to)
            .then(|| {
                Fft::new_custom(
                    from as usize,
                    to as usize,
                    STEP_SAMPLES,
                    1,
                    1,
                    WindowFunction::BlackmanHarris2,
                    FixedSync::Both,
                )
            })
            .transpose()
            .map_err(|error| failed(error.to_string()))?;
        let delay = filter.as_ref().map_or(0, Resampler::output_delay);
        let step = vec![0.0; filter.as_ref().map_or(0, Resampler::output_frames_max)];
        Ok(Self { from, to, filter, waiting: Vec::new(), step, delay, taken: 0, given: 0 })
    }

    /// Takes `samples`; returns what is ready, which lags a few milliseconds behind.
    pub fn push(&mut self, samples: &[f32]) -> Result<Vec<f32>, ResampleError> {
        let Some(filter) = &self.filter else { return Ok(samples.to_vec()) };
        self.taken += samples.len() as u64;
        self.waiting.extend_from_slice(samples);
        let need = filter.input_frames_next();
        let waiting = std::mem::take(&mut self.waiting);
        let mut out = Vec::new();
        let mut steps = waiting.chunks_exact(need);
        for step in &mut steps {
            self.run(step, &mut out)?;
        }
        self.waiting = steps.remainder().to_vec();
        Ok(out)
    }

    /// The end of the stream: what was still on the way.
    pub fn finish(mut self) -> Result<Vec<f32>, ResampleError> {
        let Some(filter) = &self.filter else { return Ok(Vec::new()) };
        let need = filter.input_frames_next();
        let wanted = (self.taken * u64::from(self.to)).div_ceil(u64::from(self.from)) - self.given;
        let mut rest = std::mem::take(&mut self.waiting);
        let mut out = Vec::new();
        while (out.len() as u64) < wanted {
            rest.resize(need, 0.0);
            self.run(&rest, &mut out)?;
            rest.clear();
        }
        out.truncate(wanted as usize);
        Ok(out)
    }

    /// Filters one step of input, exactly as many samples as the filter wants, to the end of `out`.
    fn run(&mut self, step: &[f32], out: &mut Vec<f32>) -> Result<(), ResampleError> {
        let (from, to) = (self.from, self.to);
        let failed = |reason: String| ResampleError { from, to, reason };
        let filter = self.filter.as_mut().expect("only a stream with a filter has steps");
        let room = self.step.len();
        let input = SequentialSlice::new(step, 1, step.len()).map_err(|error| failed(error.to_string()))?;
        let mut output =
            SequentialSlice::new_mut(&mut self.step, 1, room).map_err(|error| failed(error.to_string()))?;
        let (_, made) = filter
            .process_into_buffer(&input, &mut output, Some(&Indexing::new()))
            .map_err(|error| failed(error.to_string()))?;
        let dropped = self.delay.min(made);
        self.delay -= dropped;
        self.given += (made - dropped) as u64;
        out.extend_from_slice(&self.step[dropped..made]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(hz: f64, rate_hz: u32, samples: usize) -> Vec<f32> {
        (0..samples)
            .map(|index| (std::f64::consts::TAU * hz * index as f64 / f64::from(rate_hz)).sin() as f32)
            .collect()
    }

    #[test]
    fn a_tone_stays_the_same_tone_at_the_same_place() {
        for (from, to) in [(48_000, 16_000), (44_100, 16_000), (8_000, 16_000), (24_000, 48_000)] {
            let out = resample(&tone(440.0, from, from as usize), from, to).unwrap();
            assert_eq!(out.len(), to as usize);
            let ideal = tone(440.0, to, to as usize);
            let edge = to as usize / 20;
            let worst =
                (edge..out.len() - edge).map(|index| (out[index] - ideal[index]).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-4, "{from} to {to}: off by {worst}");
        }
    }

    #[test]
    fn what_the_new_rate_cannot_hold_is_silenced() {
        let out = resample(&tone(11_000.0, 48_000, 48_000), 48_000, 16_000).unwrap();
        let loudest = out[1_000..15_000].iter().map(|sample| sample.abs()).fold(0.0, f32::max);
        assert!(loudest < 1e-5, "{loudest}");
    }

    #[test]
    fn a_stream_gives_the_same_however_it_is_cut() {
        let sound = tone(300.0, 44_100, 10_000);
        let whole = resample(&sound, 44_100, 16_000).unwrap();
        for size in [1, 7, 441, 882, 5_000] {
            let mut stream = StreamResampler::new(44_100, 16_000).unwrap();
            let mut pieces = Vec::new();
            for piece in sound.chunks(size) {
                pieces.extend(stream.push(piece).unwrap());
            }
            pieces.extend(stream.finish().unwrap());
            assert_eq!(pieces, whole, "pieces of {size}");
        }
    }

    #[test]
    fn odd_lengths_and_rates_are_answered_and_bad_ones_refused() {
        for length in [0, 1, 2, 159, 1_001] {
            let out = resample(&vec![0.1; length], 22_050, 16_000).unwrap();
            assert_eq!(out.len(), (length * 16_000).div_ceil(22_050));
            assert_eq!(resample(&vec![0.1; length], 16_000, 16_000).unwrap().len(), length);
        }
        assert_eq!(resample(&[0.5; 100], 11_027, 16_000).unwrap().len(), 146);
        assert!(resample(&[0.0], 0, 16_000).is_err());
        assert!(resample(&[0.0], 16_000, u32::MAX).is_err());
    }
}
