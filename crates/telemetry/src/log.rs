//! What the program writes about itself, on standard error.
//!
//! Spans never reach it: their fields hold what people said. So the log has events only.
use std::io::IsTerminal;

use tracing::{Metadata, Subscriber};
use tracing_subscriber::{EnvFilter, Layer, filter::FilterExt, filter::filter_fn, fmt, registry::LookupSpan};

use crate::{LogConfig, LogFormat, TelemetryError, vocabulary::EVENTS};

/// Harmless noise at WARN, or much detail at INFO, of crates that we use. `rtc` covers `rtc_ice` and the like;
/// directives are prefixes, and none of these is one of our own crates' names.
const QUIET: &str = "rtc=error,rtc_ice=error,rtc_dtls=error,rtc_sctp=error,ort=warn,hyper=warn,h2=warn,reqwest=warn,qdrant_edge=error";

/// The layer that writes the log.
pub(crate) fn layer<S>(
    config: &LogConfig,
    rust_log: Option<String>,
) -> Result<Box<dyn Layer<S> + Send + Sync>, TelemetryError>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let filter = directives(config, rust_log)?.and(filter_fn(belongs_in_log));
    let plain = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    Ok(match config.format {
        LogFormat::Plain => plain.with_filter(filter).boxed(),
        LogFormat::Json => plain.json().flatten_event(true).with_filter(filter).boxed(),
    })
}

/// Marks on a span's timeline belong to its trace; their texts are what people hear.
fn belongs_in_log(metadata: &Metadata) -> bool {
    metadata.is_event() && !EVENTS.contains(&metadata.name())
}

fn directives(config: &LogConfig, rust_log: Option<String>) -> Result<EnvFilter, TelemetryError> {
    // RUST_LOG is taken to the letter: whoever sets it wants to see.
    let directives = rust_log.unwrap_or_else(|| format!("{QUIET},{}", config.level));
    EnvFilter::try_new(&directives).map_err(|error| TelemetryError::LogLevel {
        directives: config.level.clone(),
        reason: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::{io::Write, sync::Arc};

    use parking_lot::Mutex;
    use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Written {
        type Writer = Self;
        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn what_a_span_holds_is_not_logged() {
        let written = Written::default();
        let filter = directives(&LogConfig::default(), None).unwrap().and(filter_fn(belongs_in_log));
        let layer = fmt::layer().with_writer(written.clone()).with_filter(filter);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("turn", question = "my password is tulip");
            span.in_scope(|| tracing::info!("the turn began"));
            span.in_scope(|| tracing::info!(name: "sentence", text = "my tulip is safe"));
        });
        let text = String::from_utf8(written.0.lock().clone()).unwrap();
        assert!(text.contains("the turn began"), "{text}");
        assert!(!text.contains("tulip"), "{text}");
    }

    #[test]
    fn a_level_that_is_none_says_so() {
        let config = LogConfig { level: "voce=loud".into(), ..LogConfig::default() };
        let error = directives(&config, None).unwrap_err().to_string();
        assert!(error.contains("voce=loud") && error.contains("such as info"), "{error}");
    }
}
