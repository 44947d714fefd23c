//! Which parts of a prompt are shown to a model whose context is too small for all of them. Pure: sizes in, places
//! out.

/// Of how many tokens each part of a prompt is, with what stands around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// What is shown in any case: instructions, tools, steps of this answer.
    pub fixed: usize,
    /// The caller's words.
    pub question: usize,
    /// Passages, best first.
    pub passages: Vec<usize>,
    /// Earlier exchanges, oldest first.
    pub exchanges: Vec<usize>,
    /// The summary of still earlier ones.
    pub summary: usize,
    /// What is remembered of the caller.
    pub memory: usize,
}

/// What is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fit {
    /// Tokens of the question, counted from its end.
    pub question: usize,
    /// How many passages.
    pub passages: usize,
    /// Tokens of the first of them, counted from its beginning.
    pub first_passage: usize,
    /// From which exchange on.
    pub first_exchange: usize,
    /// Whether the summary.
    pub summary: bool,
    /// Whether the memory.
    pub memory: bool,
}

/// Older exchanges leave in blocks of this part of the room: what a server has kept of a prompt is its beginning, and
/// leaving one exchange behind in every turn would change that in every turn.
const BLOCKS: usize = 6;

/// Divides `room` tokens. What there is no answer without comes first: the question, the best passage, the newest
/// exchange. Then summary and memory, the other passages from the best, the older exchanges from the newest.
pub fn fit(room: usize, sizes: &Sizes) -> Fit {
    let mut left = room.saturating_sub(sizes.fixed);
    let best = sizes.passages.first().copied().unwrap_or_default();
    let question = sizes.question.min(left - best.min(left / 2));
    left -= question;
    let first_passage = best.min(left);
    left -= first_passage;
    let mut take = |size: usize| {
        let fits = size <= left;
        left -= if fits { size } else { 0 };
        fits
    };
    let newest = sizes.exchanges.last().is_some_and(|&newest| take(newest));
    let summary = take(sizes.summary);
    let memory = take(sizes.memory);
    // The first that does not fit ends it: a worse one is not shown in its place.
    let others = sizes.passages.iter().skip(1).take_while(|&&passage| take(passage)).count();
    let first_exchange = match newest {
        true => first_exchange(&sizes.exchanges, left, room / BLOCKS),
        false => sizes.exchanges.len(),
    };
    let passages = sizes.passages.len().min(1) + others;
    Fit { question, passages, first_passage, first_exchange, summary, memory }
}

/// The first exchange that is shown, where the newest has its place already and `left` tokens are left for the others:
/// the oldest beginning of a block from which on all fit.
fn first_exchange(exchanges: &[usize], left: usize, block: usize) -> usize {
    let older = &exchanges[..exchanges.len().saturating_sub(1)];
    let mut rest: usize = older.iter().sum();
    let mut of_block = 0;
    for (place, size) in older.iter().enumerate() {
        let begins_block = place == 0 || of_block >= block;
        if begins_block {
            of_block = 0;
            if rest <= left {
                return place;
            }
        }
        of_block += size;
        rest -= size;
    }
    older.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(fit: &Fit, sizes: &Sizes) -> usize {
        let others = sizes.passages.iter().take(fit.passages).skip(1).sum::<usize>();
        let exchanges = sizes.exchanges[fit.first_exchange..].iter().sum::<usize>();
        let summary = if fit.summary { sizes.summary } else { 0 };
        let memory = if fit.memory { sizes.memory } else { 0 };
        fit.question + fit.first_passage + others + exchanges + summary + memory
    }

    #[test]
    fn what_goes_first() {
        let sizes = Sizes {
            fixed: 100,
            question: 20,
            passages: vec![100, 80, 60],
            exchanges: vec![30, 30, 30, 30],
            summary: 50,
            memory: 40,
        };
        let of = |room| {
            let Fit { question, passages, first_passage, first_exchange, summary, memory } =
                fit(room, &sizes);
            (question, passages, first_passage, first_exchange, summary, memory)
        };
        for (room, expected) in [
            // All of it is 570.
            (570, (20, 3, 100, 0, true, true)),
            // A block of three exchanges.
            (569, (20, 3, 100, 3, true, true)),
            (480, (20, 3, 100, 3, true, true)),
            // The worst passage goes; in its place older exchanges.
            (479, (20, 2, 100, 3, true, true)),
            (340, (20, 1, 100, 3, true, true)),
            (339, (20, 1, 100, 2, true, false)),
            (299, (20, 1, 100, 3, false, true)),
            (249, (20, 1, 100, 4, false, false)),
            // Not even the best passage fits: it is cut, and the question is not.
            (180, (20, 1, 60, 4, false, false)),
            // Both are cut.
            (120, (10, 1, 10, 4, false, false)),
            (100, (0, 1, 0, 4, false, false)),
            (0, (0, 1, 0, 4, false, false)),
        ] {
            assert_eq!(of(room), expected, "{room} tokens");
        }
    }

    #[test]
    fn the_beginning_changes_seldom_as_a_call_grows() {
        let mut starts = vec![];
        for exchanges in 1..60 {
            let sizes =
                Sizes { fixed: 100, question: 20, exchanges: vec![50; exchanges], ..Sizes::default() };
            starts.push(fit(1_000, &sizes).first_exchange);
        }
        let changes = starts.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(starts.is_sorted(), "{starts:?}");
        assert!(*starts.last().unwrap() > 40, "{starts:?}");
        assert!((8..=12).contains(&changes), "44 exchanges leave, in {changes} steps: {starts:?}");
    }

    proptest! {
        #[test]
        fn never_too_much_the_newest_stay_and_nothing_is_left_out_that_fits(
            room in 0_usize..2_000,
            (fixed, question, summary, memory) in (0_usize..300, 0_usize..900, 0_usize..300, 0_usize..300),
            passages in prop::collection::vec(1_usize..500, 0..5),
            exchanges in prop::collection::vec(1_usize..300, 0..40),
        ) {
            let sizes = Sizes { fixed, question, passages, exchanges, summary, memory };
            let fit = fit(room, &sizes);
            prop_assert!(shown(&fit, &sizes) <= room.saturating_sub(fixed), "{fit:?}");
            prop_assert!(fit.question <= question && fit.first_exchange <= sizes.exchanges.len());
            let all = fixed + question + summary + memory
                + sizes.passages.iter().sum::<usize>() + sizes.exchanges.iter().sum::<usize>();
            if all <= room {
                prop_assert_eq!(shown(&fit, &sizes) + fixed, all);
            }
            let best = sizes.passages.first().copied().unwrap_or_default();
            let newest = sizes.exchanges.last().copied().unwrap_or_default();
            if newest > 0 && fixed + question + best + newest <= room && question <= (room - fixed) / 2 {
                prop_assert!(fit.first_exchange < sizes.exchanges.len(), "the newest stays: {fit:?}");
            }
        }
    }
}
