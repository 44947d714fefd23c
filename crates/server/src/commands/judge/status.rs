//! `voce judge --status`: what waits, what was scored, what was put aside, what it cost, and whether the model answers.
use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use voce_judge::Status;
use voce_mlflow::{Client, MlflowError, Order, Search};

use super::setup::Setup;
use crate::config::Config;

/// The judge's own traces that are added up, at most.
const MOST_TRACES: usize = 5_000;
const HOUR_MS: u64 = 3_600_000;

/// All that is said. Its JSON form is what `--json` prints.
#[derive(Serialize)]
struct Told<'a> {
    experiment: &'a str,
    mlflow: &'a str,
    lookback_hours: u32,
    #[serde(flatten)]
    status: Status,
    last_hour: LastHour,
    currency: &'a str,
    tokens_per_hour: u64,
    cost_per_hour: f64,
    model: Option<Model<'a>>,
}

/// From the judge's own traces, of all workers.
#[derive(Default, Serialize)]
struct LastHour {
    tries: usize,
    tokens: u64,
    cost: f64,
}

#[derive(Serialize)]
struct Model<'a> {
    name: &'a str,
    base_url: &'a str,
    /// Why it cannot be asked; `None`: it answers.
    problem: Option<String>,
}

pub async fn run(config: &Config, json: bool) -> Result<ExitCode> {
    let setup = Setup::new(config)?;
    let status = setup.worker(CancellationToken::new())?.status().await?;
    let model = match setup.without_model() {
        Some(_) => None,
        None => Some(Model {
            name: &setup.judge.model,
            base_url: &setup.judge.base_url,
            problem: reach(&setup.judge.base_url).await.err(),
        }),
    };
    let told = Told {
        experiment: &setup.sink.experiment,
        mlflow: &setup.sink.url,
        lookback_hours: setup.judge.lookback_hours,
        status,
        last_hour: last_hour(&setup.client()?, &setup.sink.judge_experiment).await?,
        currency: &config.telemetry.currency,
        tokens_per_hour: setup.judge.tokens_per_hour,
        cost_per_hour: setup.judge.cost_per_hour,
        model,
    };
    match json {
        true => println!("{}", serde_json::to_string_pretty(&told)?),
        false => print(&told, &setup),
    }
    Ok(ExitCode::SUCCESS)
}

async fn last_hour(client: &Client, experiment: &str) -> Result<LastHour> {
    let mut sum = LastHour::default();
    let experiment_id = match client.experiment(experiment).await {
        Ok(id) => id,
        // Nothing was judged yet, or its work is not kept.
        Err(MlflowError::NoExperiment { .. }) => return Ok(sum),
        Err(error) => return Err(error.into()),
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis();
    let from_ms = u64::try_from(now)?.saturating_sub(HOUR_MS);
    let filter = format!("trace.name = 'judge' AND trace.timestamp_ms > {from_ms}");
    let search =
        Search { experiment_id: &experiment_id, filter: &filter, order: Order::Newest, limit: MOST_TRACES };
    for trace in client.search(&search).await? {
        sum.tries += 1;
        sum.tokens += trace.tokens().map_or(0, |(read, written)| read + written);
        sum.cost += trace.cost().unwrap_or_default();
    }
    Ok(sum)
}

/// Whether the server answers, and takes our key.
pub async fn reach(base_url: &str) -> Result<(), String> {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build();
    let client = client.map_err(|error| error.to_string())?;
    let mut request = client.get(format!("{}/models", base_url.trim_end_matches('/')));
    let key = ["VOCE_JUDGE_API_KEY", "OPENAI_API_KEY"].into_iter().find_map(|name| std::env::var(name).ok());
    if let Some(key) = key.filter(|key| !key.is_empty()) {
        request = request.bearer_auth(key);
    }
    match request.send().await {
        Ok(answer) if matches!(answer.status().as_u16(), 401 | 403) => {
            Err("it refuses the key; set VOCE_JUDGE_API_KEY or OPENAI_API_KEY".into())
        }
        Ok(answer) if answer.status().is_server_error() => Err(format!("it answers {}", answer.status())),
        // A server without a list of models may well answer questions.
        Ok(_) => Ok(()),
        Err(error) if error.is_timeout() => Err("no answer within 5 s".into()),
        Err(_) => Err("it cannot be reached; check judge.base_url".into()),
    }
}

fn print(told: &Told, setup: &Setup) {
    let status = &told.status;
    println!("experiment {} in {}, the last {} hours", told.experiment, told.mlflow, told.lookback_hours);
    let more = if status.more { " and more" } else { "" };
    println!(
        "waiting    {}{more} turns; {} under way, {} to be tried again",
        status.waiting, status.under_way, status.later
    );
    println!("scored     {} turns", status.scored);
    for (metric, scores) in &status.scores {
        println!("           {metric}: {:.2} in the mean of {}", scores.mean, scores.count);
    }
    let hour = &told.last_hour;
    let tokens = limit(told.tokens_per_hour as f64);
    let cost = limit(told.cost_per_hour);
    println!(
        "last hour  {} tries, {} tokens{tokens}, {:.4} {}{cost}, all workers together",
        hour.tries, hour.tokens, hour.cost, told.currency
    );
    match (&told.model, setup.without_model()) {
        (Some(model), _) => {
            let answers = match &model.problem {
                None => "answers".to_owned(),
                Some(problem) => format!("does not answer: {problem}"),
            };
            println!("model      {} at {} {answers}", model.name, model.base_url);
        }
        (None, hint) => println!("model      none: {}", hint.unwrap_or_default()),
    }
    println!("put aside  {} turns", status.dead.len());
    for dead in &status.dead {
        let letter = &dead.letter;
        let metrics = if letter.metrics.is_empty() { "all" } else { &letter.metrics };
        println!(
            "           {} {}: {} ({metrics}; tried {} times)",
            dead.trace_id, letter.kind, letter.reason, letter.attempts
        );
    }
    if !status.dead.is_empty() {
        println!("           `voce judge --retry` lets them wait again");
    }
}

fn limit(limit: f64) -> String {
    if limit > 0.0 { format!(" (each worker may {limit})") } else { String::new() }
}
