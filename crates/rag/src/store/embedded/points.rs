//! Records as points of qdrant-edge and back, and filters over them.
use std::collections::BTreeMap;

use qdrant_edge::{
    Condition, FieldCondition, Filter, HasIdCondition, Match, MatchValue, OperationError, Payload as Fields,
    PointId, PointStruct, Range, ValueVariants, Vector, VectorInternal, VectorStructInternal, Vectors,
    external::ordered_float::OrderedFloat,
};
use uuid::Uuid;

use crate::{
    sparse::Sparse,
    store::{CHUNK, DENSE, LABELS, Payload, Record, SOURCE, SPARSE, labels},
};

pub fn point(record: &Record) -> Result<PointStruct, OperationError> {
    let fields = record.payload.fields().map_err(|error| OperationError::service_error(error.to_string()))?;
    let mut vectors = vec![(DENSE, Vector::new_dense(record.vector.clone()))];
    if !record.sparse.is_empty() {
        let Sparse { indices, values } = record.sparse.clone();
        vectors.push((SPARSE, Vector::new_sparse(indices, values)?));
    }
    Ok(PointStruct::new(PointId::Uuid(record.id), Vectors::new_named(vectors), fields))
}

pub fn record(
    point: PointId,
    fields: Option<Fields>,
    vectors: Option<VectorStructInternal>,
) -> Result<Record, OperationError> {
    let (mut vector, mut sparse) = (Vec::new(), Sparse::default());
    if let Some(VectorStructInternal::Named(named)) = vectors {
        for (name, stored) in named {
            match stored {
                VectorInternal::Dense(stored) if name == DENSE => vector = stored,
                VectorInternal::Sparse(stored) if name == SPARSE => {
                    sparse = Sparse { indices: stored.indices, values: stored.values };
                }
                _ => {}
            }
        }
    }
    Ok(Record { id: id(point)?, vector, sparse, payload: payload(fields)? })
}

pub fn id(point: PointId) -> Result<Uuid, OperationError> {
    match point {
        PointId::Uuid(id) => Ok(id),
        PointId::NumId(number) => {
            Err(OperationError::service_error(format!("a chunk is named {number}, expected a UUID")))
        }
    }
}

pub fn payload(stored: Option<Fields>) -> Result<Payload, OperationError> {
    let fields = serde_json::to_value(stored.unwrap_or_default());
    fields.and_then(serde_json::from_value).map_err(|error| {
        OperationError::service_error(format!("a chunk's payload is not as expected: {error}"))
    })
}

/// All of a source.
pub fn within(source: &str) -> Filter {
    Filter::new_must(matching(SOURCE, source.to_owned()))
}

/// The chunks `first` to `last` of a source.
pub fn numbered(source: &str, first: u32, last: u32) -> Filter {
    within(source).merge(&Filter::new_must(places(first, last)))
}

/// Those of `filter` that are none of `ids`; `but_first`: nor the first chunk of their source.
pub fn not_among(filter: Filter, ids: &[Uuid], but_first: bool) -> Filter {
    let named: HasIdCondition = ids.iter().map(|id| PointId::Uuid(*id)).collect();
    let rest = filter.merge(&Filter::new_must_not(Condition::HasId(named)));
    if but_first { rest.merge(&Filter::new_must_not(places(0, 0))) } else { rest }
}

/// Those with all of `tags`.
pub fn with_tags(tags: &BTreeMap<String, String>) -> Option<Filter> {
    let all = labels(tags).into_iter().map(|label| Filter::new_must(matching(LABELS, label)));
    all.reduce(|all, one| all.merge(&one))
}

fn matching(field: &str, value: String) -> Condition {
    let field = field.parse().expect("a plain name is a path");
    let value = Match::Value(MatchValue { value: ValueVariants::String(value) });
    Condition::Field(FieldCondition::new_match(field, value))
}

fn places(first: u32, last: u32) -> Condition {
    let field = CHUNK.parse().expect("a plain name is a path");
    let range = Range {
        gte: Some(OrderedFloat(f64::from(first))),
        lte: Some(OrderedFloat(f64::from(last))),
        ..Range::default()
    };
    Condition::Field(FieldCondition::new_range(field, range))
}
