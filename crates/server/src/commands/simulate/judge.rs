//! Scores of simulated turns, by the judge that scores real ones.
use std::collections::BTreeMap;

use anyhow::Result;
use futures_util::{FutureExt, future::BoxFuture};
use voce_core::{EndReason, TurnReport};
use voce_judge::{Judge, Message, Metric, Metrics, Passage, Turn};
use voce_simulate::Scorer;

use crate::{commands::judge::effective, config::Config};

/// How a message ends whose hearer cut it off.
const CUT: &str = "—";

/// The judge as configured.
pub struct Scores {
    judge: Judge,
    metrics: Metrics,
}

impl Scores {
    /// Reads the judge files. Nothing is asked yet.
    pub fn of(config: &Config) -> Result<Self> {
        let metrics = Metrics::load(&config.judge.folder)?;
        Ok(Self { judge: Judge::new(&effective(config), metrics.clone())?, metrics })
    }
}

impl Scorer for Scores {
    fn score<'a>(
        &'a self,
        turns: &'a [TurnReport],
        metrics: &'a [String],
    ) -> BoxFuture<'a, voce_simulate::Scores> {
        async move {
            let Some((last, before)) = turns.split_last() else { return BTreeMap::new() };
            let turn = turn(last, before);
            let applicable = self.judge.applicable(&turn);
            let wanted: Vec<&Metric> =
                applicable.into_iter().filter(|metric| metrics.contains(&metric.name)).collect();
            let judged = self.judge.judge(&turn, &wanted).await;
            let mut scores: voce_simulate::Scores = BTreeMap::new();
            for metric in metrics {
                let score = judged.scores.iter().find(|score| score.metric == *metric);
                let trouble = judged.troubles.iter().find(|(name, _)| name == metric);
                let known = self.metrics.all.iter().any(|known| known.name == *metric);
                let outcome = match (score, trouble) {
                    (Some(score), _) => Ok(score.value),
                    (None, Some((_, trouble))) => Err(trouble.to_string()),
                    (None, None) if known => {
                        Err("the metric does not apply to this turn, or judge.base_url names no model".into())
                    }
                    (None, None) => Err("there is no judge file for it".into()),
                };
                scores.insert(metric.clone(), outcome);
            }
            scores
        }
        .boxed()
    }
}

/// A turn as the judge sees it.
fn turn(report: &TurnReport, before: &[TurnReport]) -> Turn {
    let message = |role: &str, text: String| Message { role: role.into(), text };
    let history = before.iter().flat_map(|turn| {
        let cut = if turn.end_reason == EndReason::Interrupted { CUT } else { "" };
        [message("user", turn.question.clone()), message("assistant", format!("{}{cut}", turn.heard))]
    });
    let passages = report.passages.iter().map(|passage| Passage {
        source: passage.source.clone(),
        text: passage.text.clone(),
        score: Some(passage.score.into()),
    });
    let count = |count: u32| Some(f64::from(count));
    // Names as the judge's own reader of traces gives them.
    let figures = [
        ("voice_to_voice_seconds", report.voice_to_voice_seconds),
        ("interruptions", count(u32::from(report.end_reason == EndReason::Interrupted))),
        ("overlaps", count(report.overlaps)),
        ("early", count(u32::from(report.early))),
        ("early_dropped", count(report.early_dropped)),
        ("wasted_seconds", Some(report.wasted_seconds)),
        ("speech_seconds", report.speech_seconds),
        ("end_of_turn_probability", report.end_of_turn_probability),
        ("end_of_turn_waited_ms", report.end_of_turn_seconds.map(|seconds| seconds * 1_000.0)),
        ("llm_first_token_seconds", report.llm_first_token_seconds),
        ("prompt_tokens", report.usage.and_then(|usage| count(usage.prompt_tokens))),
        ("completion_tokens", report.usage.and_then(|usage| count(usage.completion_tokens))),
    ];
    Turn {
        trace_id: String::new(),
        question: report.question.clone(),
        answer: report.heard.clone(),
        generated: report.generated.clone(),
        history: history.collect(),
        passages: report.retrieval_seconds.map(|_| passages.collect()),
        end_reason: report.end_reason.as_str().into(),
        figures: figures.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect(),
    }
}
