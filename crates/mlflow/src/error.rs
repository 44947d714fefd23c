//! What can go wrong with an MLflow server, and what to do about it.
use thiserror::Error;

/// A request that did not give what was asked.
#[derive(Debug, Error)]
pub enum MlflowError {
    /// The address cannot be used.
    #[error(
        "MLflow's address {url:?} is not usable ({reason}); expected something like http://127.0.0.1:5000"
    )]
    Address {
        /// As configured.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The credentials cannot stand in an HTTP header. They are not shown.
    #[error("MLFLOW_TRACKING_TOKEN, _USERNAME or _PASSWORD holds characters that no HTTP header can carry")]
    Credentials,
    /// Nobody answers, or not in time.
    #[error(
        "MLflow at {url} does not answer ({reason}); start it with scripts/mlflow start, or check the address"
    )]
    Away {
        /// The server's address.
        url: String,
        /// What the connection said.
        reason: String,
    },
    /// It answers, and cannot work at the moment, e.g. without its database.
    #[error("MLflow at {url} cannot answer now ({message}); look into its log, or try again")]
    Unavailable {
        /// The server's address.
        url: String,
        /// What it said.
        message: String,
    },
    /// Its check of the Host header refuses the name it is called by.
    #[error("MLflow at {url} refuses this name of itself; start it with --allowed-hosts {host}")]
    HostRefused {
        /// The server's address.
        url: String,
        /// The name that has to be allowed.
        host: String,
    },
    /// It wants to know who asks.
    #[error(
        "MLflow at {url} wants credentials or refuses those given ({status}); set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
    )]
    Unauthorized {
        /// The server's address.
        url: String,
        /// Its answer's HTTP status.
        status: u16,
    },
    /// There is no experiment of that name.
    #[error(
        "MLflow at {url} has no experiment {name:?}; it is made by the first call with traces on, and named by telemetry.sinks.experiment"
    )]
    NoExperiment {
        /// The server's address.
        url: String,
        /// The experiment's name.
        name: String,
    },
    /// What was asked for is not there.
    #[error("{what}: not there ({message})")]
    NotFound {
        /// What was asked.
        what: String,
        /// What MLflow said.
        message: String,
    },
    /// MLflow understood the request and did not do it.
    #[error("{what}: MLflow answered {status}: {message}")]
    Refused {
        /// What was asked.
        what: String,
        /// Its answer's HTTP status.
        status: u16,
        /// What MLflow said.
        message: String,
    },
    /// The answer is longer than anything we would ask for.
    #[error("{what}: the answer is longer than {limit} bytes; ask for less at once")]
    TooLong {
        /// What was asked.
        what: String,
        /// The most that is read, bytes.
        limit: usize,
    },
    /// The answer is not MLflow's.
    #[error("{what}: not an answer of MLflow ({reason}); is another program at this address?")]
    NotMlflow {
        /// What was asked.
        what: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// A value that MLflow would take and we do not.
    #[error("{0}")]
    Invalid(String),
}

impl MlflowError {
    /// Whether the same request may succeed later, without anyone changing anything.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::Unavailable { .. })
    }
}
