//! Scores by asking the judge, one turn of the file after the other, some at the same time.
use std::{
    io::IsTerminal,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use anyhow::{Result, bail, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::sleep;
use voce_judge::{Config, Judge, Judged, Metric, Metrics, TroubleKind, calibration::Rated};

use super::report::{Compared, Gathered, Unscored};

/// What is waited before a second try, unless the server says how long; doubled with each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// What the judge says of these turns. A server that refuses, or has answered nothing by the end of a turn's tries, ends it.
pub async fn gather(settings: &Config, metrics: Metrics, rated: &[Rated], source: &str) -> Result<Gathered> {
    let judge = Judge::new(settings, metrics)?;
    let wants_a_model = |name: &String| judge.metrics().named(name).is_some_and(Metric::asks_a_model);
    ensure!(
        judge.has_a_model() || !rated.iter().flat_map(|one| one.scores.keys()).any(wants_a_model),
        "no model to ask: judge.base_url is empty, and llm.engine is not openai; \
         expected e.g. --set judge.base_url=http://127.0.0.1:8000/v1 --set judge.model=NAME"
    );
    let bar = bar(rated.len());
    let answered = AtomicBool::new(false);
    let (judge, bar, answered) = (&judge, &bar, &answered);
    let asked = stream::iter(rated).map(|one| async move {
        let judged = patiently(judge, one, settings.attempts, answered).await?;
        bar.inc(1);
        anyhow::Ok((one, judged))
    });
    let all: Vec<(&Rated, Judged)> = asked.buffered(settings.at_once.max(1)).try_collect().await?;
    bar.finish_and_clear();
    let mut gathered = Gathered { source: source.to_owned(), turns: rated.len(), ..Gathered::default() };
    for (one, judged) in all {
        let place = format!("line {}", one.line);
        gathered.requests += judged.spent.requests;
        gathered.tokens += judged.spent.prompt_tokens + judged.spent.completion_tokens;
        for score in judged.scores {
            gathered.judges.extend(score.model.filter(|model| !gathered.judges.contains(model)));
            gathered.compared.push(Compared {
                human: one.scores[&score.metric],
                // Whole by the scale.
                judge: score.value as i64,
                metric: score.metric,
                place: place.clone(),
                question: one.turn.question.clone(),
                answer: one.turn.answer.clone(),
                reason: score.reason,
                note: one.note.clone(),
            });
        }
        gathered.unscored.extend(judged.troubles.into_iter().map(|(metric, trouble)| Unscored {
            metric,
            place: place.clone(),
            reason: trouble.message,
        }));
    }
    if let (true, Some(first)) = (gathered.compared.is_empty(), gathered.unscored.first()) {
        bail!("the judge gave no score at all: {}", first.reason);
    }
    Ok(gathered)
}

/// Asks for all scores that people gave; what fails in a way that may pass is asked again after a while.
async fn patiently(judge: &Judge, rated: &Rated, attempts: u32, answered: &AtomicBool) -> Result<Judged> {
    let scored = |metric: &&Metric| rated.scores.contains_key(&metric.name);
    let mut left: Vec<&Metric> = judge.metrics().all.iter().filter(scored).collect();
    let mut all = Judged::default();
    for attempt in 1..=attempts.max(1) {
        let judged = judge.judge(&rated.turn, &left).await;
        // A nonsense answer is one, too.
        let has_answered = judged.scores.iter().any(|score| score.model.is_some())
            || judged.troubles.iter().any(|(_, trouble)| trouble.kind == TroubleKind::Invalid);
        answered.fetch_or(has_answered, Relaxed);
        all.scores.extend(judged.scores);
        all.troubles = judged.troubles;
        all.spent.add(judged.spent);
        if let Some((_, trouble)) =
            all.troubles.iter().find(|(_, trouble)| trouble.kind == TroubleKind::Refused)
        {
            bail!("{}", trouble.message);
        }
        left.retain(|metric| all.troubles.iter().any(|(name, _)| *name == metric.name));
        // The judge itself has asked for a better answer already.
        let passing = all.troubles.iter().find(|(_, trouble)| trouble.kind != TroubleKind::Invalid);
        let Some((_, trouble)) = passing else { break };
        if attempt >= attempts {
            ensure!(answered.load(Relaxed), "the judge's model never answered: {}", trouble.message);
            break;
        }
        sleep(trouble.wait.unwrap_or(FIRST_WAIT * 2_u32.pow((attempt - 1).min(6)))).await;
    }
    Ok(all)
}

fn bar(turns: usize) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("asking the judge {bar:30} {pos} of {len} turns, {eta} left");
    ProgressBar::new(turns as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
