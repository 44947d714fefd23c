//! Who has taken a turn. Pure: what the claims on a trace say at a moment.
//!
//! A claim is an expectation on the trace (MLflow keeps those out of the charts of scores) whose id is a hash of trace,
//! mark and number of the try. MLflow refuses a second one of the same id, so one worker gets it. A claim that ran out
//! stays: the next try has the next number, so the claims are also the count of tries.
use serde_json::{Map, Value};
use voce_mlflow::{Assessment, Feedback, NewAssessment, Source};

/// The name of claims in MLflow.
pub(crate) const CLAIM: &str = "judge_claim";

/// Notes of a claim: the mark it is for, the number of the try from 1, and until when it holds, milliseconds since 1970.
pub(crate) const MARK: &str = "judge.mark";
const ATTEMPT: &str = "judge.attempt";
const UNTIL: &str = "judge.until_ms";
/// Notes of a try that failed: when the next may be, why, and what is still without a score.
const FROM: &str = "judge.from_ms";
const TROUBLE: &str = "judge.trouble";
const REASON: &str = "judge.reason";
const METRICS: &str = "judge.metrics";

/// What the claims of a turn mean for a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claims {
    /// It may be tried, as this try.
    Free { attempt: u32 },
    /// A worker has it, until then at most.
    Taken { until_ms: u64 },
    /// Its last try failed; the next may be at that time.
    Later { from_ms: u64 },
    /// It was tried as often as it may be.
    Spent(Failure),
}

/// Why a try failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Failure {
    /// A word: `away`, `invalid`, ... or `died`.
    pub(crate) kind: String,
    /// A sentence.
    pub(crate) reason: String,
    /// Metrics without a score.
    pub(crate) metrics: String,
    /// How often it was tried.
    pub(crate) attempts: u32,
}

impl Claims {
    /// Of a turn with these assessments, for the work behind `mark`.
    pub(crate) fn of(assessments: &[Assessment], mark: &str, now_ms: u64, attempts: u32) -> Self {
        let ours = assessments.iter().filter(|one| one.name == CLAIM && note(one, MARK) == mark);
        let Some(last) = ours.max_by_key(|one| number(one, ATTEMPT)) else {
            return Self::Free { attempt: 1 };
        };
        let attempt = u32::try_from(number(last, ATTEMPT)).unwrap_or(u32::MAX);
        let failed = last.metadata.contains_key(FROM);
        let (until_ms, from_ms) = (number(last, UNTIL), number(last, FROM));
        match failed {
            false if until_ms > now_ms => return Self::Taken { until_ms },
            true if attempt < attempts && from_ms > now_ms => return Self::Later { from_ms },
            _ if attempt < attempts => return Self::Free { attempt: attempt + 1 },
            _ => {}
        }
        Self::Spent(match failed {
            true => Failure {
                kind: note(last, TROUBLE).to_owned(),
                reason: note(last, REASON).to_owned(),
                metrics: note(last, METRICS).to_owned(),
                attempts: attempt,
            },
            false => Failure {
                kind: "died".into(),
                reason: "each worker that took it died or was cut off from MLflow before it was done".into(),
                metrics: String::new(),
                attempts: attempt,
            },
        })
    }
}

/// The claim of a try, to be written.
pub(crate) fn new<'a>(
    trace_id: &'a str,
    mark: &str,
    attempt: u32,
    worker: &str,
    until_ms: u64,
    version: &'a str,
) -> NewAssessment<'a> {
    NewAssessment {
        trace_id,
        span_id: None,
        name: CLAIM,
        source: Source::Code("voce".into()),
        feedback: Feedback::Expectation(worker.into()),
        rationale: "",
        version,
        metadata: Map::from_iter([
            (MARK.to_owned(), Value::from(mark)),
            (ATTEMPT.to_owned(), attempt.into()),
            (UNTIL.to_owned(), until_ms.into()),
        ]),
    }
}

/// What a failed try leaves on its claim.
pub(crate) fn failed(failure: &Failure, from_ms: u64) -> Map<String, Value> {
    Map::from_iter([
        (FROM.to_owned(), Value::from(from_ms)),
        (TROUBLE.to_owned(), failure.kind.as_str().into()),
        (REASON.to_owned(), failure.reason.as_str().into()),
        (METRICS.to_owned(), failure.metrics.as_str().into()),
    ])
}

/// Whether a claim of any mark holds no more.
pub(crate) fn is_over(claim: &Assessment, now_ms: u64) -> bool {
    number(claim, UNTIL).max(number(claim, FROM)) <= now_ms
}

/// A note, empty where there is none. MLflow's notes are texts.
pub(crate) fn note<'a>(assessment: &'a Assessment, key: &str) -> &'a str {
    assessment.metadata.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn number(assessment: &Assessment, key: &str) -> u64 {
    note(assessment, key).parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claim(mark: &str, attempt: u32, until_ms: u64) -> Assessment {
        let text = |value: String| Value::String(value);
        Assessment {
            id: format!("a-{attempt}"),
            name: CLAIM.into(),
            trace_id: "tr-1".into(),
            span_id: None,
            source: Source::Code("voce".into()),
            feedback: Feedback::Expectation(json!("worker")),
            rationale: String::new(),
            metadata: Map::from_iter([
                (MARK.to_owned(), text(mark.into())),
                (ATTEMPT.to_owned(), text(attempt.to_string())),
                (UNTIL.to_owned(), text(until_ms.to_string())),
            ]),
            valid: true,
            created_ms: 0,
        }
    }

    fn failed_claim(attempt: u32, from_ms: u64) -> Assessment {
        let mut claim = claim("m", attempt, 100);
        let failure = Failure { kind: "away".into(), reason: "no answer".into(), ..Failure::default() };
        // As MLflow gives them back: texts.
        claim.metadata.extend(failed(&failure, from_ms).into_iter().map(|(key, value)| {
            (key, value.as_str().map_or_else(|| value.to_string(), str::to_owned).into())
        }));
        claim
    }

    #[test]
    fn what_claims_mean() {
        let of = |claims: &[Assessment], now| Claims::of(claims, "m", now, 3);
        assert_eq!(of(&[], 0), Claims::Free { attempt: 1 });
        assert_eq!(of(&[claim("other", 1, 900)], 0), Claims::Free { attempt: 1 }, "of another mark");
        assert_eq!(of(&[claim("m", 1, 900)], 899), Claims::Taken { until_ms: 900 });
        assert_eq!(of(&[claim("m", 1, 900)], 900), Claims::Free { attempt: 2 }, "it ran out");
        assert_eq!(of(&[failed_claim(1, 500)], 499), Claims::Later { from_ms: 500 });
        assert_eq!(of(&[failed_claim(1, 500)], 500), Claims::Free { attempt: 2 });
        let both = [failed_claim(1, 500), claim("m", 2, 900)];
        assert_eq!(of(&both, 600), Claims::Taken { until_ms: 900 }, "the last one counts");
        assert_eq!(of(&[failed_claim(2, 100), claim("m", 3, 900)], 600), Claims::Taken { until_ms: 900 });
    }

    #[test]
    fn a_turn_is_given_up_after_its_last_try_and_the_last_trouble_is_kept() {
        let Claims::Spent(failure) = Claims::of(&[failed_claim(3, 500)], "m", 0, 3) else { panic!() };
        assert_eq!(
            (failure.kind.as_str(), failure.reason.as_str(), failure.attempts),
            ("away", "no answer", 3)
        );
        let Claims::Spent(failure) = Claims::of(&[claim("m", 3, 900)], "m", 900, 3) else { panic!() };
        assert_eq!(failure.kind, "died");
    }
}
