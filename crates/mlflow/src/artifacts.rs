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
        check(path)?;
        let what = format!("deletion of artifact {path}");
        let path = format!("/api/2.0/mlflow-artifacts/artifacts/{path}");
        self.send(&what, Method::DELETE, &path, None).await.map(drop)
    }

    /// A file below the server's artifacts; `None` if it is not there.
    ///
    /// # Errors
    /// A path as [`Client::delete_artifact`] refuses it, a file of more than 64 MiB, and whatever a request can meet.
    pub async fn artifact(&self, path: &str) -> Result<Option<Vec<u8>>, MlflowError> {
        check(path)?;
        let what = format!("artifact {path}");
        match self.get_bytes(&what, &format!("/api/2.0/mlflow-artifacts/artifacts/{path}")).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(MlflowError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A path that is wrong may name more than was meant.
fn check(path: &str) -> Result<(), MlflowError> {
    let plain = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '-' | '_' | '.'))
    };
    if path.split('/').all(plain) {
        return Ok(());
    }
    let expected = "expected parts of letters, digits, '-', '_' and '.' between slashes";
    Err(MlflowError::Invalid(format!("artifact path {path:?}: {expected}")))
}
