//! What an operator can set about judging.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// `[judge]`: which turns are scored, by what, and how much that may cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether `voce serve` scores the turns that stand in MLflow. `voce judge` does so in any case.
    pub enabled: bool,
    /// The server that is asked for scores, up to and including `/v1`: anything that speaks OpenAI's chat completions.
    /// Empty: `llm.base_url` where `llm.engine = "openai"`, else no model is asked and only what is computed is written.
    /// The key is read from `VOCE_JUDGE_API_KEY`, else from `OPENAI_API_KEY`.
    pub base_url: String,
    /// The model's name at the server. Empty: `llm.model` where `llm.engine = "openai"`.
    pub model: String,
    /// Folder of judge files, one metric each. Where it is not there, the files that come with the binary count.
    pub folder: PathBuf,
    /// Share of the turns that are scored, 0 to 1. Which ones depends on the trace alone, so all workers agree.
    pub sample: f64,
    /// Turns older than this are left alone, hours.
    pub lookback_hours: u32,
    /// How often MLflow is asked for new turns, seconds.
    pub poll_seconds: f64,
    /// Turns that are scored at the same time.
    pub at_once: usize,
    /// How often a turn is tried before it is put aside (`voce judge --status` lists it).
    pub attempts: u32,
    /// How long a turn waits after its first failed try, twice as long after the second, and so on, seconds.
    pub retry_seconds: f64,
    /// A worker that has taken a turn and says no more for so long has died; another takes it over, seconds.
    pub lease_seconds: u32,
    /// How long the model may take for one answer, seconds.
    pub timeout_seconds: f64,
    /// Longest answer of the model, tokens.
    pub max_tokens: u32,
    /// More fields of the request, as the server names them; `null` takes one out.
    pub extra_body: serde_json::Map<String, serde_json::Value>,
    /// Requests in a minute, for each worker. 0: no limit.
    pub requests_per_minute: u32,
    /// Tokens, read and written, in an hour, for each worker. 0: no limit.
    pub tokens_per_hour: u64,
    /// Money in an hour, for each worker, in the currency of `telemetry.prices`, which must name the model. 0: no limit.
    pub cost_per_hour: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            base_url: String::new(),
            model: String::new(),
            folder: "config/judges".into(),
            sample: 1.0,
            lookback_hours: 24,
            poll_seconds: 5.0,
            at_once: 2,
            attempts: 4,
            retry_seconds: 10.0,
            lease_seconds: 180,
            timeout_seconds: 60.0,
            max_tokens: 1_000,
            extra_body: serde_json::Map::new(),
            requests_per_minute: 60,
            tokens_per_hour: 0,
            cost_per_hour: 0.0,
        }
    }
}
