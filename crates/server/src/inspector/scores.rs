//! Scores of the last turns, as judges and people write them into MLflow: for the page, and for the metrics.
use std::time::Duration;

use tokio::time::{Instant, sleep};
use voce_mlflow::{Assessment, Client, Source};

use super::{Inspector, turn::Score};

/// How often MLflow is asked while a turn is this young.
const SOON: Duration = Duration::from_secs(5);
const YOUNG: Duration = Duration::from_secs(120);
/// How often it is asked about older turns.
const LATER: Duration = Duration::from_secs(30);

/// Where scores stand.
pub struct Scores {
    pub client: Client,
}

impl Inspector {
    /// Asks for scores of the turns that are kept for as long as `scores_seconds` says. Never returns.
    pub async fn follow_scores(self, scores: Scores) {
        let longest = Duration::from_secs(self.0.config.scores_seconds);
        loop {
            let turns = self.0.store.lock().younger_than(longest);
            let is_young = turns.iter().any(|(_, ended)| ended.elapsed() < YOUNG);
            if !turns.is_empty() {
                self.ask(&scores, &turns).await;
            }
            sleep(if is_young || turns.is_empty() { SOON } else { LATER }).await;
        }
    }

    async fn ask(&self, scores: &Scores, turns: &[(String, Instant)]) {
        let ids: Vec<&str> = turns.iter().map(|(trace_id, _)| trace_id.as_str()).collect();
        let traces = match scores.client.infos(&ids).await {
            Ok(traces) => traces,
            // That MLflow does not answer is said by the export already.
            Err(error) => return tracing::debug!(%error, "no scores"),
        };
        for trace in traces {
            let scores = trace.assessments.iter().filter_map(|one| self.score(one)).collect();
            let trace_id = trace.id.strip_prefix("tr-").unwrap_or(&trace.id);
            let (variant, new) = self.0.store.lock().score(trace_id, scores);
            for score in new {
                self.0.telemetry.score(&score.name, score.value, &score.by, &variant);
            }
        }
    }

    fn score(&self, assessment: &Assessment) -> Option<Score> {
        let value = assessment.score().filter(|_| assessment.valid)?;
        let (source, by) = match &assessment.source {
            Source::Human(_) => ("HUMAN", "human"),
            Source::Judge(model) => ("LLM_JUDGE", model.as_str()),
            Source::Code(name) => ("CODE", name.as_str()),
            Source::Other(kind, name) => (kind.as_str(), name.as_str()),
        };
        // A reason may quote what was said.
        let rationale = match self.0.redactor.is_silent() {
            true => String::new(),
            false => self.0.redactor.text(&assessment.rationale).into_owned(),
        };
        Some(Score {
            id: assessment.id.clone(),
            name: assessment.name.clone(),
            value,
            rationale,
            source: source.to_owned(),
            by: by.to_owned(),
        })
    }
}
