//! Scores that stand in MLflow: of a person and of the judge at the same trace.
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use voce_judge::{Metric, Metrics};
use voce_mlflow::{Assessment, Client, Credentials, Feedback, Order, Search, Source, TraceInfo};

use super::report::{Compared, Gathered};
use crate::{
    commands::report::{period, sink},
    config::Config,
};

/// The newest turns that are looked at.
const MOST_TURNS: usize = 5_000;

/// The pairs of the last time.
pub async fn gather(config: &Config, metrics: &Metrics, since: &str) -> Result<Gathered> {
    let since_ms = period::millis(since)?;
    let now_ms = u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let sink = sink(config)?;
    let client = Client::new(&sink.url, Credentials::from_environment()?)?;
    let experiment_id = client.experiment(&sink.experiment).await?;
    let filter = format!(
        "trace.name = 'voice-turn' AND trace.timestamp_ms >= {} AND trace.timestamp_ms < {now_ms}",
        now_ms.saturating_sub(since_ms)
    );
    let search =
        Search { experiment_id: &experiment_id, filter: &filter, order: Order::Newest, limit: MOST_TURNS };
    let traces = client.search(&search).await?;
    let source = format!("experiment {:?} of {}, the last {since}", sink.experiment, sink.url);
    let gathered = pairs(&traces, metrics, source);
    ensure!(
        !gathered.compared.is_empty(),
        "no turn of experiment {:?} has scores of a person and of the judge for the same metric within the last {since}; \
         score some in MLflow (Feedback, named as the metric, a whole number), or look further back with --since 30d",
        sink.experiment
    );
    Ok(gathered)
}

fn pairs(traces: &[TraceInfo], metrics: &Metrics, source: String) -> Gathered {
    let mut gathered = Gathered { source, ..Gathered::default() };
    for trace in traces {
        let found = metrics.all.iter().filter_map(|metric| pair(trace, metric));
        let before = gathered.compared.len();
        for (compared, judge) in found {
            gathered.compared.push(compared);
            gathered.judges.extend(Some(judge).filter(|judge| !gathered.judges.contains(judge)));
        }
        gathered.turns += usize::from(gathered.compared.len() > before);
    }
    gathered
}

/// What a person and a judge say last, if both do. What is outside of the scale is no score of this metric.
fn pair(trace: &TraceInfo, metric: &Metric) -> Option<(Compared, String)> {
    let latest = |wanted: fn(&Source) -> bool| {
        let all = trace.assessments.iter().filter(|one| one.valid && one.name == metric.name);
        let scores = all.filter(|one| wanted(&one.source)).filter_map(|one| Some((one, whole(one, metric)?)));
        scores.max_by_key(|(one, _)| one.created_ms)
    };
    let (person, human) = latest(|source| matches!(source, Source::Human(_)))?;
    let (judge, score) = latest(|source| matches!(source, Source::Judge(_) | Source::Code(_)))?;
    let name = match &judge.source {
        Source::Judge(name) => name.clone(),
        _ => "rules".to_owned(),
    };
    let compared = Compared {
        metric: metric.name.clone(),
        place: trace.id.clone(),
        question: String::new(),
        answer: String::new(),
        human,
        judge: score,
        reason: judge.rationale.clone(),
        note: person.rationale.clone(),
    };
    Some((compared, name))
}

fn whole(assessment: &Assessment, metric: &Metric) -> Option<i64> {
    // A thumb that happens to be called as the metric is no score on its scale.
    if matches!(assessment.feedback, Feedback::Value(serde_json::Value::Bool(_))) {
        return None;
    }
    assessment.score().filter(|score| metric.allows(*score)).map(|score| score as i64)
}
