//! Records as points of a Qdrant server and back, and filters over them.
use std::collections::{BTreeMap, HashMap};

use qdrant_client::qdrant::{
    Condition, Filter, NamedVectors, PointId, PointStruct, Query as Looked, Range, Value, Vector,
    VectorsOutput, r#match::MatchValue, point_id::PointIdOptions, vector_output::Vector as Stored,
};
use uuid::Uuid;

use crate::{
    sparse::Sparse,
    store::{CHUNK, DENSE, LABELS, Payload, Query, Record, SOURCE, SPARSE, labels},
};

pub fn point(record: &Record) -> Result<PointStruct, String> {
    let fields = record.payload.fields().map_err(|error| error.to_string())?;
    let fields = qdrant_client::Payload::try_from(fields).map_err(|error| error.to_string())?;
    let mut vectors = NamedVectors::default().add_vector(DENSE, record.vector.clone());
    if !record.sparse.is_empty() {
        vectors = vectors.add_vector(SPARSE, Vector::from(pairs(&record.sparse)));
    }
    Ok(PointStruct::new(record.id.to_string(), vectors, fields))
}

pub fn record(
    point: Option<PointId>,
    fields: HashMap<String, Value>,
    vectors: Option<VectorsOutput>,
) -> Result<Record, String> {
    let stored = |name: &str| vectors.as_ref().and_then(|vectors| vectors.get_vector_by_name(name));
    let vector = match stored(DENSE) {
        Some(Stored::Dense(stored)) => stored.data,
        _ => return Err(format!("a chunk has no vector named {DENSE:?}")),
    };
    let sparse = match stored(SPARSE) {
        Some(Stored::Sparse(stored)) => Sparse { indices: stored.indices, values: stored.values },
        _ => Sparse::default(),
    };
    Ok(Record { id: id(point)?, vector, sparse, payload: payload(fields)? })
}

pub fn id(point: Option<PointId>) -> Result<Uuid, String> {
    match point.and_then(|point| point.point_id_options) {
        Some(PointIdOptions::Uuid(id)) => {
            id.parse().map_err(|error| format!("a chunk is named {id:?}, expected a UUID: {error}"))
        }
        other => Err(format!("a chunk is named {other:?}, expected a UUID")),
    }
}

pub fn payload(fields: HashMap<String, Value>) -> Result<Payload, String> {
    let fields = serde_json::Value::from(qdrant_client::Payload::from(fields));
    serde_json::from_value(fields).map_err(|error| format!("a chunk's payload is not as expected: {error}"))
}

/// One of the two rankings.
#[derive(Clone, Copy)]
pub enum Wanted {
    Meaning,
    Words,
}

impl Wanted {
    /// What is looked for, and in which vector.
    pub fn of(self, query: &Query) -> Option<(Looked, &'static str)> {
        match self {
            Self::Meaning if query.dense.is_empty() => None,
            Self::Meaning => Some((query.dense.clone().into(), DENSE)),
            Self::Words if query.sparse.is_empty() => None,
            Self::Words => Some((pairs(&query.sparse).into(), SPARSE)),
        }
    }
}

fn pairs(sparse: &Sparse) -> Vec<(u32, f32)> {
    sparse.indices.iter().copied().zip(sparse.values.iter().copied()).collect()
}

/// All of a source.
pub fn within(source: &str) -> Filter {
    Filter::must([is(SOURCE, source.to_owned())])
}

/// The chunks `first` to `last` of a source.
pub fn numbered(source: &str, first: u32, last: u32) -> Filter {
    Filter::must([is(SOURCE, source.to_owned()), places(first, last)])
}

/// What is stored of a source beside `ids`; `but_first`: and beside its first chunk.
pub fn not_among(source: &str, ids: &[Uuid], but_first: bool) -> Filter {
    let mut spared = vec![Condition::has_id(ids.iter().map(|id| id.to_string()))];
    if but_first {
        spared.push(places(0, 0));
    }
    Filter { must_not: spared, ..within(source) }
}

/// Those with all of `tags`.
pub fn with_tags(tags: &BTreeMap<String, String>) -> Option<Filter> {
    let conditions: Vec<Condition> = labels(tags).into_iter().map(|label| is(LABELS, label)).collect();
    (!conditions.is_empty()).then(|| Filter::must(conditions))
}

/// A field that is exactly `text`. The client's own conversion of a string searches in texts if there is a space in it.
fn is(field: &str, text: String) -> Condition {
    Condition::matches(field, MatchValue::Keyword(text))
}

fn places(first: u32, last: u32) -> Condition {
    let range = Range { gte: Some(f64::from(first)), lte: Some(f64::from(last)), ..Range::default() };
    Condition::range(CHUNK, range)
}
