//! The report as text for a terminal.
use std::fmt::Write;

use super::{Report, statistics::Spread, summary::Summary};

/// The whole report.
pub fn table(report: &Report) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = write(&mut text, report);
    text
}

fn write(out: &mut String, report: &Report) -> std::fmt::Result {
    let all = &report.all;
    writeln!(
        out,
        "{} turns in {} calls, experiment {:?} of {}",
        all.turns, all.calls, report.experiment, report.mlflow
    )?;
    if report.more {
        writeln!(out, "There are more; these are the newest. Read more with --limit.")?;
    }
    if report.incomplete > 0 {
        writeln!(out, "{} traces are left out: they are not complete (yet).", report.incomplete)?;
    }
    overview(out, all)?;
    writeln!(out, "\n{:<18}{:>7}{:>9}{:>9}{:>9}{:>9}  seconds", "", "n", "p50", "p95", "p99", "max")?;
    row(out, "voice to voice", all.voice_to_voice)?;
    row(out, "whole turn", all.turn)?;
    for stage in &all.stages {
        row(out, &stage.stage, Some(stage.seconds))?;
    }
    if !all.scores.is_empty() {
        writeln!(out, "\n{:<28}{:>7}{:>9}  95 % interval", "score", "n", "mean")?;
        for score in &all.scores {
            let name = format!("{} ({})", score.metric, score.source);
            let mean = score.mean;
            writeln!(
                out,
                "{name:<28}{:>7}{:>9.2}  {:.2} to {:.2}",
                score.count, mean.value, mean.low, mean.high
            )?;
        }
    }
    groups(out, report)?;
    if !report.slowest.is_empty() {
        writeln!(out, "\nslowest turns")?;
        for slow in &report.slowest {
            let (stage, seconds) = (&slow.longest_stage, slow.longest_stage_seconds);
            writeln!(out, "{:>8.3} s  {stage} {seconds:.3} s  {}", slow.voice_to_voice, slow.link)?;
        }
    }
    writeln!(out, "\n{}.", capital(report.method))
}

fn overview(out: &mut String, all: &Summary) -> std::fmt::Result {
    let list = |counts: &std::collections::BTreeMap<String, usize>| {
        counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    writeln!(out, "ended:   {}", list(&all.ended))?;
    if !all.errors.is_empty() {
        writeln!(out, "errors:  {} turns; {}", all.failed_turns, list(&all.errors))?;
    }
    let cost = all.cost.map_or_else(String::new, |cost| format!("; cost {cost:.4}"));
    let (input, cached, output) = (all.input_tokens, all.cached_tokens, all.output_tokens);
    writeln!(out, "tokens:  {input} in ({cached} cached), {output} out{cost}")?;
    writeln!(
        out,
        "early:   {} answers begun early and used, {} dropped ({:.1} s of work)",
        all.early_used, all.early_dropped, all.wasted_seconds
    )?;
    writeln!(out, "heard:   {} interruptions, {} late frames", all.interruptions, all.late_frames)
}

fn row(out: &mut String, name: &str, spread: Option<Spread>) -> std::fmt::Result {
    let Some(Spread { count, p50, p95, p99, max, .. }) = spread else { return Ok(()) };
    writeln!(out, "{name:<18}{count:>7}{p50:>9.3}{p95:>9.3}{p99:>9.3}{max:>9.3}")
}

fn groups(out: &mut String, report: &Report) -> std::fmt::Result {
    let Some(by) = report.by else { return Ok(()) };
    writeln!(
        out,
        "\n{by:<24}{:>7}{:>9}{:>9}{:>9}{:>18}{:>9}  voice to voice, seconds",
        "turns", "p50", "p95", "p99", "95 % of median", "failed"
    )?;
    for group in &report.groups {
        let Spread { p50, p95, p99, .. } = group.summary.voice_to_voice.unwrap_or_default();
        let median = group.voice_to_voice_median;
        let median = median.map_or_else(|| "-".to_owned(), |m| format!("{:.3} to {:.3}", m.low, m.high));
        let (turns, failed) = (group.summary.turns, group.summary.failed_turns);
        writeln!(out, "{:<24}{turns:>7}{p50:>9.3}{p95:>9.3}{p99:>9.3}{median:>18}{failed:>9}", group.name)?;
    }
    if report.groups.len() == 1 {
        return writeln!(out, "There is one {by} only, so nothing to compare.");
    }
    let mut pair = String::new();
    for comparison in &report.comparisons {
        let this = format!("{} against {}", comparison.other, comparison.base);
        if this != pair {
            writeln!(
                out,
                "\n{this}: differences with their 95 % intervals; medians of times in seconds, means of the rest"
            )?;
            pair = this;
        }
        let difference = comparison.difference;
        let interval = format!("({:+.3} to {:+.3})", difference.low, difference.high);
        writeln!(
            out,
            "  {:<28}{:>9.3}{:>+9.3}  {interval:<20}  {}",
            comparison.figure, comparison.base_value.value, difference.value, comparison.verdict
        )?;
    }
    Ok(())
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}
