//! Scoring turns: as a process of its own, or beside the calls of `voce serve`.
use std::process::ExitCode;

use anyhow::Result;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use voce_judge::{Gauges, Worker};
use voce_telemetry::Telemetry;

use super::setup::Setup;
use crate::config::Config;

/// `voce judge`: until it is told to end, or with `once` until nothing waits; then a turn that had to be put aside is a
/// failure.
pub async fn run(config: Config, once: bool) -> Result<ExitCode> {
    let setup = Setup::new(&config)?;
    let stop = CancellationToken::new();
    let worker = setup.worker(stop.clone())?;
    let telemetry = voce_telemetry::install(&config.telemetry)?;
    register(&telemetry.telemetry(), &worker.gauges());
    say(&setup);
    let mut signals = JoinSet::new();
    signals.spawn(async move {
        crate::commands::ended()
            .await
            .inspect_err(|error| tracing::error!(%error, "signals cannot be heard"))
            .ok();
        stop.cancel();
    });
    let done = match once {
        true => Some(worker.once().await),
        false => {
            worker.run().await;
            None
        }
    };
    tokio::task::spawn_blocking(move || drop(telemetry)).await?;
    let Some(done) = done.transpose()? else { return Ok(ExitCode::SUCCESS) };
    println!("{} turns scored, {} put aside", done.scored, done.dead);
    Ok(if done.dead == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The worker that runs beside calls; `None` where turns are not to be scored, or are kept nowhere. A broken judge file
/// is an error in any case.
pub fn beside_calls(
    config: &Config,
    telemetry: &Telemetry,
    stop: CancellationToken,
) -> Result<Option<Worker>> {
    if !config.judge.enabled {
        return Ok(None);
    }
    voce_judge::Metrics::load(&config.judge.folder)?;
    let has_mlflow = config.telemetry.sinks.iter().any(|sink| sink.kind == voce_telemetry::SinkKind::Mlflow);
    if !telemetry.is_on() || !has_mlflow {
        return Ok(None);
    }
    let setup = Setup::new(config)?;
    say(&setup);
    Ok(Some(setup.worker(stop)?))
}

fn say(setup: &Setup) {
    let (experiment, mlflow) = (&setup.sink.experiment, &setup.sink.url);
    match setup.without_model() {
        Some(hint) => tracing::info!(experiment, mlflow, "turns are scored: {hint}"),
        None => tracing::info!(experiment, mlflow, model = setup.judge.model, "turns are scored"),
    }
}

/// Adds the worker's figures to the metrics; what it asked and wrote comes from its spans.
pub fn register(telemetry: &Telemetry, gauges: &Gauges) {
    let of = gauges.clone();
    let words = "Turns that wait for the judge, 200 at most.";
    telemetry.gauge("voce.judge.waiting", "", words, &[], move || of.waiting() as f64);
    let of = gauges.clone();
    let words = "Turns that this process put aside, since its start.";
    telemetry.counter("voce.judge.dead", "", words, &[], move || of.dead() as f64);
    let of = gauges.clone();
    let words = "Whether the judge's model answered last; also 1 before it was asked.";
    telemetry.gauge("voce.judge.model_up", "", words, &[], move || {
        f64::from(u8::from(of.model_answers() != Some(false)))
    });
    let used = gauges.budget();
    let words = "Share of a limit of the judge that is used.";
    for (limit, is_set) in [
        ("requests", used.requests.is_some()),
        ("tokens", used.tokens.is_some()),
        ("cost", used.cost.is_some()),
    ] {
        let of = gauges.clone();
        if is_set {
            telemetry.gauge("voce.judge.budget", "", words, &[("limit", limit)], move || {
                let used = of.budget();
                match limit {
                    "requests" => used.requests,
                    "tokens" => used.tokens,
                    _ => used.cost,
                }
                .unwrap_or_default()
            });
        }
    }
}
