use voce_core::{Passage, ToolOutcome, TurnId};

use super::*;
use crate::{ToolUse, Utterance, When};

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
    let used = |name: &str, outcome| ToolUse { name: name.into(), outcome };
    let tools = vec![used("stock", ToolOutcome::Done), used("refund", ToolOutcome::Failed)];
    Exchange { said: "What is the warranty?".into(), turn, tools, ..Exchange::default() }
}

fn record(exchanges: Vec<Exchange>) -> CallRecord {
    let turns = exchanges.iter().filter_map(|exchange| exchange.turn.clone()).collect();
    let tools = exchanges.iter().flat_map(|exchange| exchange.tools.clone()).collect();
    CallRecord {
        call: 1,
        id: "a-1".into(),
        voice: "af_heart".into(),
        exchanges,
        turns,
        tools,
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
        (
            "{ contains: [two years, five years] }",
            Some(
                "contains: expected \"two years\" and \"five years\"; \"five years\" missing; the assistant said \"The warranty is for two-years, from the date of purchase.\"",
            ),
        ),
        ("{ contains_any: [24 months, two years] }", None),
        (
            "{ contains_any: [24 months, 36] }",
            Some("contains_any: expected \"24 months\" or \"36\"; the assistant said"),
        ),
        ("{ contains: wo years }", Some("contains: expected")),
        ("{ matches: ['two.years?'] }", None),
        ("{ matches: ['^two'] }", Some("matches: expected a match of \"^two\"; the assistant said")),
        ("{ lacks: five years }", None),
        (
            "{ lacks: [five years, purchase] }",
            Some("lacks: expected no \"five years\" and no \"purchase\"; \"purchase\" is there;"),
        ),
        ("{ understood: warranty }", None),
        (
            "{ understood: [pump] }",
            Some(
                "understood: expected \"pump\"; \"pump\" missing; it understood \"What is the warranty period?\"",
            ),
        ),
        ("{ sources: warranty.md }", None),
        (
            "{ sources: [care.md] }",
            Some("sources: expected \"care.md\"; \"care.md\" missing among \"config/knowledge/warranty.md\""),
        ),
        ("{ tools: stock }", None),
        (
            "{ tools: [stock, refund] }",
            Some("tools: expected a call of \"stock\" and \"refund\"; \"stock\" answered, \"refund\" failed"),
        ),
        ("{ end_reason: completed, interrupted: false }", None),
        ("{ interrupted: true }", Some("interrupted: expected interrupted; the turn ended as completed")),
        ("{ end_reason: failed }", Some("end_reason: expected failed; the turn ended as completed")),
        ("{ voice_to_voice_seconds: 1 }", None),
        (
            "{ voice_to_voice_seconds: 0.5 }",
            Some("voice_to_voice_seconds: expected at most 0.5 s; it was 0.900 s"),
        ),
        ("{ scores: { tone: 4 } }", None),
        ("{ scores: { tone: 4.5 } }", Some("scores.tone: expected at least 4.5; the score is 4.00")),
        (
            "{ scores: { faithfulness: 1 } }",
            Some("scores.faithfulness: expected at least 1; there is no score: the model is away"),
        ),
        (
            "{ scores: { grace: 1 } }",
            Some("scores.grace: expected at least 1; there is no score: nobody scored it"),
        ),
    ] {
        let away = Err("the model is away".to_owned());
        let scores: Scores = [("tone".into(), Ok(4.0)), ("faithfulness".into(), away)].into();
        let found = failures(
            &scenario_with("{}"),
            &plan(&[yaml]),
            &record(vec![exchange(Some(report()))]),
            &[scores],
        );
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
    let other = TurnReport {
        turn: TurnId(2),
        heard: "It costs six dollars.".into(),
        end_reason: EndReason::Interrupted,
        ..report()
    };
    let record = record(vec![exchange(Some(report())), exchange(Some(other))]);
    let scores: Vec<Scores> = [3.0, 5.0].map(|score| [("tone".into(), Ok(score))].into()).into();
    for (yaml, failed) in [
        (
            "{ contains: [two years, six dollars], turns: 2, most_turns: 2, interrupted: 1, sources: warranty.md }",
            None,
        ),
        ("{ lacks: six dollars }", Some("lacks")),
        ("{ turns: 3 }", Some("turns: expected 3 turns; there were 2")),
        ("{ most_turns: 1 }", Some("most_turns: expected at most 1 turns; there were 2")),
        ("{ interrupted: 0 }", Some("interrupted: expected 0 answers to be cut short; 1 were")),
        (
            "{ end_reason: completed }",
            Some("end_reason: expected completed; the last turn ended as interrupted"),
        ),
        ("{ scores: { tone: 4 } }", None),
        ("{ scores: { tone: 4.1 } }", Some("scores.tone: expected at least 4.1; the score is 4.00")),
        (
            "{ scores: { grace: 1 } }",
            Some("scores.grace: expected at least 1; there is no score: no answer was scored"),
        ),
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
    assert!(
        found[0].ends_with("expected interrupted; the turn ended as completed (the answer was over)"),
        "{found:?}"
    );
}

#[test]
fn what_was_not_held_fails() {
    let mut record =
        record(vec![Exchange { trouble: Some("no answer within 5 s".into()), ..exchange(None) }]);
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
    assert_eq!(
        failed,
        "voice_to_voice_seconds: expected at most 0.8 s in 95 of 100 turns; it was 0.900 s (95th percentile of 2 turns)"
    );
    assert_eq!(percentile(&[1.0, 2.0, 3.0], 50.0), Some(2.0));
    assert_eq!(percentile(&[1.0, 2.0], 95.0), Some(1.95));
    assert_eq!(percentile(&[], 95.0), None);
}
