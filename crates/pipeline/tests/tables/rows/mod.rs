//! The tables.
mod buttons;
mod early;
mod ends;
mod failures;
mod fillers;
mod overlaps;
mod silence;

use crate::Row;

/// All of them.
pub fn all() -> Vec<Row> {
    [
        early::early(),
        ends::ends(),
        overlaps::overlaps(),
        failures::failures(),
        silence::silence(),
        buttons::buttons(),
        fillers::fillers(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
