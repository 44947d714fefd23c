//! What runs beside the calls: scores for the page, recordings that grow old.
use std::{future::Future, time::Duration};

use anyhow::Result;
use voce_telemetry::SinkKind;

use crate::{config::Config, inspector::Scores, old_audio};

/// Where scores of the turns are found, if they are to be looked for.
pub fn scores(config: &Config) -> Result<Option<Scores>> {
    let is_wanted = config.inspector.turns > 0 && config.inspector.scores_seconds > 0;
    let client = mlflow(config)?.filter(|_| is_wanted && config.telemetry.enabled);
    Ok(client.map(|client| Scores { client }))
}

/// The first MLflow that traces go to.
pub fn mlflow(config: &Config) -> Result<Option<voce_mlflow::Client>> {
    let sink = config.telemetry.sinks.iter().find(|sink| sink.kind == SinkKind::Mlflow);
    let Some(sink) = sink else { return Ok(None) };
    Ok(Some(voce_mlflow::Client::new(&sink.url, voce_mlflow::Credentials::from_environment()?)?))
}

/// Takes recordings that are too old out of the first MLflow, if some are put there.
pub fn delete_old_audio(config: &Config) -> Result<Option<impl Future<Output = ()> + use<>>> {
    let audio = &config.telemetry.audio;
    let sink = config.telemetry.sinks.iter().find(|sink| sink.kind == SinkKind::Mlflow);
    let Some(sink) = sink.filter(|_| audio.enabled && audio.keep_days > 0) else { return Ok(None) };
    let client = voce_mlflow::Client::new(&sink.url, voce_mlflow::Credentials::from_environment()?)?;
    let keep = Duration::from_secs(u64::from(audio.keep_days) * 24 * 60 * 60);
    Ok(Some(old_audio::delete_forever(client, sink.experiment.clone(), keep)))
}
