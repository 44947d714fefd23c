//! The report as one page: no script, nothing from elsewhere, readable in the dark and on a telephone.
use std::fmt::Write;

use super::{Report, charts, statistics::Spread, summary::Summary};

const STYLE: &str = include_str!("page.css");

/// The whole page. Everything that comes from a trace is escaped.
pub fn page(report: &Report) -> String {
    let mut page = String::with_capacity(64 * 1024);
    // The policy makes sure that nothing is fetched, whatever stands in a trace.
    let _ = write!(
        page,
        r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,"><title>voce: {turns} turns</title><style>{STYLE}</style></head><body>
<header><h1>{turns} turns in {calls} calls</h1><p>Experiment {experiment} of {mlflow}, {from} to {until} (UTC).{notes}</p></header>
<main>
"#,
        turns = report.all.turns,
        calls = report.all.calls,
        experiment = escape(&report.experiment),
        mlflow = link(&report.mlflow, &report.mlflow),
        from = moment(report.from_ms),
        until = moment(report.until_ms),
        notes = notes(report),
    );
    page.push_str(&tiles(&report.all));
    section(
        &mut page,
        "Voice to voice",
        "From the caller's last word to the first sample of the answer; one dot a turn, lines for the median and the 95th percentile of each slice of time.",
        &charts::over_time(report),
        "",
    );
    section(
        &mut page,
        "How long callers waited",
        "Turns by their voice-to-voice time.",
        &charts::histogram(report),
        "half",
    );
    section(
        &mut page,
        "Tokens over time",
        "Read and written by the language model, by slice of time.",
        &charts::tokens(report),
        "half",
    );
    if report.all.cost.is_some() {
        section(
            &mut page,
            "Cost over time",
            "In the currency of the prices, by slice of time.",
            &charts::cost(report),
            "half",
        );
    }
    section(
        &mut page,
        "Stages",
        "Median (dark), 95th (light) and 99th percentile (line) of each stage, seconds.",
        &charts::stages(report),
        "half",
    );
    let (waterfall, note) = charts::waterfall(report);
    section(&mut page, "A median turn, stage by stage", &note, &waterfall, "half");
    if !report.all.scores.is_empty() {
        section(&mut page, "Scores", "Mean and 95 % interval of each.", &charts::scores(report), "half");
    }
    if report.by.is_some() {
        groups(&mut page, report);
    }
    section(&mut page, "Figures", "", &figures(&report.all), "");
    section(&mut page, "Slowest turns", "By voice-to-voice time.", &slowest(report), "");
    let _ = writeln!(page, "</main><footer><p>{}.</p></footer></body></html>", escape(report.method));
    page
}

/// Text for any place in markup.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Control characters are not allowed in HTML.
            other if other.is_control() && other != '\n' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A link, if it is one to the web; the address comes from the configuration.
fn link(url: &str, text: &str) -> String {
    let (url, text) = (escape(url), escape(text));
    if url.starts_with("http://") || url.starts_with("https://") {
        return format!(r#"<a href="{url}" rel="noreferrer">{text}</a>"#);
    }
    text
}

/// A moment as `2026-11-24 17:35`.
pub fn moment(ms: u64) -> String {
    let (minutes, days) = (ms / 60_000 % 1_440, (ms / 86_400_000) as i64);
    // Days to a date: years are counted from March, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", minutes / 60, minutes % 60)
}

fn notes(report: &Report) -> String {
    let mut notes = String::new();
    if report.more {
        notes.push_str(" There are more turns; these are the newest.");
    }
    if report.incomplete > 0 {
        let _ = write!(notes, " {} traces are left out: they are not complete (yet).", report.incomplete);
    }
    notes
}

fn section(page: &mut String, title: &str, note: &str, body: &str, class: &str) {
    let note = if note.is_empty() { String::new() } else { format!("<p>{}</p>", escape(note)) };
    let _ = write!(page, r#"<section class="{class}"><h2>{}</h2>{note}{body}</section>"#, escape(title));
    page.push('\n');
}

/// The few figures that one looks for first.
fn tiles(all: &Summary) -> String {
    let mut tiles = String::from(r#"<section class="tiles">"#);
    let mut tile = |name: &str, value: String, note: String| {
        let (name, value, note) = (escape(name), escape(&value), escape(&note));
        let _ = write!(tiles, "<div><span>{name}</span><b>{value}</b><small>{note}</small></div>");
    };
    if let Some(spread) = all.voice_to_voice {
        let note = format!("p95 {} · p99 {}", seconds(spread.p95), seconds(spread.p99));
        tile("voice to voice", seconds(spread.p50), note);
    }
    for (stage, name) in [("llm.first_token", "first token"), ("tts.first_audio", "first audio")] {
        if let Some(found) = all.stages.iter().find(|spread| spread.stage == stage) {
            tile(name, seconds(found.seconds.p50), format!("p95 {}", seconds(found.seconds.p95)));
        }
    }
    let share = 100.0 * all.failed_turns as f64 / all.turns.max(1) as f64;
    tile("failed turns", all.failed_turns.to_string(), format!("{share:.1} %"));
    tile("interruptions", all.interruptions.to_string(), format!("{} late frames", all.late_frames));
    let cost = all.cost.map_or_else(|| "no prices set".to_owned(), |cost| format!("cost {cost:.4}"));
    tile("tokens", thousands(all.input_tokens + all.output_tokens), cost);
    tiles.push_str("</section>\n");
    tiles
}

fn figures(all: &Summary) -> String {
    let mut rows = String::new();
    let mut row = |name: &str, spread: Option<Spread>| {
        let Some(Spread { count, mean, p50, p95, p99, max }) = spread else { return };
        let _ = write!(
            rows,
            "<tr><th>{}</th><td>{count}</td><td>{p50:.3}</td><td>{p95:.3}</td><td>{p99:.3}</td><td>{max:.3}</td><td>{mean:.3}</td></tr>",
            escape(name)
        );
    };
    row("voice to voice", all.voice_to_voice);
    row("whole turn", all.turn);
    for stage in &all.stages {
        row(&stage.stage, Some(stage.seconds));
    }
    let list = |counts: &std::collections::BTreeMap<String, usize>| {
        let parts: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
        if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
    };
    let facts = format!(
        "Ended: {}. Errors: {}. Tokens: {} in ({} cached), {} out. Early answers: {} used, {} dropped ({:.1} s of work).",
        list(&all.ended),
        list(&all.errors),
        all.input_tokens,
        all.cached_tokens,
        all.output_tokens,
        all.early_used,
        all.early_dropped,
        all.wasted_seconds
    );
    format!(
        "<p>{}</p><div class=\"wide\"><table><tr><th>seconds</th><th>n</th><th>p50</th><th>p95</th><th>p99</th><th>max</th><th>mean</th></tr>{rows}</table></div>",
        escape(&facts)
    )
}

fn slowest(report: &Report) -> String {
    let mut rows = String::new();
    for slow in &report.slowest {
        let _ = write!(
            rows,
            "<tr><td>{:.3}</td><td>{} {:.3}</td><td>{}</td><td>{}</td><td class=\"said\">{}</td><td>{}</td></tr>",
            slow.voice_to_voice,
            escape(&slow.longest_stage),
            slow.longest_stage_seconds,
            escape(&slow.end_reason),
            moment(slow.started_ms),
            escape(&slow.question),
            link(&slow.link, "trace")
        );
    }
    format!(
        "<div class=\"wide\"><table class=\"list\"><tr><th>s</th><th>longest stage</th><th>ended</th><th>began (UTC)</th><th>question</th><th></th></tr>{rows}</table></div>"
    )
}

fn groups(page: &mut String, report: &Report) {
    let by = report.by.unwrap_or_default();
    let mut rows = String::new();
    for group in &report.groups {
        let all = &group.summary;
        let Spread { p50, p95, p99, .. } = all.voice_to_voice.unwrap_or_default();
        let cost = all.cost.map_or_else(|| "-".to_owned(), |cost| format!("{cost:.4}"));
        let _ = write!(
            rows,
            "<tr><th>{}</th><td>{}</td><td>{p50:.3}</td><td>{p95:.3}</td><td>{p99:.3}</td><td>{}</td><td>{}</td><td>{cost}</td></tr>",
            escape(&group.name),
            all.turns,
            all.failed_turns,
            all.input_tokens + all.output_tokens
        );
    }
    let table = format!(
        "<div class=\"wide\"><table><tr><th>{by}</th><th>turns</th><th>p50</th><th>p95</th><th>p99</th><th>failed</th><th>tokens</th><th>cost</th></tr>{rows}</table></div>"
    );
    let note = "Voice-to-voice seconds of each; below, the median with its 95 % interval.";
    section(page, &format!("By {by}"), note, &(table + &charts::group_medians(report)), "");
    if report.comparisons.is_empty() {
        return;
    }
    let mut rows = String::new();
    for comparison in &report.comparisons {
        let class = if comparison.noise { "noise" } else { "real" };
        let difference = comparison.difference;
        let _ = write!(
            rows,
            "<tr class=\"{class}\"><th>{} against {}</th><td>{}</td><td>{:.3}</td><td>{:.3}</td><td>{:+.3}</td><td>{:+.3} to {:+.3}</td><td class=\"said\">{}</td></tr>",
            escape(&comparison.other),
            escape(&comparison.base),
            escape(&comparison.figure),
            comparison.base_value.value,
            comparison.other_value.value,
            difference.value,
            difference.low,
            difference.high,
            escape(&comparison.verdict)
        );
    }
    let table = format!(
        "<div class=\"wide\"><table class=\"list\"><tr><th></th><th>figure</th><th>base</th><th>other</th><th>difference</th><th>95 %</th><th></th></tr>{rows}</table></div>"
    );
    let note = "Medians of times in seconds, means of scores and shares. What is called a difference is one beyond chance, also for so many comparisons.";
    section(page, "Differences", note, &table, "");
}

/// A length of time for reading.
pub fn seconds(value: f64) -> String {
    if value < 0.9995 { format!("{:.0} ms", value * 1e3) } else { format!("{value:.2} s") }
}

fn thousands(number: u64) -> String {
    if number < 10_000 { number.to_string() } else { format!("{:.1} k", number as f64 / 1e3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_date_and_a_time() {
        assert_eq!(moment(1_795_541_746_000), "2026-11-24 17:35");
        assert_eq!(moment(951_825_600_000), "2000-02-29 12:00");
        assert_eq!(moment(0), "1970-01-01 00:00");
    }

    #[test]
    fn only_web_addresses_become_links() {
        assert!(!link("javascript:alert(1)", "x").contains("href"));
        assert!(link("http://a/?b=1&c=\"", "x").contains("&amp;c=&quot;\""));
    }
}
