//! What was expected against what happened. Pure.
use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use voce_core::{EndReason, TurnReport};

use crate::{
    CallRecord, Exchange, Plan, Scenario, Scores,
    expect::{CallExpect, TurnExpect},
    fields::Pattern,
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
    place.add("held", trouble.is_none(), || "a call to the end".into(), || trouble.clone().unwrap_or_default());
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

/// Where checks are about, and go.
struct Place<'a> {
    turn: Option<usize>,
    said: Option<&'a str>,
    checks: &'a mut Vec<Check>,
}

impl Place<'_> {
    fn add(
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
            let trouble = exchange.trouble.as_ref().map_or_else(String::new, |trouble| format!(" ({trouble})"));
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
    facts.check(&mut place, std::slice::from_ref(report));
    if let Some(most) = expect.voice_to_voice_seconds {
        let waited = report.voice_to_voice_seconds;
        let passed = waited.is_some_and(|waited| waited <= most);
        let found = || waited.map_or_else(|| "no answer was heard".into(), |waited| format!("it was {waited:.3} s"));
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
    facts.check(&mut place, &answers);
    // A turn without a question is one that the assistant began.
    let turns = record.turns.iter().filter(|turn| !turn.question.is_empty()).count();
    if let Some(expected) = expect.turns {
        place.add("turns", turns == expected, || format!("{expected} turns"), || format!("there were {turns}"));
    }
    if let Some(most) = expect.most_turns {
        place.add("most_turns", turns <= most, || format!("at most {most} turns"), || format!("there were {turns}"));
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

/// What is expected of answers and their sources.
struct Facts<'a> {
    contains: &'a [String],
    contains_any: &'a [String],
    matches: &'a [Pattern],
    lacks: &'a [String],
    sources: &'a [String],
    tools: &'a [String],
}

impl Facts<'_> {
    fn check(&self, place: &mut Place, turns: &[TurnReport]) {
        let heard = turns.iter().map(|turn| turn.heard.as_str()).collect::<Vec<_>>().join("\n");
        let text = plain(&heard);
        let said = || match heard.is_empty() {
            true => "the assistant said nothing".to_owned(),
            false => format!("the assistant said {heard:?}"),
        };
        if !self.contains.is_empty() {
            let missing: Vec<&String> = self.contains.iter().filter(|fact| !holds(&text, fact)).collect();
            let found = || format!("{} missing; {}", quoted(&missing, " and "), said());
            place.add("contains", missing.is_empty(), || quoted(self.contains, " and "), found);
        }
        if !self.contains_any.is_empty() {
            let passed = self.contains_any.iter().any(|fact| holds(&text, fact));
            place.add("contains_any", passed, || quoted(self.contains_any, " or "), said);
        }
        for Pattern(pattern) in self.matches {
            let passed = pattern.is_match(&heard);
            place.add("matches", passed, || format!("a match of {:?}", pattern.as_str()), said);
        }
        if !self.lacks.is_empty() {
            let there: Vec<&String> = self.lacks.iter().filter(|fact| holds(&text, fact)).collect();
            let found = || format!("{} is there; {}", quoted(&there, " and "), said());
            place.add("lacks", there.is_empty(), || format!("no {}", quoted(self.lacks, " and no ")), found);
        }
        if !self.sources.is_empty() {
            let passages = turns.iter().flat_map(|turn| &turn.passages);
            let sources: Vec<&String> = passages.map(|passage| &passage.source).collect();
            let is_there = |wanted: &&String| sources.iter().any(|source| source.ends_with(wanted.as_str()));
            let missing: Vec<&String> = self.sources.iter().filter(|wanted| !is_there(wanted)).collect();
            let found = || match sources.is_empty() {
                true => "nothing was retrieved".into(),
                false => format!("{} missing among {}", quoted(&missing, " and "), quoted(&sources, ", ")),
            };
            place.add("sources", missing.is_empty(), || quoted(self.sources, " and "), found);
        }
        if !self.tools.is_empty() {
            let expected = || format!("a call of {}", quoted(self.tools, " and "));
            place.add("tools", false, expected, || "no tool was called: this assistant has none".into());
        }
    }
}

fn quoted(texts: &[impl AsRef<str>], between: &str) -> String {
    texts.iter().map(|text| format!("{:?}", text.as_ref())).collect::<Vec<_>>().join(between)
}

/// Small letters and single spaces; hyphens and other signs are spaces.
fn plain(text: &str) -> String {
    let spaced: String = text.chars().map(|sign| if sign.is_alphanumeric() { sign } else { ' ' }).collect();
    spaced.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the words of `fact` stand in `text` (plain), the last perhaps with an ending: "two year" in "two years".
fn holds(text: &str, fact: &str) -> bool {
    format!(" {text}").contains(&format!(" {}", plain(fact)))
}

#[cfg(test)]
mod tests {
    use voce_core::{Passage, TurnId};

    use super::*;
    use crate::{Utterance, When};

    fn expect<T: serde::de::DeserializeOwned>(yaml: &str) -> T {
        serde_saphyr::from_str(yaml).unwrap()
    }

    fn report() -> TurnReport {
        TurnReport {
            turn: TurnId(1),
            question: "What is the warranty period?".into(),
            heard: "The warranty is for two-years, from the date of purchase.".into(),
            passages: vec![Passage { source: "config/knowledge/warranty.md".into(), ..Passage::default() }],
            voice_to_voice_seconds: Some(0.9),
            ..TurnReport::default()
        }
    }

    fn exchange(turn: Option<TurnReport>) -> Exchange {
        Exchange { said: "What is the warranty?".into(), turn, ..Exchange::default() }
    }

    fn record(exchanges: Vec<Exchange>) -> CallRecord {
        let turns = exchanges.iter().filter_map(|exchange| exchange.turn.clone()).collect();
        CallRecord {
            call: 1,
            id: "a-1".into(),
            voice: "af_heart".into(),
            exchanges,
            turns,
            trouble: None,
            seconds: 3.0,
        }
    }

    fn plan(expects: &[&str]) -> Plan {
        let line = |yaml: &&str| Utterance {
            expect: expect(yaml),
            ..Utterance::simple("What is the warranty?".into(), [].into())
        };
        Plan {
            call: 1,
            id: "a-1".into(),
            voice: "af_heart".into(),
            lines: expects.iter().map(line).collect(),
            background: [].into(),
            patience: std::time::Duration::ZERO,
            listens_first: false,
        }
    }

    /// Messages of what failed.
    fn failures(scenario: &Scenario, plan: &Plan, record: &CallRecord, scores: &[Scores]) -> Vec<String> {
        let checks = call(scenario, plan, record, scores);
        assert!(checks.iter().any(|check| check.expectation == "held"), "{checks:?}");
        checks.iter().filter(|check| !check.passed).map(ToString::to_string).collect()
    }

    fn scenario_with(yaml: &str) -> Scenario {
        expect(&format!("name: a\nturns: [{{ say: x }}]\nexpect: {yaml}"))
    }

    #[test]
    fn each_expectation_of_a_turn_is_met_or_named_with_what_there_was() {
        for (yaml, failed) in [
            ("{ contains: two years }", None),
            ("{ contains: [Two Year, DATE OF purchase] }", None),
            ("{ contains: [two years, five years] }", Some("contains: expected \"two years\" and \"five years\"; \"five years\" missing; the assistant said \"The warranty is for two-years, from the date of purchase.\"")),
            ("{ contains_any: [24 months, two years] }", None),
            ("{ contains_any: [24 months, 36] }", Some("contains_any: expected \"24 months\" or \"36\"; the assistant said")),
            ("{ contains: wo years }", Some("contains: expected")),
            ("{ matches: ['two.years?'] }", None),
            ("{ matches: ['^two'] }", Some("matches: expected a match of \"^two\"; the assistant said")),
            ("{ lacks: five years }", None),
            ("{ lacks: [five years, purchase] }", Some("lacks: expected no \"five years\" and no \"purchase\"; \"purchase\" is there;")),
            ("{ understood: warranty }", None),
            ("{ understood: [pump] }", Some("understood: expected \"pump\"; \"pump\" missing; it understood \"What is the warranty period?\"")),
            ("{ sources: warranty.md }", None),
            ("{ sources: [care.md] }", Some("sources: expected \"care.md\"; \"care.md\" missing among \"config/knowledge/warranty.md\"")),
            ("{ tools: order_status }", Some("tools: expected a call of \"order_status\"; no tool was called")),
            ("{ end_reason: completed, interrupted: false }", None),
            ("{ interrupted: true }", Some("interrupted: expected interrupted; the turn ended as completed")),
            ("{ end_reason: failed }", Some("end_reason: expected failed; the turn ended as completed")),
            ("{ voice_to_voice_seconds: 1 }", None),
            ("{ voice_to_voice_seconds: 0.5 }", Some("voice_to_voice_seconds: expected at most 0.5 s; it was 0.900 s")),
            ("{ scores: { tone: 4 } }", None),
            ("{ scores: { tone: 4.5 } }", Some("scores.tone: expected at least 4.5; the score is 4.00")),
            ("{ scores: { faithfulness: 1 } }", Some("scores.faithfulness: expected at least 1; there is no score: the model is away")),
            ("{ scores: { grace: 1 } }", Some("scores.grace: expected at least 1; there is no score: nobody scored it")),
        ] {
            let away = Err("the model is away".to_owned());
            let scores: Scores = [("tone".into(), Ok(4.0)), ("faithfulness".into(), away)].into();
            let found = failures(&scenario_with("{}"), &plan(&[yaml]), &record(vec![exchange(Some(report()))]), &[scores]);
            match failed {
                None => assert!(found.is_empty(), "{yaml}: {found:?}"),
                Some(message) => {
                    let whole = format!("turn 1 \"What is the warranty?\": {message}");
                    assert!(found.len() == 1 && found[0].starts_with(&whole), "{yaml}: {found:?}");
                }
            }
        }
    }

    #[test]
    fn each_expectation_of_a_call_looks_at_all_of_it() {
        let other = TurnReport { turn: TurnId(2), heard: "It costs six dollars.".into(), end_reason: EndReason::Interrupted, ..report() };
        let record = record(vec![exchange(Some(report())), exchange(Some(other))]);
        let scores: Vec<Scores> = [3.0, 5.0].map(|score| [("tone".into(), Ok(score))].into()).into();
        for (yaml, failed) in [
            ("{ contains: [two years, six dollars], turns: 2, most_turns: 2, interrupted: 1, sources: warranty.md }", None),
            ("{ lacks: six dollars }", Some("lacks")),
            ("{ turns: 3 }", Some("turns: expected 3 turns; there were 2")),
            ("{ most_turns: 1 }", Some("most_turns: expected at most 1 turns; there were 2")),
            ("{ interrupted: 0 }", Some("interrupted: expected 0 answers to be cut short; 1 were")),
            ("{ end_reason: completed }", Some("end_reason: expected completed; the last turn ended as interrupted")),
            ("{ scores: { tone: 4 } }", None),
            ("{ scores: { tone: 4.1 } }", Some("scores.tone: expected at least 4.1; the score is 4.00")),
            ("{ scores: { grace: 1 } }", Some("scores.grace: expected at least 1; there is no score: no answer was scored")),
        ] {
            let plan = plan(&["{}", "{ end_reason: interrupted }"]);
            let found = failures(&scenario_with(yaml), &plan, &record, &scores);
            assert_eq!(found.len(), usize::from(failed.is_some()), "{yaml}: {found:?}");
            assert!(failed.is_none_or(|message| found[0].starts_with(message)), "{yaml}: {found:?}");
        }
    }

    #[test]
    fn a_turn_that_is_to_be_interrupted_must_be() {
        let mut plan = plan(&["{}", "{}"]);
        plan.lines[1].into = Some(When::Words(2));
        let mut first = exchange(Some(report()));
        first.trouble = Some("the answer was over".into());
        let found = failures(&scenario_with("{}"), &plan, &record(vec![first, exchange(Some(report()))]), &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].ends_with("expected interrupted; the turn ended as completed (the answer was over)"), "{found:?}");
    }

    #[test]
    fn what_was_not_held_fails() {
        let mut record = record(vec![Exchange { trouble: Some("no answer within 5 s".into()), ..exchange(None) }]);
        record.trouble = Some("no answer within 5 s".into());
        let found = failures(&scenario_with("{}"), &plan(&["{}", "{}"]), &record, &[]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("answered: expected an answer; no answer within 5 s"), "{found:?}");
        assert!(found[1].contains("1 more turns of the scenario were not held"), "{found:?}");
    }

    #[test]
    fn a_latency_budget_is_one_of_all_calls() {
        let record = record(vec![exchange(Some(report()))]);
        let checks = |yaml| scenario(&scenario_with(yaml).expect, &[&record, &record]);
        assert_eq!(checks("{}"), []);
        assert!(checks("{ voice_to_voice_seconds: 1 }")[0].passed);
        let failed = checks("{ voice_to_voice_seconds: 0.8 }")[0].to_string();
        assert_eq!(failed, "voice_to_voice_seconds: expected at most 0.8 s in 95 of 100 turns; it was 0.900 s (95th percentile of 2 turns)");
        assert_eq!(percentile(&[1.0, 2.0, 3.0], 50.0), Some(2.0));
        assert_eq!(percentile(&[1.0, 2.0], 95.0), Some(1.95));
        assert_eq!(percentile(&[], 95.0), None);
    }
}
