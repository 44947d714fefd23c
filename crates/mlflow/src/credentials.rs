//! Who we are for MLflow: the variables that its own clients read.
use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::header::HeaderValue;

use crate::MlflowError;

/// The value of the `Authorization` header, if there is one. Never shown.
#[derive(Clone, Default)]
pub struct Credentials(pub(crate) Option<HeaderValue>);

impl Credentials {
    /// A server that asks nobody who they are.
    pub fn none() -> Self {
        Self(None)
    }

    /// `MLFLOW_TRACKING_TOKEN`, or else `MLFLOW_TRACKING_USERNAME` with `MLFLOW_TRACKING_PASSWORD`, of this process.
    ///
    /// # Errors
    /// A value that no HTTP header can carry.
    pub fn from_environment() -> Result<Self, MlflowError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// The same from anywhere. Empty counts as unset.
    ///
    /// # Errors
    /// A value that no HTTP header can carry.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, MlflowError> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let text = match (variable("MLFLOW_TRACKING_TOKEN"), variable("MLFLOW_TRACKING_USERNAME")) {
            (Some(token), _) => format!("Bearer {token}"),
            (None, Some(user)) => {
                let password = variable("MLFLOW_TRACKING_PASSWORD").unwrap_or_default();
                format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
            }
            (None, None) => return Ok(Self(None)),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| MlflowError::Credentials)?;
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Credentials(set)" } else { "Credentials(none)" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &'static [(&'static str, &'static str)]) -> Credentials {
        let variable =
            |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Credentials::from_variables(variable).unwrap()
    }

    #[test]
    fn a_token_goes_before_a_name_and_nothing_is_shown() {
        let token = with(&[("MLFLOW_TRACKING_TOKEN", "secret"), ("MLFLOW_TRACKING_USERNAME", "ann")]);
        assert_eq!(token.0.as_ref().unwrap(), "Bearer secret");
        assert!(!format!("{token:?}").contains("secret"));
        let basic = with(&[("MLFLOW_TRACKING_USERNAME", "ann"), ("MLFLOW_TRACKING_PASSWORD", "secret")]);
        assert_eq!(basic.0.unwrap(), "Basic YW5uOnNlY3JldA==");
        assert!(with(&[("MLFLOW_TRACKING_TOKEN", "")]).0.is_none());
    }
}
