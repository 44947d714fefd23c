//! What was expected against what happened. Pure.
use std::fmt;

use serde::Serialize;
use voce_core::{EndReason, TurnReport};

use crate::{
    CallRecord, Exchange, Plan, Scenario, Scores,
    expect::{CallExpect, TurnExpect},
    facts::{Facts, holds, plain, quoted},
};

/// One expectation, and whether it was met.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// Which thing that the caller said it is about, from 1; none: the whole call, or all calls.
    pub turn: Option<usize>,
    /// What the caller said there.
    pub said: Option<String>,
    /// Its name in the scenario.
    pub expectation: String,
    /// Whether it was met.
    pub passed: bool,
    /// What was expected.
    pub expected: String,
    /// What there was instead; empty where it was met.
    pub found: String,
}

impl fmt::Display for Check {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        if let (Some(turn), Some(said)) = (self.turn, &self.said) {
            write!(out, "turn {turn} {said:?}: ")?;
        }
        let Self { expectation, expected, found, .. } = self;
        match self.passed {
            true => write!(out, "{expectation}: {expected}"),
            false => write!(out, "{expectation}: expected {expected}; {found}"),
        }
    }
}

/// All that is expected of one call. `scores` are those of each exchange.
pub fn call(scenario: &Scenario, plan: &Plan, record: &CallRecord, scores: &[Scores]) -> Vec<Check> {
    let mut checks = vec![];
    let none = (TurnExpect::default(), Scores::new());
    for (index, exchange) in record.exchanges.iter().enumerate() {
        let expect = plan.lines.get(index).map_or(&none.0, |line| &line.expect);
        let is_cut = plan.lines.get(index + 1).is_some_and(|next| next.into.is_some());
        let place = Place { turn: Some(index + 1), said: Some(&exchange.said), checks: &mut checks };
        turn(place, expect, is_cut, exchange, scores.get(index).unwrap_or(&none.1));
    }
    let mut place = Place { turn: None, said: None, checks: &mut checks };
    let unsaid = plan.lines.len().saturating_sub(record.exchanges.len());
    let trouble = record.trouble.as_ref().map(|trouble| match unsaid {
        0 => trouble.clone(),
        _ => format!("{trouble}; {unsaid} more turns of the scenario were not held"),
    });
    place.add(
        "held",
        trouble.is_none(),
        || "a call to the end".into(),
        || trouble.clone().unwrap_or_default(),
    );
    whole(place, &scenario.expect, record, scores);
    checks
}

/// What is expected of all calls of a scenario together.
pub fn scenario(expect: &CallExpect, records: &[&CallRecord]) -> Vec<Check> {
    let mut checks = vec![];
    let Some(most) = expect.voice_to_voice_seconds else { return checks };
    let turns = records.iter().flat_map(|record| &record.turns);
    let mut waits: Vec<f64> = turns.filter_map(|turn| turn.voice_to_voice_seconds).collect();
    waits.sort_by(f64::total_cmp);
    let p95 = percentile(&waits, 95.0);
    let mut place = Place { turn: None, said: None, checks: &mut checks };
    place.add(
        "voice_to_voice_seconds",
        p95.is_some_and(|p95| p95 <= most),
        || format!("at most {most} s in 95 of 100 turns"),
        || match p95 {
            Some(p95) => format!("it was {p95:.3} s (95th percentile of {} turns)", waits.len()),
            None => "no answer was heard".into(),
        },
    );
    checks
}

/// The percentile of sorted values, linear between the two nearest; none of none.
pub fn percentile(sorted: &[f64], percent: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = last as f64 * percent / 100.0;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64))
}

/// What checks are about, and where they go.
pub(crate) struct Place<'a> {
    turn: Option<usize>,
    said: Option<&'a str>,
    checks: &'a mut Vec<Check>,
}

impl Place<'_> {
    /// Adds one; what there was instead is asked for only if it was not met.
    pub(crate) fn add(
        &mut self,
        expectation: &str,
        passed: bool,
        expected: impl FnOnce() -> String,
        found: impl FnOnce() -> String,
    ) {
        self.checks.push(Check {
            turn: self.turn,
            said: self.said.map(str::to_owned),
            expectation: expectation.to_owned(),
            passed,
            expected: expected(),
            found: if passed { String::new() } else { found() },
        });
    }
}

fn turn(mut place: Place, expect: &TurnExpect, is_cut: bool, exchange: &Exchange, scores: &Scores) {
    let Some(report) = &exchange.turn else {
        let trouble = exchange.trouble.clone().unwrap_or_else(|| "there was none".into());
        place.add("answered", false, || "an answer".into(), || trouble);
        return;
    };
    let usual = if is_cut { EndReason::Interrupted } else { EndReason::Completed };
    let unlike_usual = match expect.interrupted {
        Some(true) => EndReason::Interrupted,
        Some(false) if is_cut => EndReason::Completed,
        _ => usual,
    };
    let ended = expect.end_reason.unwrap_or(unlike_usual);
    place.add(
        if expect.interrupted.is_some() { "interrupted" } else { "end_reason" },
        report.end_reason == ended,
        || ended.as_str().into(),
        || {
            let trouble =
                exchange.trouble.as_ref().map_or_else(String::new, |trouble| format!(" ({trouble})"));
            format!("the turn ended as {}{trouble}", report.end_reason.as_str())
        },
    );
    let question = plain(&report.question);
    let missing: Vec<&String> = expect.understood.iter().filter(|words| !holds(&question, words)).collect();
    if !expect.understood.is_empty() {
        let found = || format!("{} missing; it understood {:?}", quoted(&missing, " and "), report.question);
        place.add("understood", missing.is_empty(), || quoted(&expect.understood, " and "), found);
    }
    let facts = Facts {
        contains: &expect.contains,
        contains_any: &expect.contains_any,
        matches: &expect.matches,
        lacks: &expect.lacks,
        sources: &expect.sources,
        tools: &expect.tools,
    };
    facts.check(&mut place, std::slice::from_ref(report), &exchange.tools);
    if let Some(most) = expect.voice_to_voice_seconds {
        let waited = report.voice_to_voice_seconds;
        let passed = waited.is_some_and(|waited| waited <= most);
        let found =
            || waited.map_or_else(|| "no answer was heard".into(), |waited| format!("it was {waited:.3} s"));
        place.add("voice_to_voice_seconds", passed, || format!("at most {most} s"), found);
    }
    for (metric, least) in &expect.scores {
        let score = scores.get(metric).cloned().unwrap_or_else(|| Err("nobody scored it".into()));
        scored(&mut place, metric, *least, score);
    }
}

fn whole(mut place: Place, expect: &CallExpect, record: &CallRecord, scores: &[Scores]) {
    let answers: Vec<TurnReport> =
        record.exchanges.iter().filter_map(|exchange| exchange.turn.clone()).collect();
    let facts = Facts {
        contains: &expect.contains,
        contains_any: &expect.contains_any,
        matches: &expect.matches,
        lacks: &expect.lacks,
        sources: &expect.sources,
        tools: &expect.tools,
    };
    facts.check(&mut place, &answers, &record.tools);
    // A turn without a question is one that the assistant began.
    let turns = record.turns.iter().filter(|turn| !turn.question.is_empty()).count();
    if let Some(expected) = expect.turns {
        place.add(
            "turns",
            turns == expected,
            || format!("{expected} turns"),
            || format!("there were {turns}"),
        );
    }
    if let Some(most) = expect.most_turns {
        place.add(
            "most_turns",
            turns <= most,
            || format!("at most {most} turns"),
            || format!("there were {turns}"),
        );
    }
    if let Some(expected) = expect.interrupted {
        let cut = record.turns.iter().filter(|turn| turn.end_reason == EndReason::Interrupted).count();
        let found = || format!("{cut} were");
        place.add("interrupted", cut == expected, || format!("{expected} answers to be cut short"), found);
    }
    if let Some(expected) = expect.end_reason {
        let last = answers.last().map(|turn| turn.end_reason);
        let found = || format!("the last turn ended as {}", last.map_or("none", EndReason::as_str));
        place.add("end_reason", last == Some(expected), || expected.as_str().into(), found);
    }
    for (metric, least) in &expect.scores {
        scored(&mut place, metric, *least, mean(metric, scores));
    }
}

/// The mean of a metric over the answers that have it; why there is none, if so.
fn mean(metric: &str, scores: &[Scores]) -> Result<f64, String> {
    let all: Vec<&Result<f64, String>> = scores.iter().filter_map(|scores| scores.get(metric)).collect();
    if let Some(Err(reason)) = all.iter().find(|score| score.is_err()) {
        return Err(reason.clone());
    }
    let values: Vec<f64> = all.into_iter().flatten().copied().collect();
    match values.len() {
        0 => Err("no answer was scored".into()),
        count => Ok(values.iter().sum::<f64>() / count as f64),
    }
}

fn scored(place: &mut Place, metric: &str, least: f64, score: Result<f64, String>) {
    let passed = score.as_ref().is_ok_and(|score| *score >= least);
    let found = || match &score {
        Ok(score) => format!("the score is {score:.2}"),
        Err(reason) => format!("there is no score: {reason}"),
    };
    place.add(&format!("scores.{metric}"), passed, || format!("at least {least}"), found);
}

#[cfg(test)]
mod tests;
