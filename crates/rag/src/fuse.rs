//! Two rankings, by meaning and by words, become one: here and not in the stores, so that both give the same.
use std::collections::HashMap;

use uuid::Uuid;
use voce_core::Passage;

use crate::store::{Query, Record};

/// A place further down counts less by this much: the usual constant of reciprocal rank fusion.
const RANK_OFFSET: f32 = 60.0;
/// What a place among the words is worth beside the same place by meaning.
const WORDS_WEIGHT: f32 = 1.0;
/// A passage that has this share of the question's words is spoken for by them.
const WORDS_SHARE: f32 = 0.6;
/// How much less similar than `min_score` a passage may be that the words speak for.
const WORDS_ALLOWANCE: f32 = 0.12;

/// How many of each ranking are looked at for `limit` passages.
pub fn depth(limit: usize) -> usize {
    (limit * 4).max(24)
}

/// The best of both rankings, `query.limit` at most.
///
/// A passage is related, and so counts, if its cosine similarity reaches `query.min_score`; or if it is not far below
/// (0.12) and has six in ten of the question's words. With one ranking empty the other decides alone.
pub fn fuse(query: &Query, by_meaning: Vec<Record>, by_words: Vec<Record>) -> Vec<Passage> {
    let span = tracing::Span::current();
    span.record("by_meaning", by_meaning.len());
    span.record("by_words", by_words.len());
    let mut all: HashMap<Uuid, Found> = HashMap::new();
    for (weight, ranking) in [(1.0, by_meaning), (WORDS_WEIGHT, by_words)] {
        for (place, record) in ranking.into_iter().enumerate() {
            let found = all.entry(record.id).or_insert_with(|| Found::of(query, record));
            found.points += weight / (RANK_OFFSET + place as f32 + 1.0);
        }
    }
    let mut all: Vec<Found> = all.into_values().filter(|found| found.is_related(query)).collect();
    all.sort_by(|one, other| {
        let place = |found: &Found| (found.record.payload.source.clone(), found.record.payload.chunk);
        let better = other.points.total_cmp(&one.points).then(other.cosine.total_cmp(&one.cosine));
        better.then_with(|| place(one).cmp(&place(other)))
    });
    // While a source is being replaced its old chunks stand beside its new ones: only those that go with its best count.
    let mut states: HashMap<String, String> = HashMap::new();
    all.retain(|Found { record: Record { payload, .. }, .. }| {
        let state = states.entry(payload.source.clone()).or_insert_with(|| payload.content_hash.clone());
        *state == payload.content_hash
    });
    all.truncate(query.limit);
    all.into_iter().map(|found| found.record.payload.passage(found.cosine)).collect()
}

struct Found {
    record: Record,
    /// By reciprocal ranks.
    points: f32,
    cosine: f32,
    /// The question's words that it has, of all.
    words: f32,
}

impl Found {
    fn of(query: &Query, record: Record) -> Self {
        let cosine = query.dense.iter().zip(&record.vector).map(|(one, other)| one * other).sum();
        let words = query.sparse.shared(&record.sparse) as f32 / query.sparse.indices.len().max(1) as f32;
        Self { record, points: 0.0, cosine, words }
    }

    fn is_related(&self, query: &Query) -> bool {
        query.dense.is_empty()
            || self.cosine >= query.min_score
            || (self.words >= WORDS_SHARE && self.cosine >= query.min_score - WORDS_ALLOWANCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Payload, Sparse};

    fn record(name: &str, cosine: f32, words: &[u32]) -> Record {
        let (source, chunk) = name.split_once('/').unwrap();
        Record {
            id: Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()),
            vector: vec![cosine, (1.0 - cosine * cosine).sqrt()],
            sparse: Sparse { indices: words.to_vec(), values: vec![1.0; words.len()] },
            payload: Payload {
                source: source.into(),
                chunk: chunk.parse().unwrap(),
                content_hash: "one".into(),
                ..Payload::default()
            },
        }
    }

    fn names(found: &[Passage]) -> String {
        let names: Vec<String> =
            found.iter().map(|found| format!("{}/{}", found.source, found.chunk)).collect();
        names.join(" ")
    }

    #[test]
    fn passages_are_ranked_by_both_and_unrelated_ones_left_out() {
        let (a, b, c, d) = (
            record("a/0", 0.9, &[]),
            record("b/0", 0.8, &[1, 2]),
            record("c/0", 0.3, &[1, 2, 3]),
            record("d/0", 0.1, &[1, 2, 3]),
        );
        let query = Query {
            dense: vec![1.0, 0.0],
            sparse: Sparse { indices: vec![1, 2, 3], values: vec![1.0; 3] },
            limit: 9,
            min_score: 0.36,
            ..Query::default()
        };
        let table: [(&str, Vec<&Record>, Vec<&Record>, &str); 7] = [
            ("both speak for b", vec![&a, &b], vec![&b, &c], "b/0 a/0 c/0"),
            ("meaning alone", vec![&a, &b, &c], vec![], "a/0 b/0 c/0"),
            ("words alone do not make d related", vec![&a], vec![&d], "a/0"),
            ("nothing is related", vec![&d], vec![&d], ""),
            ("nothing is there", vec![], vec![], ""),
            ("a tie goes to the more similar", vec![&b], vec![&a], "a/0 b/0"),
            ("first by words, second by meaning", vec![&a, &c], vec![&c], "c/0 a/0"),
        ];
        for (what, meaning, words, expected) in table {
            let owned = |ranking: Vec<&Record>| ranking.into_iter().cloned().collect::<Vec<_>>();
            assert_eq!(names(&fuse(&query, owned(meaning), owned(words))), expected, "{what}");
        }
        let few_words = record("e/0", 0.3, &[1]);
        assert_eq!(names(&fuse(&query, vec![few_words], vec![])), "");
        let words_only = Query { dense: vec![], ..query.clone() };
        assert_eq!(names(&fuse(&words_only, vec![], vec![d, c])), "d/0 c/0");
        let one = Query { limit: 1, ..query };
        let found = fuse(&one, vec![a, b], vec![]);
        assert_eq!((found.len(), found[0].score), (1, 0.9));
    }

    #[test]
    fn a_source_that_is_being_replaced_is_seen_in_one_state() {
        let mut old = record("a/0", 0.8, &[]);
        old.payload.content_hash = "old".into();
        let ranking = vec![record("a/1", 0.9, &[]), old, record("b/0", 0.7, &[])];
        let query = Query { dense: vec![1.0, 0.0], limit: 9, ..Query::default() };
        assert_eq!(names(&fuse(&query, ranking, vec![])), "a/1 b/0");
    }
}
