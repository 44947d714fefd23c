//! Raw sound of the voice to a piece that joins others without a seam: silence trimmed, edges faded, level
//! evened. Pure.

/// Samples per second of Kokoro.
pub const RATE_HZ: u32 = 24_000;

/// Sound below this is silence: -50 dBFS, as amplitude.
const SILENCE: f32 = 0.003_162;
/// Window over which loudness is measured: 5 ms.
const WINDOW: usize = RATE_HZ as usize / 200;
/// Kept before the first sound of a sentence, and of a line that goes on: 30 and 10 ms.
const LEAD: (usize, usize) = (RATE_HZ as usize * 30 / 1000, RATE_HZ as usize / 100);
/// Kept after the last sound of a sentence, and of a line whose sentence goes on: 250 and 20 ms.
const TAIL: (usize, usize) = (RATE_HZ as usize / 4, RATE_HZ as usize * 20 / 1000);
/// Length of the fades at the edges: 4 ms, against clicks.
const FADE: usize = RATE_HZ as usize * 4 / 1000;
/// Loudness of speech, silence left out: about -22 dBFS, which is where most voices lie by themselves.
const LEVEL: f32 = 0.08;
/// A line may be made louder or softer by at most 4 dB: more would be another voice.
const GAIN: (f32, f32) = (0.63, 1.58);
/// The highest peak.
const PEAK: f32 = 0.97;

/// A trimmed piece of sound.
pub struct Trimmed {
    /// Mono samples, -1 to 1.
    pub samples: Vec<f32>,
    /// How many samples earlier everything sounds now; negative if silence was put in front.
    pub shift: i64,
    /// Where the last sound ends, in samples.
    pub speech_end: usize,
}

/// Trims `raw` to the pause that fits its place in the sentence.
pub fn trim(raw: &[f32], begins_sentence: bool, ends_sentence: bool) -> Trimmed {
    let loud = |window: &[f32]| rms(window) > SILENCE;
    let windows: Vec<bool> = raw.chunks(WINDOW).map(loud).collect();
    let Some(first) = windows.iter().position(|loud| *loud) else {
        return Trimmed { samples: Vec::new(), shift: 0, speech_end: 0 };
    };
    let last = windows.iter().rposition(|loud| *loud).unwrap_or(first);
    let (speech_start, speech_end) = (first * WINDOW, ((last + 1) * WINDOW).min(raw.len()));
    let lead = if begins_sentence { LEAD.0 } else { LEAD.1 };
    let tail = if ends_sentence { TAIL.0 } else { TAIL.1 };
    let start = speech_start.saturating_sub(lead);
    let end = (speech_end + tail).min(raw.len());
    let mut samples = raw[start..end].to_vec();
    even(&mut samples);
    fade(&mut samples);
    // What the voice was not given to say stays silent: the pause is as long as it should be all the same.
    samples.resize(speech_end - start + tail, 0.0);
    Trimmed { samples, shift: start as i64, speech_end: speech_end - start }
}

fn rms(samples: &[f32]) -> f32 {
    let power: f32 = samples.iter().map(|sample| sample * sample).sum();
    (power / samples.len().max(1) as f32).sqrt()
}

/// Brings the speech in `samples` towards [`LEVEL`], within [`GAIN`] and [`PEAK`].
fn even(samples: &mut [f32]) {
    let loud: Vec<f32> = samples.chunks(WINDOW).map(rms).filter(|level| *level > SILENCE).collect();
    let level = (loud.iter().map(|level| level * level).sum::<f32>() / loud.len().max(1) as f32).sqrt();
    let peak = samples.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    if level == 0.0 || peak == 0.0 {
        return;
    }
    let gain = (LEVEL / level).clamp(GAIN.0, GAIN.1).min(PEAK / peak);
    for sample in samples {
        *sample *= gain;
    }
}

/// Equal-power fades at both edges.
fn fade(samples: &mut [f32]) {
    let length = FADE.min(samples.len() / 2);
    let count = samples.len();
    for at in 0..length {
        let gain = (at as f32 / length as f32 * std::f32::consts::FRAC_PI_2).sin();
        samples[at] *= gain;
        samples[count - 1 - at] *= gain;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(silence_before: usize, length: usize, silence_after: usize) -> Vec<f32> {
        let sound = (0..length).map(|at| 0.1 * (at as f32 * 0.1).sin());
        std::iter::repeat_n(0.0, silence_before)
            .chain(sound)
            .chain(std::iter::repeat_n(0.0, silence_after))
            .collect()
    }

    #[test]
    fn a_sentence_keeps_a_pause_and_a_line_that_goes_on_keeps_none() {
        let raw = tone(9600, 24_000, 2400);
        let ended = trim(&raw, true, true);
        assert_eq!(ended.samples.len() - ended.speech_end, TAIL.0);
        assert!((ended.speech_end as i64 - 24_000 - LEAD.0 as i64).abs() <= WINDOW as i64);
        assert_eq!(ended.shift, 9600 - LEAD.0 as i64);
        let open = trim(&raw, false, false);
        assert_eq!(open.samples.len() - open.speech_end, TAIL.1);
    }

    #[test]
    fn edges_are_silent_and_the_level_is_even() {
        for loudness in [0.5, 1.0, 1.5] {
            let raw: Vec<f32> = tone(0, 24_000, 0).iter().map(|sample| sample * loudness).collect();
            let trimmed = trim(&raw, true, false);
            assert!(trimmed.samples[0].abs() < 1e-3);
            assert!(trimmed.samples.iter().all(|sample| sample.abs() <= PEAK));
            let level = rms(&trimmed.samples[2400..21_600]);
            assert!((level - LEVEL).abs() < 0.03, "{level}");
        }
    }

    #[test]
    fn silence_becomes_nothing() {
        assert!(trim(&[0.0; 5000], true, true).samples.is_empty());
        assert!(trim(&[], true, true).samples.is_empty());
    }
}
