//! Deletes the recordings of old turns from MLflow, as `telemetry.audio.keep_days` says. The traces stay.
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::sleep;
use voce_mlflow::{Client, MlflowError, Order, Search};
use voce_telemetry::{AUDIO_KEPT, AUDIO_TAG, Side, artifact_path};

/// How often old recordings are looked for.
const EVERY: Duration = Duration::from_secs(6 * 60 * 60);
/// Traces looked at in one go.
const AT_ONCE: usize = 200;

/// Deletes what is older than `keep` in `experiment`, now and every few hours. Never returns.
pub async fn delete_forever(client: Client, experiment: String, keep: Duration) {
    loop {
        match delete(&client, &experiment, keep).await {
            Ok(0) => {}
            Ok(turns) => tracing::info!(turns, "recordings deleted from MLflow for their age"),
            Err(error) => tracing::debug!(%error, "old recordings could not be deleted; tried again later"),
        }
        sleep(EVERY).await;
    }
}

/// Returns the number of turns whose recordings are gone now.
pub async fn delete(client: &Client, experiment: &str, keep: Duration) -> Result<usize, MlflowError> {
    let experiment_id = client.experiment(experiment).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let before_ms = now.saturating_sub(keep).as_millis();
    let filter = format!("tag.{AUDIO_TAG} = '{AUDIO_KEPT}' AND trace.timestamp_ms < {before_ms}");
    let mut turns = 0;
    loop {
        let search =
            Search { experiment_id: &experiment_id, filter: &filter, order: Order::Oldest, limit: AT_ONCE };
        let found = client.search(&search).await?;
        if found.is_empty() {
            return Ok(turns);
        }
        for trace in found {
            let trace_id = trace.id.strip_prefix("tr-").unwrap_or(&trace.id);
            for side in [Side::Caller, Side::Bot] {
                client.delete_artifact(&format!("{experiment_id}/{}", artifact_path(trace_id, side))).await?;
            }
            // The tag last: what was not deleted to the end is found again.
            client.set_tag(&trace.id, AUDIO_TAG, "deleted").await?;
            turns += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::{Registry, layer::SubscriberExt};
    use voce_mlflow::Credentials;
    use voce_telemetry::{Config, SinkConfig};
    use voce_testkit::mlflow::Mlflow;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn recordings_go_when_they_are_too_old_and_the_trace_stays() {
        let Some(mlflow) = Mlflow::from_environment() else { return };
        rustls::crypto::ring::default_provider().install_default().ok();
        let experiment = format!("voce-test-old-audio-{}", std::process::id());
        let sink =
            SinkConfig { url: mlflow.url().into(), experiment: experiment.clone(), ..Default::default() };
        let mut config = Config { sinks: vec![sink], ..Default::default() };
        config.spool.enabled = false;
        config.audio.enabled = true;
        let (layer, guard) = voce_telemetry::layer::<Registry>(&config).unwrap();
        let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
        let trace_id = tracing::dispatcher::with_default(&dispatch, || {
            let turn = tracing::info_span!(target: "voce_pipeline", parent: None, "turn", session = "call");
            voce_telemetry::trace_id(&turn).unwrap()
        });
        assert!(guard.telemetry().attach(&trace_id, Side::Bot, vec![7; 100]));
        assert!(tokio::task::spawn_blocking(move || guard.flush(Duration::from_secs(20))).await.unwrap());
        let client = Client::new(mlflow.url(), Credentials::none()).unwrap();
        let id = client.experiment(&experiment).await.unwrap();
        let path = artifact_path(&trace_id, Side::Bot);
        let file = format!("{}/api/2.0/mlflow-artifacts/artifacts/{id}/{path}", mlflow.url());
        let is_there = async || reqwest::get(&file).await.unwrap().status().is_success();
        assert!(is_there().await, "the recording arrived");

        assert_eq!(delete(&client, &experiment, Duration::from_secs(3_600)).await.unwrap(), 0);
        assert!(is_there().await, "it is not an hour old");
        assert_eq!(delete(&client, &experiment, Duration::ZERO).await.unwrap(), 1);
        assert!(!is_there().await, "it is gone");
        assert_eq!(delete(&client, &experiment, Duration::ZERO).await.unwrap(), 0);
        assert!(client.trace(&trace_id).await.unwrap().is_some(), "the trace stays");
    }
}
