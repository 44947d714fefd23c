//! Notices when a decoder has fallen into a loop and says the same again and again.

/// The longest phrase looked for, tokens.
const LONGEST: usize = 12;
/// A phrase this often in a row is no speech, but a single token may stand in a row longer ("no no no no").
const TIMES: usize = 3;
const TIMES_SINGLE: usize = 8;

/// If `tokens` ends in a phrase said again and again: how many tokens remain when it is said once.
pub(crate) fn loop_start(tokens: &[u32]) -> Option<usize> {
    (1..=LONGEST).find_map(|length| {
        let times = if length == 1 { TIMES_SINGLE } else { TIMES };
        let start = tokens.len().checked_sub(length * times)?;
        let (phrase, rest) = tokens[start..].split_at(length);
        rest.chunks_exact(length).all(|other| other == phrase).then_some(start + length)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_said_three_times_is_a_loop() {
        assert_eq!(loop_start(&[9, 1, 2, 3, 1, 2, 3, 1, 2, 3]), Some(4));
        assert_eq!(loop_start(&[9, 1, 2, 3, 1, 2, 3]), None);
    }

    #[test]
    fn one_word_may_be_said_several_times() {
        assert_eq!(loop_start(&[4; 5]), None);
        assert_eq!(loop_start(&[4; 8]), Some(1));
        assert_eq!(loop_start(&[]), None);
    }
}
