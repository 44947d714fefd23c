//! Outcomes as JUnit XML, which every build server reads: a suite for a scenario, a case for a call.
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::{Check, ScenarioOutcome};

/// The whole report.
///
/// # Errors
/// None that depends on the outcomes; the writer's own.
pub fn junit(outcomes: &[ScenarioOutcome]) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new("voce simulate");
    let mut all = Duration::ZERO;
    for outcome in outcomes {
        let mut suite = TestSuite::new(outcome.scenario.as_str());
        let mut time = Duration::ZERO;
        for call in &outcome.calls {
            let record = &call.record;
            let failures: Vec<&Check> = call.failures().collect();
            let mut case = TestCase::new(format!("call {}", record.call), status(&failures));
            let took = Duration::try_from_secs_f64(record.seconds).unwrap_or_default();
            time += took;
            case.set_classname(outcome.scenario.as_str())
                .set_time(took)
                .set_assertions(call.checks.len())
                .set_system_out(record.transcript());
            suite.add_test_case(case);
        }
        if !outcome.checks.is_empty() {
            let failures: Vec<&Check> = outcome.checks.iter().filter(|check| !check.passed).collect();
            let mut case = TestCase::new("all calls", status(&failures));
            case.set_classname(outcome.scenario.as_str()).set_assertions(outcome.checks.len());
            suite.add_test_case(case);
        }
        suite.set_time(time);
        all += time;
        report.add_test_suite(suite);
    }
    report.set_time(all);
    report.to_string()
}

fn status(failures: &[&Check]) -> TestCaseStatus {
    let Some(first) = failures.first() else { return TestCaseStatus::success() };
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    let all = failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    status.set_message(first.to_string()).set_type(first.expectation.as_str()).set_description(all);
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CallOutcome, CallRecord};

    fn call(number: u32, found: &str) -> CallOutcome {
        let check = Check {
            turn: Some(1),
            said: Some("Is 1 < 2 & \"so\" on?".into()),
            expectation: "contains".into(),
            passed: found.is_empty(),
            expected: "\"<two>\"".into(),
            found: found.into(),
        };
        let record = CallRecord {
            call: number,
            id: format!("a-{number}"),
            voice: "af_heart".into(),
            exchanges: vec![],
            turns: vec![],
            tools: vec![],
            trouble: None,
            seconds: 1.5,
        };
        CallOutcome { record, scores: vec![], checks: vec![check] }
    }

    #[test]
    fn a_call_is_a_case_and_its_failures_are_named() {
        let calls = vec![call(1, ""), call(2, "the assistant said \"]]> & <b>\"\u{1}")];
        let outcome = ScenarioOutcome { scenario: "a & b".into(), calls, checks: vec![] };
        let xml = junit(&[outcome]).unwrap();
        // Reading it again proves that it is well formed.
        let read = Report::deserialize_from_str(&xml).unwrap();
        assert_eq!((read.tests, read.failures), (2, 1));
        let suite = &read.test_suites[0];
        assert_eq!(suite.name.as_str(), "a & b");
        let case = &suite.test_cases[1];
        assert_eq!((case.name.as_str(), case.time), ("call 2", Some(Duration::from_millis(1_500))));
        let TestCaseStatus::NonSuccess { message: Some(message), .. } = &case.status else { panic!("{xml}") };
        assert!(message.as_str().contains("contains: expected \"<two>\"; the assistant said"), "{message:?}");
        assert!(case.system_out.as_ref().unwrap().as_str().contains("session a-2"));
    }
}
