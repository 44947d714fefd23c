//! Groups of turns beside each other, and whether they differ by more than chance.
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    callers::{self, Middle, Sample},
    statistics::Estimate,
    summary::{Summary, rank},
    turn::Turn,
    verdict,
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

/// What kind of figure is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Seconds; medians are compared.
    Time,
    /// What judges, people and code say; means are compared.
    Score,
    /// The share of the turns, 0 to 1.
    Share,
}

/// One figure of two groups.
#[derive(Serialize)]
pub struct Comparison {
    /// `voice_to_voice`, a stage, a score as `tone (judge)`, or a share of the turns.
    pub figure: String,
    pub kind: Kind,
    pub base: String,
    pub other: String,
    pub base_value: Estimate,
    pub other_value: Estimate,
    /// The other's value less the base's.
    pub difference: Estimate,
    /// How likely chance alone gives such a difference, corrected for the number of comparisons.
    pub p: f64,
    /// It may be chance.
    pub noise: bool,
    /// Callers of both groups that have the figure.
    pub callers: usize,
    /// About how many more would tell a difference of this size from chance; `None` where it is told already, or where it
    /// is too small to be looked for.
    pub more_callers: Option<u64>,
    /// All that in words.
    pub verdict: String,
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
            let waited = of_group().filter_map(|turn| Some((turn.caller(), turn.voice_to_voice?)));
            Group {
                name: name.to_owned(),
                voice_to_voice_median: Sample::of(waited).estimate(Middle::Median),
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
    let mut found = vec![];
    for other in others {
        let of_other = figures(turns, by, &other.name);
        for (figure, base_sample) in &of_base {
            let Some(other_sample) = of_other.get(figure) else { continue };
            let (kind, _, name) = figure;
            let pair = (base.name.as_str(), other.name.as_str());
            found.extend(compared(*kind, name, pair, (base_sample, other_sample)));
        }
    }
    // A share that is nowhere above zero says nothing, and would make all others harder to believe.
    found.retain(|(one, _)| one.kind != Kind::Share || one.base_value.value + one.other_value.value > 0.0);
    let corrected = callers::corrected(&found.iter().map(|(one, _)| one.p).collect::<Vec<_>>());
    let count = found.len();
    let told = |((mut one, error), p): ((Comparison, f64), f64)| {
        one.p = p;
        verdict::tell(&mut one, error, count);
        one
    };
    found.into_iter().zip(corrected).map(told).collect()
}

/// The comparison, not yet corrected and not yet in words, and the standard error of its difference.
fn compared(
    kind: Kind,
    figure: &str,
    (base, other): (&str, &str),
    (base_sample, other_sample): (&Sample, &Sample),
) -> Option<(Comparison, f64)> {
    let middle = if kind == Kind::Time { Middle::Median } else { Middle::Mean };
    let difference = callers::difference(base_sample, other_sample, middle)?;
    let comparison = Comparison {
        figure: figure.to_owned(),
        kind,
        base: base.to_owned(),
        other: other.to_owned(),
        base_value: base_sample.estimate(middle)?,
        other_value: other_sample.estimate(middle)?,
        difference: difference.estimate,
        p: difference.p,
        noise: true,
        callers: base_sample.callers() + other_sample.callers(),
        more_callers: None,
        verdict: String::new(),
    };
    Some((comparison, difference.error))
}

/// A figure's kind, its place in the table and its name.
type Figure = (Kind, usize, String);

/// The values of every figure of a group: times in the order of a turn, voice-to-voice first, then scores, then shares.
fn figures(turns: &[Turn], by: GroupBy, name: &str) -> BTreeMap<Figure, Sample> {
    let mut figures: BTreeMap<Figure, Vec<(&str, f64)>> = BTreeMap::new();
    let mut add = |kind, place, name: &str, caller, value| {
        figures.entry((kind, place, name.to_owned())).or_default().push((caller, value));
    };
    for turn in turns.iter().filter(|turn| key(turn, by) == name) {
        let caller = turn.caller();
        // How long people talk says nothing about who answers.
        for stage in turn.stages.iter().filter(|stage| !matches!(stage.name.as_str(), "listen" | "overlap")) {
            let place = if stage.name == "voice_to_voice" { 0 } else { rank(&stage.name) + 1 };
            add(Kind::Time, place, &stage.name, caller, stage.seconds);
        }
        for score in &turn.scores {
            add(Kind::Score, 0, &format!("{} ({})", score.metric, score.source), caller, score.value);
        }
        let share = |yes: bool| f64::from(u8::from(yes));
        add(Kind::Share, 0, "failed turns", caller, share(!turn.errors.is_empty()));
        add(Kind::Share, 1, "interrupted answers", caller, share(turn.end_reason == "interrupted"));
    }
    figures.into_iter().map(|(figure, values)| (figure, Sample::of(values))).collect()
}
