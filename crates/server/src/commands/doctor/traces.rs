//! Whether traces arrive: each sink, what waits for it, and what waits for sinks that are no longer configured.
//!
//! A running `voce serve` knows it best; without one, the spool's files are read.
use std::time::Duration;

use voce_telemetry::{SinkFigures, SpoolFile};

use super::line;
use crate::{config::Config, http::SinksReport};

pub(super) async fn tell(config: &Config) {
    if !config.telemetry.enabled {
        line(true, "traces", "none: telemetry.enabled is false");
        return;
    }
    let serving = serving(&config.server.listen).await;
    match &serving {
        Some(report) => report.sinks.iter().for_each(tell_sink),
        None => {
            for sink in &config.telemetry.sinks {
                let reached = reach(&sink.url).await;
                let told = match &reached {
                    Ok(()) => format!("{} answers", sink.url),
                    Err(reason) => format!("{} does not answer ({reason}); calls work without it", sink.url),
                };
                line(reached.is_ok(), "traces", &told);
            }
        }
    }
    let telemetry = config.telemetry.clone();
    let files = tokio::task::spawn_blocking(move || voce_telemetry::spool_files(&telemetry)).await;
    files.unwrap_or_default().iter().for_each(tell_file);
}

fn tell_sink(sink: &SinkFigures) {
    let reached = match sink.up {
        Some(true) => "answers",
        Some(false) => "does not answer; calls work without it",
        None => "was not tried yet",
    };
    let place = if sink.on_disk { "on disk" } else { "in memory only" };
    let told = format!(
        "{} {reached}; {} spans delivered, {} dropped, {} refused since the start; {} {place}",
        sink.sink,
        sink.exported,
        sink.dropped,
        sink.refused,
        waiting(sink.waiting_spans, sink.waiting_bytes, sink.oldest_seconds),
    );
    line(sink.up != Some(false) && sink.on_disk, "traces", &told);
}

/// A file that a running voce has is told of by that voce.
fn tell_file(file: &SpoolFile) {
    let path = file.path.display();
    let waiting = waiting(file.spans, file.bytes, file.oldest_seconds);
    match (&file.problem, &file.url) {
        _ if file.in_use => true,
        (Some(problem), _) => line(false, "spool", &format!("{path} cannot be read: {problem}")),
        (None, Some(url)) => {
            line(true, "spool", &format!("{waiting} for {url}; sent when voce runs and it answers"))
        }
        (None, None) if file.bytes == 0 => true,
        (None, None) => line(
            false,
            "spool",
            &format!(
                "{waiting} in {path} for a sink that is not configured; configure it again or delete the file"
            ),
        ),
    };
}

fn waiting(spans: u64, bytes: u64, oldest_seconds: Option<f64>) -> String {
    match oldest_seconds {
        Some(seconds) => {
            format!("{spans} spans ({} KiB) wait, the oldest for {seconds:.0} s,", bytes / 1_024)
        }
        None => format!("{spans} spans wait"),
    }
}

/// What a voce that serves there says about its sinks.
async fn serving(listen: &str) -> Option<SinksReport> {
    let request = voce_caller::client().ok()?.get(format!("http://{listen}/api/telemetry"));
    let answer = request.timeout(Duration::from_secs(2)).send().await.ok()?;
    answer.json().await.ok()
}

/// Whether something answers there, soon. What it says does not matter: a receiver of gRPC says nothing sensible.
async fn reach(url: &str) -> Result<(), String> {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).build();
    match client.map_err(|error| error.to_string())?.get(url).send().await {
        Err(error) if error.is_timeout() => Err("timeout".into()),
        Err(error) if error.is_connect() => Err("connection refused".into()),
        _ => Ok(()),
    }
}
