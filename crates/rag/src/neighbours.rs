//! What stands around a passage is given with it: a long section is cut into chunks, and its answer may lie beside the
//! chunk that looks most like the question.
use std::collections::{HashMap, HashSet};

use voce_core::Passage;

use crate::store::{StoreError, VectorStore};

/// A passage grows to this many words at most. What a language model has to read before it answers is time that the
/// caller waits.
const MOST_WORDS: usize = 180;

/// The passages with up to `sides` chunks before and after each.
pub async fn with(
    store: &dyn VectorStore,
    found: Vec<Passage>,
    sides: u32,
) -> Result<Vec<Passage>, StoreError> {
    let mut all = Vec::with_capacity(found.len());
    let mut taken = Taken::default();
    for hit in found {
        if taken.is_part(&hit) {
            continue;
        }
        let (first, last) = (hit.chunk.saturating_sub(sides), hit.chunk.saturating_add(sides));
        let around = store.neighbours(hit.source.clone(), first, last).await?;
        all.push(joined(hit, &around, &mut taken));
    }
    Ok(all)
}

/// Chunks that are in a passage already, by source.
#[derive(Default)]
struct Taken {
    parts: HashMap<String, HashSet<u32>>,
}

impl Taken {
    fn is_part(&self, hit: &Passage) -> bool {
        self.parts.get(&hit.source).is_some_and(|parts| parts.contains(&hit.chunk))
    }
}

/// The hit with those of `around` (in order) that lie beside it under the same heading and in no passage yet: after it
/// first, as texts are read, then before it.
fn joined(hit: Passage, around: &[Passage], taken: &mut Taken) -> Passage {
    let parts = taken.parts.entry(hit.source.clone()).or_default();
    parts.insert(hit.chunk);
    // Another state of the source, which was replaced meanwhile, has nothing to do with the hit.
    let Some(place) = around.iter().position(|near| near.chunk == hit.chunk && near.text == hit.text) else {
        return hit;
    };
    let (mut first, mut last) = (place, place);
    let mut words = count(&hit.text);
    let mut fits = |beside: usize, near: usize| -> bool {
        let (beside, near) = (&around[beside], &around[near]);
        let more = words + count(&near.text);
        let is_next = beside.chunk.abs_diff(near.chunk) == 1;
        let fits = is_next && near.heading == hit.heading && more <= MOST_WORDS && parts.insert(near.chunk);
        words = if fits { more } else { words };
        fits
    };
    while last + 1 < around.len() && fits(last, last + 1) {
        last += 1;
    }
    while first > 0 && fits(first, first - 1) {
        first -= 1;
    }
    let texts: Vec<&str> = around[first..=last].iter().map(|near| near.text.as_str()).collect();
    Passage { text: texts.join("\n\n"), ..hit }
}

fn count(text: &str) -> usize {
    text.split_whitespace().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(chunk: u32, heading: &str, text: &str) -> Passage {
        Passage { text: text.into(), source: "a.md".into(), heading: heading.into(), chunk, score: 0.5 }
    }

    #[test]
    fn neighbours_join_in_order_under_one_heading_and_within_the_bound() {
        let long = "word ".repeat(100);
        let around = [
            passage(1, "A", "one"),
            passage(2, "B", "two"),
            passage(3, "B", "three"),
            passage(4, "B", "four"),
            passage(6, "B", "six"),
            passage(7, "B", &long),
            passage(8, "B", &long),
        ];
        for (hit, expected) in [
            (0, "one".to_owned()),
            (1, "two\n\nthree\n\nfour".into()),
            (2, "two\n\nthree\n\nfour".into()),
            (3, "two\n\nthree\n\nfour".into()),
            (4, format!("six\n\n{long}")),
            (6, long.clone()),
        ] {
            let joined = joined(around[hit].clone(), &around, &mut Taken::default());
            assert_eq!((joined.text, joined.chunk), (expected, around[hit].chunk));
        }
        let other = passage(3, "B", "another text by now");
        assert_eq!(joined(other.clone(), &around, &mut Taken::default()), other);
    }

    #[test]
    fn no_chunk_is_given_twice() {
        let around = [passage(1, "", "one"), passage(2, "", "two"), passage(3, "", "three")];
        let mut taken = Taken::default();
        assert_eq!(joined(around[0].clone(), &around[..2], &mut taken).text, "one\n\ntwo");
        assert!(taken.is_part(&around[1]) && !taken.is_part(&around[2]));
        assert_eq!(joined(around[2].clone(), &around[1..], &mut taken).text, "three");
    }
}
