//! Where metrics are pushed to: sinks that ask for them, or what the environment says.
use std::time::Duration;

use reqwest::{Url, header::HeaderMap};

use crate::{
    Config, SinkKind, TelemetryError,
    environment::{self, Lookup},
};

/// A receiver of OTLP metrics over HTTP.
#[derive(Clone, Debug)]
pub(crate) struct MetricsAddress {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Duration,
}

/// The receivers, and how often they are sent to. Errors: an address that is none, or a sink that takes no metrics.
pub(crate) fn addresses(
    config: &Config,
    variable: Lookup,
) -> Result<(Vec<MetricsAddress>, Duration), TelemetryError> {
    if let Some(sink) = config.sinks.iter().find(|sink| sink.metrics && sink.kind != SinkKind::Otlp) {
        return Err(TelemetryError::NoMetrics { url: sink.url.clone() });
    }
    let mut interval_ms = config.metrics.interval_ms;
    environment::set_from(&mut interval_ms, variable("OTEL_METRIC_EXPORT_INTERVAL"));
    let interval = Duration::from_millis(interval_ms.max(100));
    if variable("OTEL_METRICS_EXPORTER").is_some_and(|exporter| exporter == "none") {
        return Ok((vec![], interval));
    }
    let urls = match environment_endpoint(variable) {
        Some(url) => vec![url],
        None => {
            config.sinks.iter().filter(|sink| sink.metrics).map(|sink| beside_traces(&sink.url)).collect()
        }
    };
    let mut timeout_ms = config.timeout_ms;
    let set =
        variable("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT").or_else(|| variable("OTEL_EXPORTER_OTLP_TIMEOUT"));
    environment::set_from(&mut timeout_ms, set);
    let address = |url: String| {
        let bad = |reason: String| TelemetryError::Address { url: url.clone(), reason };
        let parsed = Url::parse(&url).map_err(|error| bad(error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(bad(format!("scheme {}", parsed.scheme())));
        }
        let headers = environment::headers(SinkKind::Otlp, "OTEL_EXPORTER_OTLP_METRICS_HEADERS", variable)?;
        Ok(MetricsAddress { url: parsed, headers, timeout: Duration::from_millis(timeout_ms.max(1)) })
    };
    Ok((urls.into_iter().map(address).collect::<Result<_, _>>()?, interval))
}

fn environment_endpoint(variable: Lookup) -> Option<String> {
    variable("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT").or_else(|| {
        let base = variable("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        Some(format!("{}/v1/metrics", base.trim_end_matches('/')))
    })
}

fn beside_traces(url: &str) -> String {
    let url = url.trim_end_matches('/');
    format!("{}/v1/metrics", url.strip_suffix("/v1/traces").unwrap_or(url))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SinkConfig;

    fn with(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    fn config() -> Config {
        let sink = SinkConfig {
            kind: SinkKind::Otlp,
            url: "http://collector:4318/v1/traces".into(),
            metrics: true,
            ..SinkConfig::default()
        };
        Config { sinks: vec![SinkConfig::default(), sink], ..Config::default() }
    }

    fn urls(config: &Config, pairs: &'static [(&'static str, &'static str)]) -> Vec<String> {
        let (found, _) = addresses(config, &with(pairs)).unwrap();
        found.iter().map(|address| address.url.to_string()).collect()
    }

    #[test]
    fn only_sinks_that_ask_get_metrics_and_the_environment_wins() {
        assert!(urls(&Config::default(), &[]).is_empty());
        assert_eq!(urls(&config(), &[]), ["http://collector:4318/v1/metrics"]);
        let base = &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://other:4318/")];
        assert_eq!(urls(&config(), base), ["http://other:4318/v1/metrics"]);
        let exact = &[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://other:4318/own")];
        assert_eq!(urls(&config(), exact), ["http://other:4318/own"]);
        assert!(urls(&config(), &[("OTEL_METRICS_EXPORTER", "none")]).is_empty());
    }

    #[test]
    fn the_interval_comes_from_the_environment_first() {
        let (_, interval) = addresses(&config(), &with(&[("OTEL_METRIC_EXPORT_INTERVAL", "5000")])).unwrap();
        assert_eq!(interval, Duration::from_secs(5));
    }

    #[test]
    fn mlflow_takes_no_metrics_and_the_error_says_what_does() {
        let mut config = config();
        config.sinks[0].metrics = true;
        let error = addresses(&config, &with(&[])).unwrap_err().to_string();
        assert!(error.contains("127.0.0.1:5000") && error.contains("otlp"), "{error}");
    }
}
