//! What a comparison with people says. Pure; chance comes from a fixed seed, so that it comes out the same twice.
use std::collections::BTreeMap;

use serde::Serialize;
use voce_judge::{Agreement, Metrics, Pair};

use crate::commands::dice::Dice;

const SEED: u64 = 5;
/// Disagreements of each metric that are shown.
const WORST: usize = 3;

/// What there is to compare.
#[derive(Default)]
pub struct Gathered {
    /// Where it comes from.
    pub source: String,
    pub turns: usize,
    /// The models that judged.
    pub judges: Vec<String>,
    pub compared: Vec<Compared>,
    pub unscored: Vec<Unscored>,
    pub requests: u32,
    pub tokens: u64,
}

/// One score of both.
#[derive(Clone, Serialize)]
pub struct Compared {
    #[serde(skip)]
    pub metric: String,
    /// A line of the file, or a trace.
    pub place: String,
    pub question: String,
    pub answer: String,
    pub human: i64,
    pub judge: i64,
    /// The judge's reason.
    pub reason: String,
    /// The person's.
    pub note: String,
}

/// A score that the judge did not give.
#[derive(Serialize)]
pub struct Unscored {
    pub metric: String,
    pub place: String,
    pub reason: String,
}

/// All of it. Its JSON form is what `--json` prints.
#[derive(Serialize)]
pub struct Report {
    pub source: String,
    pub turns: usize,
    pub judges: Vec<String>,
    pub requests: u32,
    pub tokens: u64,
    pub metrics: Vec<Compare>,
    pub unscored: Vec<Unscored>,
    /// What the weighted kappa must reach.
    pub threshold: Option<f64>,
    /// Metrics that do not.
    pub failed: Vec<Failure>,
}

/// One metric.
#[derive(Serialize)]
pub struct Compare {
    pub metric: String,
    #[serde(flatten)]
    pub agreement: Agreement,
    /// What is wrong with the material, if anything.
    pub remark: Option<&'static str>,
    /// Where they differ most, the largest difference first.
    pub worst: Vec<Compared>,
}

/// A metric below the threshold.
#[derive(Serialize)]
pub struct Failure {
    pub metric: String,
    pub reason: String,
}

impl Report {
    /// Compares, metric by metric.
    pub fn of(gathered: Gathered, metrics: &Metrics, threshold: Option<f64>) -> Self {
        let mut by_metric: BTreeMap<&str, Vec<&Compared>> = BTreeMap::new();
        for compared in &gathered.compared {
            by_metric.entry(&compared.metric).or_default().push(compared);
        }
        // A metric without any score fails too.
        for unscored in &gathered.unscored {
            by_metric.entry(&unscored.metric).or_default();
        }
        let known = by_metric.into_iter().filter_map(|(name, all)| Some((metrics.named(name)?, all)));
        let compared: Vec<Compare> = known
            .map(|(metric, all)| {
                let pairs: Vec<Pair> =
                    all.iter().map(|one| Pair { human: one.human, judge: one.judge }).collect();
                let mut dice = Dice::new(SEED);
                let scale = (metric.scale.0 as i64, metric.scale.1 as i64);
                let agreement = Agreement::of(&pairs, scale, |below| dice.below(below));
                let remark = agreement.remark();
                Compare { metric: metric.name.clone(), agreement, remark, worst: worst(&all) }
            })
            .collect();
        let failed = threshold.map_or_else(Vec::new, |threshold| {
            compared.iter().filter_map(|compare| compare.failure(threshold)).collect()
        });
        Self {
            source: gathered.source,
            turns: gathered.turns,
            judges: gathered.judges,
            requests: gathered.requests,
            tokens: gathered.tokens,
            metrics: compared,
            unscored: gathered.unscored,
            threshold,
            failed,
        }
    }
}

impl Compare {
    fn failure(&self, threshold: f64) -> Option<Failure> {
        let kappa = self.agreement.weighted_kappa;
        let remark = self.remark.map_or_else(String::new, |remark| format!(" ({remark})"));
        let reason = match kappa.value() {
            Some(value) if value >= threshold => return None,
            Some(value) => format!("weighted kappa {value:.2} is below the threshold {threshold}{remark}"),
            None => kappa.reason().to_owned(),
        };
        Some(Failure { metric: self.metric.clone(), reason })
    }
}

fn worst(all: &[&Compared]) -> Vec<Compared> {
    let apart = |one: &Compared| (one.human - one.judge).abs();
    let mut different: Vec<&Compared> = all.iter().copied().filter(|one| apart(one) > 0).collect();
    different.sort_by_key(|one| std::cmp::Reverse(apart(one)));
    different.into_iter().take(WORST).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn compared(metric: &str, human: i64, judge: i64) -> Compared {
        Compared {
            metric: metric.into(),
            place: format!("line {human}"),
            question: String::new(),
            answer: String::new(),
            human,
            judge,
            reason: String::new(),
            note: String::new(),
        }
    }

    #[test]
    fn a_metric_fails_below_the_threshold_and_without_a_kappa() {
        let metrics = Metrics::load(Path::new("no such folder")).unwrap();
        let tone = [(1, 1), (3, 3), (5, 5), (2, 4)].map(|(human, judge)| compared("tone", human, judge));
        let same = [(4, 4), (4, 4)].map(|(human, judge)| compared("coherence", human, judge));
        let away = Unscored { metric: "faithfulness".into(), place: "line 1".into(), reason: "away".into() };
        let gathered = |unscored| Gathered {
            compared: tone.iter().chain(&same).cloned().collect(),
            unscored,
            ..Gathered::default()
        };
        let report = Report::of(gathered(vec![away]), &metrics, Some(0.9));
        let failed: Vec<&str> = report.failed.iter().map(|failure| failure.metric.as_str()).collect();
        assert_eq!(failed, ["coherence", "faithfulness", "tone"]);
        assert!(report.failed[0].reason.contains("all scores of both are the same"));
        assert!(report.failed[1].reason.contains("fewer than two"));
        assert!(report.failed[2].reason.contains("below the threshold 0.9"));
        let tone = &report.metrics[2];
        assert_eq!((tone.worst.len(), tone.worst[0].human, tone.worst[0].judge), (1, 2, 4));
        assert!(Report::of(gathered(vec![]), &metrics, None).failed.is_empty());
    }
}
