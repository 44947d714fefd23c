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
