//! What came of simulated calls, for a terminal.
use std::fmt::Write;

use voce_simulate::{CallOutcome, ScenarioOutcome};

/// The whole table, failures last. `link` gives the page of a trace, where there is one.
pub fn table(outcomes: &[ScenarioOutcome], link: impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::new();
    // Writing into a string cannot fail.
    let _ = write(&mut text, outcomes, &link);
    text
}

fn write(
    out: &mut String,
    outcomes: &[ScenarioOutcome],
    link: &dyn Fn(&str) -> Option<String>,
) -> std::fmt::Result {
    let width = outcomes.iter().map(|outcome| outcome.scenario.chars().count()).max().unwrap_or(0).max(8);
    writeln!(out, "{:<width$}  {:>5}  {:>6}  {:>21}", "scenario", "calls", "passed", "voice to voice, s")?;
    writeln!(out, "{:<width$}  {:>5}  {:>6}  {:>10} {:>10}", "", "", "", "median", "p95")?;
    for outcome in outcomes {
        let passed = outcome.calls.iter().filter(|call| call.passed()).count();
        let waited = |percent| {
            outcome.voice_to_voice(percent).map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.3}"))
        };
        let (name, calls, median, p95) = (&outcome.scenario, outcome.calls.len(), waited(50.0), waited(95.0));
        writeln!(out, "{name:<width$}  {calls:>5}  {passed:>6}  {median:>10} {p95:>10}")?;
    }
    for outcome in outcomes.iter().filter(|outcome| !outcome.passed()) {
        failures(out, outcome, link)?;
    }
    let failed: usize =
        outcomes.iter().map(|outcome| outcome.calls.iter().filter(|call| !call.passed()).count()).sum();
    let calls: usize = outcomes.iter().map(|outcome| outcome.calls.len()).sum();
    match (outcomes.iter().all(ScenarioOutcome::passed), failed) {
        (true, _) => writeln!(out, "\nAll as expected, in {calls} calls."),
        (false, 0) => writeln!(out, "\nEach of {calls} calls is as expected, but not all of them together."),
        (false, _) => writeln!(out, "\n{failed} of {calls} calls not as expected."),
    }
}

fn failures(
    out: &mut String,
    outcome: &ScenarioOutcome,
    link: &dyn Fn(&str) -> Option<String>,
) -> std::fmt::Result {
    for call in outcome.calls.iter().filter(|call| !call.passed()) {
        let record = &call.record;
        writeln!(
            out,
            "\n{}, call {} ({}, session {})",
            outcome.scenario, record.call, record.voice, record.id
        )?;
        for check in call.failures() {
            writeln!(out, "  {check}")?;
        }
        traces(out, call, link)?;
    }
    for check in outcome.checks.iter().filter(|check| !check.passed) {
        writeln!(out, "\n{}, all calls\n  {check}", outcome.scenario)?;
    }
    Ok(())
}

fn traces(out: &mut String, call: &CallOutcome, link: &dyn Fn(&str) -> Option<String>) -> std::fmt::Result {
    for trace in call.record.turns.iter().filter_map(|turn| link(turn.trace_id.as_deref()?)) {
        writeln!(out, "  {trace}")?;
    }
    Ok(())
}
