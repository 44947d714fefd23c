//! Experiments: people name them, everything else wants their number.
use crate::{Client, MlflowError, wire::text};

impl Client {
    /// The number of an experiment.
    ///
    /// # Errors
    /// [`MlflowError::NoExperiment`] if there is none of that name or if it is deleted, and whatever a request can meet.
    pub async fn experiment(&self, name: &str) -> Result<String, MlflowError> {
        let missing = || MlflowError::NoExperiment { url: self.url().to_owned(), name: name.to_owned() };
        let what = format!("experiment {name:?}");
        let path = "/api/2.0/mlflow/experiments/get-by-name";
        let answer = match self.get(&what, path, &[("experiment_name", name)]).await {
            Err(MlflowError::NotFound { .. }) => return Err(missing()),
            other => other?,
        };
        let experiment = &answer["experiment"];
        if text(experiment, "lifecycle_stage") == "deleted" {
            return Err(missing());
        }
        match text(experiment, "experiment_id") {
            "" => Err(MlflowError::NotMlflow { what, reason: "an experiment without a number".to_owned() }),
            id => Ok(id.to_owned()),
        }
    }

    /// The address of a trace's page for a browser that reaches MLflow at `page_url`.
    pub fn trace_page(page_url: &str, experiment_id: &str, trace_id: &str) -> String {
        let page = page_url.trim_end_matches('/');
        format!("{page}/#/experiments/{experiment_id}/traces?selectedEvaluationId={trace_id}")
    }
}
