//! MLflow's experiments: traces are posted to an experiment by number, people name it by name.
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use serde_json::json;

use crate::{answer, environment::Address};

/// Carries the experiment's number with each request.
pub(crate) const EXPERIMENT_HEADER: &str = "x-mlflow-experiment-id";

#[derive(Deserialize)]
struct Found {
    experiment: Experiment,
}

#[derive(Deserialize)]
struct Experiment {
    experiment_id: String,
    #[serde(default)]
    lifecycle_stage: String,
}

#[derive(Deserialize)]
struct Created {
    experiment_id: String,
}

/// The number of an experiment of the sink, made if it is missing. The error is a sentence for the log.
pub(crate) async fn experiment(client: &Client, sink: &Address, name: &str) -> Result<String, String> {
    if let Some(id) = find(client, sink, name).await? {
        return Ok(id);
    }
    if let Some(id) = create(client, sink, name).await? {
        return Ok(id);
    }
    // Another process made it between the two calls.
    find(client, sink, name)
        .await?
        .ok_or_else(|| format!("experiment {name:?} is neither there nor can be made"))
}

async fn find(client: &Client, sink: &Address, name: &str) -> Result<Option<String>, String> {
    let mut url = api(sink, "get-by-name")?;
    url.query_pairs_mut().append_pair("experiment_name", name);
    let answer =
        client.get(url).headers(sink.headers.clone()).timeout(sink.timeout).send().await.map_err(plain)?;
    if answer.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let found: Found = json_of(answer).await?;
    if found.experiment.lifecycle_stage == "deleted" {
        return Err(format!(
            "experiment {name:?} is deleted there; restore it or set another in telemetry.sinks"
        ));
    }
    Ok(Some(found.experiment.experiment_id))
}

async fn create(client: &Client, sink: &Address, name: &str) -> Result<Option<String>, String> {
    // The tag chooses the pages that MLflow shows for it: those for traces rather than for training runs.
    let body = json!({
        "name": name,
        "tags": [{"key": "mlflow.experimentKind", "value": "genai_development"}],
    });
    let request = client.post(api(sink, "create")?).headers(sink.headers.clone()).timeout(sink.timeout);
    let answer = request.json(&body).send().await.map_err(plain)?;
    if answer.status() == StatusCode::BAD_REQUEST {
        let text = answer::text(answer).await.unwrap_or_default();
        if text.contains("RESOURCE_ALREADY_EXISTS") {
            return Ok(None);
        }
        return Err(format!("experiment {name:?} cannot be made: {}", short(&text)));
    }
    json_of::<Created>(answer).await.map(|created| Some(created.experiment_id))
}

fn api(sink: &Address, call: &str) -> Result<Url, String> {
    let url = format!("{}/api/2.0/mlflow/experiments/{call}", sink.base.as_str().trim_end_matches('/'));
    Url::parse(&url).map_err(|error| error.to_string())
}

async fn json_of<T: serde::de::DeserializeOwned>(answer: reqwest::Response) -> Result<T, String> {
    let status = answer.status();
    let text = answer::text(answer).await.map_err(plain)?;
    if !status.is_success() {
        return Err(format!("{status}: {}", short(&text)));
    }
    serde_json::from_str(&text)
        .map_err(|error| format!("not an answer of MLflow ({error}): {}", short(&text)))
}

/// An error of the HTTP client with its causes: the last alone says what happened.
pub(crate) fn plain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    short(&text)
}

/// The start of an answer, on one line.
pub(crate) fn short(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    crate::said::cut(&line, 300).to_owned()
}
