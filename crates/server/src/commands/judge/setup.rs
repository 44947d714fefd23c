//! What a judge is made of, from the configuration.
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use tokio_util::sync::CancellationToken;
use voce_judge::{Judge, Metrics, Parts, Spent, Worker};
use voce_mlflow::{Client, Credentials};
use voce_telemetry::{Prices, SinkConfig, SinkKind};

use super::settings::effective;
use crate::config::Config;

/// All that is checked before anything starts.
pub struct Setup {
    /// The settings in force: see [`effective`].
    pub judge: voce_judge::Config,
    /// Where the turns are.
    pub sink: SinkConfig,
    fingerprint: String,
    scores: Judge,
    prices: Prices,
}

impl Setup {
    /// The error names the judge file and its line, or the key of the configuration.
    pub fn new(config: &Config) -> Result<Self> {
        let sink = config.telemetry.sinks.iter().find(|sink| sink.kind == SinkKind::Mlflow);
        let sink = sink.context(
            "telemetry.sinks holds no MLflow whose turns could be scored; expected one, e.g. --set 'telemetry.sinks=[{url=\"http://127.0.0.1:5000\"}]'",
        )?;
        let judge = effective(config);
        checked(&judge)?;
        let metrics = Metrics::load(&judge.folder)?;
        let fingerprint = metrics.fingerprint();
        let scores = Judge::new(&judge, metrics)?;
        let prices = Prices::new(&config.telemetry.prices)?;
        let is_priced = prices.cost(&judge.model, 0.0, 0.0).is_some();
        ensure!(
            judge.cost_per_hour <= 0.0 || judge.model.is_empty() || is_priced,
            "judge.cost_per_hour is set and {:?} has no price; name it in [[telemetry.prices]]",
            judge.model
        );
        Ok(Self { judge, sink: sink.clone(), fingerprint, scores, prices })
    }

    /// A worker under a name of its own.
    pub fn worker(&self, stop: CancellationToken) -> Result<Worker> {
        let prices = self.prices.clone();
        let price = move |model: &str, spent: &Spent| {
            prices.cost(model, spent.prompt_tokens as f64, spent.completion_tokens as f64).unwrap_or_default()
        };
        Ok(Worker::new(Parts {
            client: self.client()?,
            experiment: self.sink.experiment.clone(),
            fingerprint: self.fingerprint.clone(),
            judge: self.scores.clone(),
            config: self.judge.clone(),
            name: name(),
            price: Arc::new(price),
            stop,
        }))
    }

    pub fn client(&self) -> Result<Client> {
        Ok(Client::new(&self.sink.url, Credentials::from_environment()?)?)
    }

    /// What to do for scores by a model, where none is configured.
    pub fn without_model(&self) -> Option<&'static str> {
        (!self.scores.has_a_model()).then_some(
            "only what is computed is scored; for scores by a model set judge.base_url and judge.model to any server that \
             speaks OpenAI's chat completions",
        )
    }
}

fn checked(judge: &voce_judge::Config) -> Result<()> {
    ensure!(
        judge.model.is_empty() || !judge.base_url.is_empty(),
        "judge.model = {:?} and judge.base_url is empty: expected the server that has the model, e.g. http://127.0.0.1:8000/v1",
        judge.model
    );
    ensure!(
        (0.0..=1.0).contains(&judge.sample),
        "judge.sample = {}: expected a share from 0 to 1",
        judge.sample
    );
    ensure!(judge.attempts > 0, "judge.attempts = 0: expected at least 1");
    ensure!(judge.lease_seconds > 0, "judge.lease_seconds = 0: expected at least 1");
    Ok(())
}

/// Another name for every process, that says where it runs.
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let random = uuid::Uuid::new_v4().simple().to_string();
    let random = random.get(..6).unwrap_or_default();
    format!("{}-{}-{random}", host.trim(), std::process::id())
}
