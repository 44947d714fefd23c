//! Groups of turns beside each other, and whether they differ by more than chance.
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    statistics::{self, Estimate},
    summary::{Summary, rank},
    turn::Turn,
};
use crate::cli::GroupBy;

#[derive(Serialize)]
pub struct Group {
    pub name: String,
    /// Median of the voice-to-voice time, seconds.
    pub voice_to_voice_median: Option<Estimate>,
    #[serde(flatten)]
    pub summary: Summary,
}

/// One figure of two groups. Times are medians in seconds.
#[derive(Serialize)]
pub struct Comparison {
    /// `voice_to_voice`, or a stage.
    pub figure: String,
    pub base: String,
    pub other: String,
    pub base_median: Estimate,
    pub other_median: Estimate,
    /// The other's median less the base's.
    pub difference: Estimate,
    /// The interval of the difference holds zero: it may be chance.
    pub noise: bool,
}

pub fn name(by: GroupBy) -> &'static str {
    match by {
        GroupBy::Variant => "variant",
        GroupBy::Model => "model",
        GroupBy::Voice => "voice",
    }
}

fn key(turn: &Turn, by: GroupBy) -> &str {
    match by {
        GroupBy::Variant => &turn.variant,
        GroupBy::Model => &turn.model,
        GroupBy::Voice => &turn.voice,
    }
}

/// The largest first; among those of one size by name.
pub fn groups(turns: &[Turn], by: GroupBy) -> Vec<Group> {
    let names: BTreeSet<&str> = turns.iter().map(|turn| key(turn, by)).collect();
    let mut groups: Vec<Group> = names
        .into_iter()
        .map(|name| {
            let of_group = || turns.iter().filter(|turn| key(turn, by) == name);
            let waited: Vec<f64> = of_group().filter_map(|turn| turn.voice_to_voice).collect();
            Group {
                name: name.to_owned(),
                voice_to_voice_median: statistics::median(&waited),
                summary: Summary::of(of_group()),
            }
        })
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.summary.turns));
    groups
}

/// The first group with each of the others, figure by figure.
pub fn comparisons(turns: &[Turn], by: Option<GroupBy>, groups: &[Group]) -> Vec<Comparison> {
    let (Some(by), Some((base, others))) = (by, groups.split_first()) else { return vec![] };
    let of_base = figures(turns, by, &base.name);
    let mut comparisons = vec![];
    for other in others {
        let of_other = figures(turns, by, &other.name);
        let both =
            of_base.iter().filter_map(|(figure, values)| Some((figure, values, of_other.get(figure)?)));
        comparisons.extend(both.filter_map(|((_, figure), base_values, other_values)| {
            let difference = statistics::difference(base_values, other_values)?;
            Some(Comparison {
                figure: (*figure).to_owned(),
                base: base.name.clone(),
                other: other.name.clone(),
                base_median: statistics::median(base_values)?,
                other_median: statistics::median(other_values)?,
                difference,
                noise: difference.low <= 0.0 && difference.high >= 0.0,
            })
        }));
    }
    comparisons
}

/// The values of every figure of a group, in the order of a turn, voice-to-voice first.
fn figures<'a>(turns: &'a [Turn], by: GroupBy, name: &str) -> BTreeMap<(usize, &'a str), Vec<f64>> {
    let mut figures: BTreeMap<(usize, &str), Vec<f64>> = BTreeMap::new();
    for stage in turns.iter().filter(|turn| key(turn, by) == name).flat_map(|turn| &turn.stages) {
        let place = if stage.name == "voice_to_voice" { 0 } else { rank(&stage.name) + 1 };
        figures.entry((place, &stage.name)).or_default().push(stage.seconds);
    }
    figures
}
