//! Who scores the turns.
use voce_judge::Metrics;

use super::line;
use crate::{
    commands::judge::{effective, reach},
    config::Config,
};

/// Returns whether `serve` could run: a judge that does not answer is no reason not to.
pub(super) async fn tell(config: &Config) -> bool {
    if !config.judge.enabled {
        return line(true, "judge", "none beside calls: judge.enabled is false");
    }
    let metrics = match Metrics::load(&config.judge.folder) {
        Ok(metrics) => metrics.all.len(),
        Err(error) => return line(false, "judge", &error.to_string()),
    };
    let judge = effective(config);
    if judge.base_url.is_empty() {
        let told =
            "no model: only what is computed is scored; set judge.base_url and judge.model for the rest";
        return line(true, "judge", told);
    }
    let (model, server) = (&judge.model, &judge.base_url);
    match reach(server).await {
        Ok(()) => line(true, "judge", &format!("{metrics} metrics by {model} at {server}, which answers")),
        Err(reason) => {
            line(false, "judge", &format!("{model} at {server}: {reason}; calls work without it"));
            true
        }
    }
}
