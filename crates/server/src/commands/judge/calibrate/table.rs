//! The comparison as text.
use std::fmt::Write;

use voce_judge::Kappa;

use super::report::{Compare, Compared, Report};

/// The longest text of a turn that is shown, characters.
const LONGEST: usize = 100;
/// Reasons for missing scores that are listed.
const MOST_REASONS: usize = 5;

pub fn table(report: &Report) -> String {
    // Writing into a text cannot fail.
    let mut text = String::new();
    write(&mut text, report).expect("memory takes any text");
    text
}

fn write(out: &mut String, report: &Report) -> std::fmt::Result {
    let judges = if report.judges.is_empty() { "rules".to_owned() } else { report.judges.join(", ") };
    writeln!(out, "{judges} against people: {}, {} turns", report.source, report.turns)?;
    if report.requests > 0 {
        writeln!(out, "{} requests, {} tokens", report.requests, report.tokens)?;
    }
    let width = report.metrics.iter().map(|one| one.metric.len()).max().unwrap_or_default().max(6);
    writeln!(
        out,
        "\n{:width$}  {:>4}  {:>5}  {:>8}  {:>6}  {:>8}  95 % interval",
        "metric", "n", "equal", "1 apart", "kappa", "weighted"
    )?;
    for compare in &report.metrics {
        let agreement = &compare.agreement;
        let interval =
            agreement.interval.map_or_else(|| "-".to_owned(), |(low, high)| format!("{low:.2} to {high:.2}"));
        writeln!(
            out,
            "{:width$}  {:>4}  {:>3.0} %  {:>6.0} %  {:>6}  {:>8}  {interval}",
            compare.metric,
            agreement.count,
            agreement.exact * 100.0,
            agreement.within_one * 100.0,
            kappa(agreement.kappa),
            kappa(agreement.weighted_kappa),
        )?;
    }
    writeln!(
        out,
        "\nkappa: Cohen's, agreement beyond chance; weighted: quadratic, so that far misses count more; interval: of the weighted one, by bootstrap"
    )?;
    for compare in &report.metrics {
        details(out, compare)?;
    }
    unscored(out, report)?;
    verdict(out, report)
}

fn details(out: &mut String, compare: &Compare) -> std::fmt::Result {
    let agreement = &compare.agreement;
    writeln!(out, "\n{}: people down, judge across", compare.metric)?;
    let heads: String = agreement.scores.iter().map(|score| format!("{score:>5}")).collect();
    writeln!(out, "     {heads}")?;
    for (score, row) in agreement.scores.iter().zip(&agreement.confusion) {
        let counts: String = row
            .iter()
            .map(|count| if *count == 0 { "    .".to_owned() } else { format!("{count:>5}") })
            .collect();
        writeln!(out, "{score:>5}{counts}")?;
    }
    if let Some(remark) = compare.remark {
        writeln!(out, "  {remark}")?;
    }
    compare.worst.iter().try_for_each(|one| disagreement(out, one))
}

fn disagreement(out: &mut String, one: &Compared) -> std::fmt::Result {
    writeln!(out, "  {}: people {}, judge {}", one.place, one.human, one.judge)?;
    for (what, text) in
        [("asked", &one.question), ("heard", &one.answer), ("judge", &one.reason), ("people", &one.note)]
    {
        if !text.is_empty() {
            writeln!(out, "    {what:>6}: {}", short(text))?;
        }
    }
    Ok(())
}

/// One line for each reason: a server that is away gives the same one for all.
fn unscored(out: &mut String, report: &Report) -> std::fmt::Result {
    if report.unscored.is_empty() {
        return Ok(());
    }
    let mut reasons: Vec<(&str, Vec<&str>)> = vec![];
    for one in &report.unscored {
        match reasons.iter_mut().find(|(reason, _)| *reason == one.reason) {
            Some((_, places)) => places.push(&one.place),
            None => reasons.push((&one.reason, vec![&one.place])),
        }
    }
    writeln!(out, "\n{} scores are missing:", report.unscored.len())?;
    for (reason, places) in reasons.iter().take(MOST_REASONS) {
        writeln!(out, "  {} from {} on: {reason}", places.len(), places[0])?;
    }
    Ok(())
}

fn verdict(out: &mut String, report: &Report) -> std::fmt::Result {
    let Some(threshold) = report.threshold else { return Ok(()) };
    if report.failed.is_empty() {
        return writeln!(out, "\nAll weighted kappas reach {threshold}.");
    }
    let names: Vec<&str> = report.failed.iter().map(|failure| failure.metric.as_str()).collect();
    writeln!(out, "\nBelow {threshold}: {}.", names.join(", "))
}

fn kappa(kappa: Kappa) -> String {
    kappa.value().map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

fn short(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    let line = line.join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}
