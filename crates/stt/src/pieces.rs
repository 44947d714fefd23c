//! Cuts long sound where it is quietest, into pieces that a model can hear at once.
use std::ops::Range;

/// 20 ms at 16 kHz: the unit in which loudness is measured.
const STEP: usize = 320;
/// Steps whose loudness is summed: a cut lies in the middle of 200 ms that are quiet together.
const STEPS: usize = 10;

/// Ranges of `samples` in order, without gaps, each at most `longest` (at least a second) samples long. Each cut
/// lies in the last third of what would still be allowed.
pub(crate) fn pieces(samples: &[f32], longest: usize) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    while samples.len() - start > longest {
        let cut = start + quietest(&samples[start..start + longest], longest * 2 / 3);
        pieces.push(start..cut);
        start = cut;
    }
    pieces.push(start..samples.len());
    pieces
}

/// The quietest place in `samples` from `from` on.
fn quietest(samples: &[f32], from: usize) -> usize {
    let energies: Vec<f32> = samples[from..]
        .chunks_exact(STEP)
        .map(|step| step.iter().map(|sample| sample * sample).sum())
        .collect();
    let quiet = energies
        .windows(STEPS)
        .map(|window| window.iter().sum::<f32>())
        .enumerate()
        .min_by(|(_, one), (_, other)| one.total_cmp(other))
        .map_or(0, |(place, _)| place);
    from + (quiet + STEPS / 2) * STEP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_sound_stays_whole() {
        assert_eq!(pieces(&[], 16_000), std::slice::from_ref(&(0..0)));
        assert_eq!(pieces(&[0.1; 16_000], 16_000), std::slice::from_ref(&(0..16_000)));
    }

    #[test]
    fn long_sound_is_cut_in_its_pause() {
        let mut sound = vec![0.5; 40_000];
        sound[12_000..16_000].fill(0.001);
        assert!((12_500..15_500).contains(&pieces(&sound, 18_000)[0].end));
    }

    #[test]
    fn pieces_follow_each_other_and_none_is_too_long() {
        for length in [16_001, 33_333, 160_000] {
            let sound: Vec<f32> = (0..length).map(|index| ((index * 31) % 17) as f32 / 17.0).collect();
            let pieces = pieces(&sound, 16_000);
            assert!(pieces.iter().all(|piece| !piece.is_empty() && piece.len() <= 16_000));
            assert!(pieces.windows(2).all(|pair| pair[0].end == pair[1].start));
            assert_eq!((pieces[0].start, pieces[pieces.len() - 1].end), (0, length));
        }
    }
}
