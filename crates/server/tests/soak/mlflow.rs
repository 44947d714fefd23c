//! An MLflow of the run's own, which goes away and comes back.
use std::{collections::BTreeSet, path::PathBuf, process::Command, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::harness::repository;

/// Started by `scripts/mlflow`; stopped with the run.
pub struct OwnMlflow {
    dir: PathBuf,
    port: u16,
}

impl OwnMlflow {
    /// Starts one in `dir`.
    pub fn start(dir: PathBuf) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let own = Self { dir, port };
        own.run("start");
        own
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// `start` or `stop`. Blocking.
    pub fn run(&self, command: &str) {
        let mut script = Command::new(repository().join("scripts/mlflow"));
        script.arg(command).arg("--dir").arg(&self.dir);
        if command == "start" {
            script.args(["--port", &self.port.to_string()]);
        }
        let output = script.output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Ids of all turns in an experiment, 32 hex digits each.
    pub async fn turns(&self, experiment: &str) -> BTreeSet<String> {
        let http = reqwest::Client::new();
        let by_name =
            format!("{}/api/2.0/mlflow/experiments/get-by-name?experiment_name={experiment}", self.url());
        let found: Value = http.get(by_name).send().await.unwrap().json().await.unwrap();
        let id = found["experiment"]["experiment_id"].as_str().unwrap_or_default().to_owned();
        let mut turns = BTreeSet::new();
        let mut page = Value::Null;
        loop {
            let mut body = json!({
                "locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": id}}],
                "filter": "trace.name = 'voice-turn'", "max_results": 100,
            });
            if let Some(token) = page.as_str().filter(|token| !token.is_empty()) {
                body["page_token"] = token.into();
            }
            let request = http.post(format!("{}/api/3.0/mlflow/traces/search", self.url())).json(&body);
            let found: Value = request.send().await.unwrap().json().await.unwrap();
            let traces = found["traces"].as_array().cloned().unwrap_or_default();
            let ids = traces.iter().filter_map(|trace| trace["trace_id"].as_str());
            turns.extend(ids.map(|id| id.trim_start_matches("tr-").to_owned()));
            page = found["next_page_token"].clone();
            if traces.is_empty() || page.as_str().is_none_or(str::is_empty) {
                return turns;
            }
        }
    }
}

impl Drop for OwnMlflow {
    fn drop(&mut self) {
        self.run("stop");
    }
}

/// Waits until each sink of the server has all that it is to have; returns what was given up on the way.
pub async fn delivered(server: &str, patience: Duration) -> Result<u64, String> {
    let until = Instant::now() + patience;
    loop {
        let figures: Value =
            reqwest::get(format!("{server}/api/telemetry")).await.unwrap().json().await.unwrap();
        let sinks = figures["sinks"].as_array().cloned().unwrap_or_default();
        let sum = |name: &str| sinks.iter().filter_map(|sink| sink[name].as_u64()).sum::<u64>();
        if sum("waiting_spans") == 0 && sinks.iter().all(|sink| sink["up"] == true) {
            return Ok(sum("dropped")
                + sum("refused")
                + figures["queue_dropped"].as_u64().unwrap_or_default());
        }
        if Instant::now() > until {
            return Err(format!("spans still wait: {figures}"));
        }
        sleep(Duration::from_millis(500)).await;
    }
}
