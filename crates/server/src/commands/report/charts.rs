//! What the page's plots show: the report's figures laid out as bars, dots and lines.
use std::collections::BTreeMap;

use super::{
    Report,
    html::{moment, seconds},
    plots::{Axis, Plot},
    statistics::{Spread, percentile},
    summary::rank,
    turn::Turn,
};

/// Slices of time in the plots over time.
const SLICES: usize = 24;
/// Dots in one plot, at most; beyond, every second, third and so on is drawn.
const MOST_DOTS: usize = 1_500;
const ROW: f64 = 34.0;

/// A part of stacked bars: its colour, and what each turn adds to it.
type Part = (&'static str, fn(&Turn) -> f64);

/// From the first turn to the last.
fn time_axis(report: &Report) -> Axis {
    let first = report.turns.first().map_or(0, |turn| turn.started_ms);
    let last = report.turns.last().map_or(1, |turn| turn.started_ms);
    Axis::new(first as f64, last as f64)
}

fn slice_of(turn: &Turn, axis: Axis) -> usize {
    ((axis.share(turn.started_ms as f64) * SLICES as f64) as usize).min(SLICES - 1)
}

/// First, middle and last moment below a plot over time.
fn moments(plot: &mut Plot, report: &Report, y: f64) {
    let ends = (report.turns.first(), report.turns.last());
    let (Some(first), Some(last)) = ends else { return };
    plot.text("tick", 0.0, y, "start", &moment(first.started_ms));
    plot.text("tick", 1.0, y, "end", &moment(last.started_ms));
}

pub fn over_time(report: &Report) -> String {
    let (top, bottom) = (16.0, 220.0);
    let mut plot = Plot::new("voice-to-voice time of each turn over time", bottom + 20.0);
    let answered: Vec<(&Turn, f64)> =
        report.turns.iter().filter_map(|turn| Some((turn, turn.voice_to_voice?))).collect();
    let highest = answered.iter().map(|(_, waited)| *waited).fold(0.0, f64::max);
    let (across, down) = (time_axis(report), Axis::new(0.0, highest * 1.05));
    let y = |value: f64| bottom - down.share(value) * (bottom - top);
    plot.scale_down(down, top, bottom, seconds);
    moments(&mut plot, report, bottom + 16.0);
    let mut slices: Vec<Vec<f64>> = vec![vec![]; SLICES];
    for (turn, waited) in &answered {
        slices[slice_of(turn, across)].push(*waited);
    }
    for (turn, waited) in answered.iter().step_by(answered.len().div_ceil(MOST_DOTS).max(1)) {
        let hint = format!("{} {} {}", moment(turn.started_ms), seconds(*waited), turn.end_reason);
        plot.dot("dot", across.share(turn.started_ms as f64), y(*waited), 2.5, &hint);
    }
    for (class, percent) in [("median", 50.0), ("high", 95.0)] {
        let mut before: Option<(f64, f64)> = None;
        for (index, slice) in slices.iter_mut().enumerate().filter(|(_, slice)| !slice.is_empty()) {
            slice.sort_by(f64::total_cmp);
            let here = ((index as f64 + 0.5) / SLICES as f64, y(percentile(slice, percent)));
            if let Some(before) = before {
                plot.line(class, before, here);
            }
            before = Some(here);
        }
    }
    plot.svg()
}

pub fn histogram(report: &Report) -> String {
    const BINS: usize = 30;
    let (top, bottom) = (16.0, 180.0);
    let mut plot = Plot::new("histogram of voice-to-voice times", bottom + 20.0);
    let waited: Vec<f64> = report.turns.iter().filter_map(|turn| turn.voice_to_voice).collect();
    let across = Axis::new(0.0, waited.iter().copied().fold(0.0, f64::max));
    let mut bins = [0_usize; BINS];
    for value in &waited {
        bins[((across.share(*value) * BINS as f64) as usize).min(BINS - 1)] += 1;
    }
    let down = Axis::new(0.0, bins.iter().copied().max().unwrap_or_default() as f64);
    plot.scale_down(down, top, bottom, |tick| format!("{tick:.0}"));
    plot.scale_across(across, top, bottom, seconds);
    for (index, count) in bins.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = down.share(*count as f64) * (bottom - top);
        let (from, until) = (index as f64 / BINS as f64, (index as f64 + 0.92) / BINS as f64);
        plot.bar("bar", from, until, bottom - height, height, &format!("{count} turns"));
    }
    plot.svg()
}

pub fn tokens(report: &Report) -> String {
    let parts: [Part; 2] =
        [("bar", |turn| turn.input_tokens as f64), ("second", |turn| turn.output_tokens as f64)];
    let legend = r#"<p class="legend"><i class="bar"></i>read <i class="second"></i>written</p>"#;
    stacked(report, "tokens over time", &parts, |value| format!("{value:.0}")) + legend
}

pub fn cost(report: &Report) -> String {
    let parts: [Part; 1] = [("bar", |turn| turn.cost.unwrap_or_default())];
    stacked(report, "cost over time", &parts, |value| format!("{value:.4}"))
}

fn stacked(report: &Report, label: &str, parts: &[Part], write: fn(f64) -> String) -> String {
    let (top, bottom) = (16.0, 180.0);
    let mut plot = Plot::new(label, bottom + 20.0);
    let across = time_axis(report);
    let mut sums = vec![vec![0.0; parts.len()]; SLICES];
    for turn in &report.turns {
        for (part, (_, value)) in parts.iter().enumerate() {
            sums[slice_of(turn, across)][part] += value(turn);
        }
    }
    let down = Axis::new(0.0, sums.iter().map(|slice| slice.iter().sum()).fold(0.0, f64::max));
    moments(&mut plot, report, bottom + 16.0);
    for (index, slice) in sums.iter().enumerate() {
        let (from, until) = (index as f64 / SLICES as f64, (index as f64 + 0.9) / SLICES as f64);
        let mut floor = bottom;
        for ((class, _), value) in parts.iter().zip(slice).filter(|(_, value)| **value > 0.0) {
            let height = down.share(*value) * (bottom - top);
            floor -= height;
            plot.bar(class, from, until, floor, height, &write(*value));
        }
    }
    // After the bars, which would hide it.
    plot.scale_down(down, top, bottom, write);
    plot.svg()
}

pub fn stages(report: &Report) -> String {
    let mut rows: Vec<(&str, Spread)> = vec![];
    rows.extend(report.all.voice_to_voice.map(|spread| ("voice to voice", spread)));
    // How long people talk says nothing about the machine, and it would dwarf the rest.
    let stages =
        report.all.stages.iter().filter(|stage| !matches!(stage.stage.as_str(), "listen" | "playout"));
    rows.extend(stages.map(|stage| (stage.stage.as_str(), stage.seconds)));
    let axis = Axis::new(0.0, rows.iter().map(|(_, spread)| spread.p99).fold(0.0, f64::max));
    let bottom = rows.len() as f64 * ROW + 4.0;
    let mut plot = Plot::new("percentiles of each stage", bottom + 18.0);
    plot.scale_across(axis, 0.0, bottom, seconds);
    for (index, (name, spread)) in rows.iter().enumerate() {
        let y = index as f64 * ROW;
        let all = format!("{} · {} · {}", seconds(spread.p50), seconds(spread.p95), seconds(spread.p99));
        plot.text("name", 0.0, y + 14.0, "start", name);
        plot.text("tick", 1.0, y + 14.0, "end", &all);
        let hint = format!("{name}: p50 · p95 · p99 = {all}, n = {}", spread.count);
        plot.bar("light", 0.0, axis.share(spread.p95), y + 19.0, 9.0, &hint);
        plot.bar("bar", 0.0, axis.share(spread.p50), y + 19.0, 9.0, &hint);
        let far = axis.share(spread.p99);
        plot.line("high", (axis.share(spread.p95), y + 23.5), (far, y + 23.5));
        plot.line("high", (far, y + 20.0), (far, y + 27.0));
    }
    plot.svg()
}

/// The turn whose voice-to-voice time is nearest to the median, and what to say about it.
pub fn waterfall(report: &Report) -> (String, String) {
    let completed = |turn: &&Turn| turn.end_reason == "completed" && turn.voice_to_voice.is_some();
    let median = report.all.voice_to_voice.map_or(0.0, |spread| spread.p50);
    let off = |turn: &Turn| (turn.voice_to_voice.unwrap_or_default() - median).abs();
    let Some(turn) = report.turns.iter().filter(completed).min_by(|a, b| off(a).total_cmp(&off(b))) else {
        return (String::new(), "No turn was completed.".to_owned());
    };
    let mut stages: Vec<_> = turn.stages.iter().collect();
    stages.sort_by(|a, b| a.after.total_cmp(&b.after).then(rank(&a.name).cmp(&rank(&b.name))));
    let axis = Axis::new(0.0, turn.seconds);
    let bottom = stages.len() as f64 * 24.0 + 4.0;
    let mut plot = Plot::new("the stages of one turn over its time", bottom + 18.0);
    plot.scale_across(axis, 0.0, bottom, seconds);
    for (index, stage) in stages.iter().enumerate() {
        let y = index as f64 * 24.0 + 2.0;
        let (from, until) = (axis.share(stage.after), axis.share(stage.after + stage.seconds));
        let class = if stage.name == "voice_to_voice" { "second" } else { "bar" };
        let text = format!("{} {}", stage.name, seconds(stage.seconds));
        plot.bar(class, from, until, y, 18.0, &text);
        // Beside the bar, on the side that has room; across it where it fills all.
        match (from, until) {
            (_, until) if until < 0.6 => plot.text("beside", until + 0.01, y + 13.0, "start", &text),
            (from, _) if from > 0.4 => plot.text("beside", from - 0.01, y + 13.0, "end", &text),
            (from, _) => plot.text("within", from + 0.01, y + 13.0, "start", &text),
        }
    }
    let waited = seconds(turn.voice_to_voice.unwrap_or_default());
    (
        plot.svg(),
        format!("The turn nearest to the median: {waited} voice to voice, {} in all.", seconds(turn.seconds)),
    )
}

pub fn scores(report: &Report) -> String {
    let scores = &report.all.scores;
    // Judges give 1 to 5, code anything: each kind of range has a scale of its own.
    let mut ranges: BTreeMap<bool, Vec<usize>> = BTreeMap::new();
    for (index, score) in scores.iter().enumerate() {
        ranges.entry(!(1.0..=5.0).contains(&score.mean.value)).or_default().push(index);
    }
    let mut markup = String::new();
    for (other, indexes) in ranges {
        let highest = indexes.iter().map(|index| scores[*index].mean.high).fold(0.0, f64::max);
        let lowest = indexes.iter().map(|index| scores[*index].mean.low).fold(0.0, f64::min);
        let axis = if other { Axis::new(lowest, highest) } else { Axis::new(1.0, 5.0) };
        let bottom = indexes.len() as f64 * ROW + 4.0;
        let mut plot = Plot::new("mean scores with intervals", bottom + 18.0);
        plot.scale_across(axis, 0.0, bottom, |tick| format!("{}", (tick * 100.0).round() / 100.0));
        for (row, index) in indexes.iter().enumerate() {
            let (score, y) = (&scores[*index], row as f64 * ROW);
            let mean = score.mean;
            let text =
                format!("{:.2} ({:.2} to {:.2}), n = {}", mean.value, mean.low, mean.high, score.count);
            plot.text("name", 0.0, y + 14.0, "start", &format!("{} ({})", score.metric, score.source));
            plot.text("tick", 1.0, y + 14.0, "end", &text);
            plot.line("interval", (axis.share(mean.low), y + 24.0), (axis.share(mean.high), y + 24.0));
            plot.dot("mean", axis.share(mean.value), y + 24.0, 4.5, &text);
        }
        markup.push_str(&plot.svg());
    }
    markup
}

/// The median of each group with its interval, below each other on one scale.
pub fn group_medians(report: &Report) -> String {
    let medians: Vec<_> = report
        .groups
        .iter()
        .filter_map(|group| Some((group.name.as_str(), group.voice_to_voice_median?)))
        .collect();
    let axis = Axis::new(0.0, medians.iter().map(|(_, median)| median.high).fold(0.0, f64::max) * 1.05);
    let bottom = medians.len() as f64 * ROW + 4.0;
    let mut plot = Plot::new("median voice-to-voice time of each group", bottom + 18.0);
    plot.scale_across(axis, 0.0, bottom, seconds);
    for (row, (name, median)) in medians.iter().enumerate() {
        let y = row as f64 * ROW;
        let text = format!("{} ({} to {})", seconds(median.value), seconds(median.low), seconds(median.high));
        plot.text("name", 0.0, y + 14.0, "start", name);
        plot.text("tick", 1.0, y + 14.0, "end", &text);
        plot.line("interval", (axis.share(median.low), y + 24.0), (axis.share(median.high), y + 24.0));
        plot.dot("mean", axis.share(median.value), y + 24.0, 4.5, &text);
    }
    plot.svg()
}
