//! Files that stand beside traces: the sound of a turn.
use reqwest::Method;

use crate::{Client, MlflowError, traces::with_prefix};

impl Client {
    /// Deletes a file that is attached to a trace. MLflow answers the same whether it was there or not.
    ///
    /// # Errors
    /// A name that is no plain file name, and whatever a request can meet.
    pub async fn delete_attachment(
        &self,
        experiment_id: &str,
        trace_id: &str,
        name: &str,
    ) -> Result<(), MlflowError> {
        let trace_id = with_prefix(trace_id);
        self.delete_artifact(&format!("{experiment_id}/traces/{trace_id}/artifacts/attachments/{name}")).await
    }

    /// Deletes a file below the server's artifacts, or a folder with all that is in it.
    ///
    /// # Errors
    /// A path with empty, `.` or `..` parts or with characters other than letters, digits, `-`, `_` and `.`; a store that
    /// cannot delete; and whatever a request can meet.
    pub async fn delete_artifact(&self, path: &str) -> Result<(), MlflowError> {
        let plain = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '-' | '_' | '.'))
        };
        // A path that is wrong may delete more than was meant.
        if !path.split('/').all(plain) {
            let expected = "expected parts of letters, digits, '-', '_' and '.' between slashes";
            return Err(MlflowError::Invalid(format!("artifact path {path:?}: {expected}")));
        }
        let what = format!("deletion of artifact {path}");
        let path = format!("/api/2.0/mlflow-artifacts/artifacts/{path}");
        self.send(&what, Method::DELETE, &path, None).await.map(drop)
    }
}
