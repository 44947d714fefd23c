//! The configuration together with the standard `OTEL_*` and `MLFLOW_*` variables: what really happens.
use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use opentelemetry::KeyValue;
use opentelemetry_sdk::{
    Resource,
    resource::{EnvResourceDetector, TelemetryResourceDetector},
};
use reqwest::{
    Url,
    header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue},
};

use crate::{
    Config, Content, SinkConfig, SinkKind, TelemetryError,
    metrics::{self, MetricsAddress},
};

/// Reads a variable; empty counts as unset.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The process's own variables.
pub(crate) fn process(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where one sink is and how it is spoken to.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) kind: SinkKind,
    /// The server's own address, without `/v1/traces`.
    pub(crate) base: Url,
    pub(crate) traces: Url,
    pub(crate) experiment: String,
    /// Where the judge's own work goes; empty: nowhere.
    pub(crate) judge_experiment: String,
    pub(crate) page: String,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Duration,
}

impl Address {
    /// The sink's name in files: readable, and another one for every address and experiment.
    pub(crate) fn name(&self) -> String {
        let experiment = if self.kind == SinkKind::Mlflow { self.experiment.as_str() } else { "" };
        let whole = format!("{:?} {} {experiment}", self.kind, self.traces);
        let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, whole.as_bytes()).simple().to_string();
        let host = self.base.host_str().unwrap_or_default();
        let port = self.base.port_or_known_default().unwrap_or_default();
        let readable: String = format!("{host}-{port}-{experiment}")
            .chars()
            .take(60)
            .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
            .collect();
        format!("{}-{}", readable.trim_matches('-'), &id[..8])
    }
}

/// Everything the export needs to know.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) config: Config,
    pub(crate) sinks: Vec<Address>,
    pub(crate) metrics: Vec<MetricsAddress>,
    pub(crate) metrics_interval: Duration,
}

/// Whether traces leave the process, and if so, how.
pub(crate) fn settings(config: &Config, variable: Lookup) -> Result<Option<Settings>, TelemetryError> {
    let disabled = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if !config.enabled || disabled {
        return Ok(None);
    }
    let (metrics, metrics_interval) = metrics::addresses(config, variable)?;
    let mut config = config.clone();
    set_from(&mut config.queue_spans, variable("OTEL_BSP_MAX_QUEUE_SIZE"));
    set_from(&mut config.batch_spans, variable("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"));
    set_from(&mut config.batch_delay_ms, variable("OTEL_BSP_SCHEDULE_DELAY"));
    set_from(
        &mut config.timeout_ms,
        either(variable, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"),
    );
    config.queue_spans = config.queue_spans.max(1);
    config.batch_spans = config.batch_spans.max(1);
    config.batch_delay_ms = config.batch_delay_ms.max(1);
    let protocol = protocol(variable)?;
    if let Some(url) = environment_endpoint(variable, protocol) {
        config.sinks = vec![SinkConfig { kind: SinkKind::Otlp, url, ..SinkConfig::default() }];
    }
    // Metrics come from the same spans, so these are still made.
    if variable("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none") {
        config.sinks.clear();
    }
    for sink in config.sinks.iter_mut().filter(|sink| sink.kind != SinkKind::Mlflow) {
        sink.kind = protocol.unwrap_or(sink.kind);
    }
    // A voice is content.
    config.audio.enabled &= config.content == Content::Full;
    let sinks = config.sinks.iter().map(|sink| address(sink, &config, variable)).collect::<Result<_, _>>()?;
    Ok(Some(Settings { config, sinks, metrics, metrics_interval }))
}

/// What every trace says of this process: `service.name`, `service.version`, and `OTEL_RESOURCE_ATTRIBUTES`.
pub(crate) fn resource(config: &Config, variable: Lookup) -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    Resource::builder_empty()
        .with_attributes([KeyValue::new("service.name", config.service_name.clone()), version])
        .with_detectors(&[Box::new(TelemetryResourceDetector), Box::new(EnvResourceDetector::new())])
        .with_attributes(variable("OTEL_SERVICE_NAME").map(|name| KeyValue::new("service.name", name)))
        .build()
}

/// The environment's endpoint takes the place of the configured sinks, as the later of two settings does.
fn environment_endpoint(variable: Lookup, protocol: Option<SinkKind>) -> Option<String> {
    variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT").or_else(|| {
        let base = variable("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        match protocol {
            Some(SinkKind::OtlpGrpc) => Some(base),
            _ => Some(format!("{}/v1/traces", base.trim_end_matches('/'))),
        }
    })
}

/// What the environment wants sinks other than MLflow to be spoken to by; MLflow takes HTTP alone.
fn protocol(variable: Lookup) -> Result<Option<SinkKind>, TelemetryError> {
    match either(variable, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL").as_deref() {
        None => Ok(None),
        Some("grpc") => Ok(Some(SinkKind::OtlpGrpc)),
        Some("http/protobuf") => Ok(Some(SinkKind::Otlp)),
        Some(other) => Err(TelemetryError::Protocol { protocol: other.to_owned() }),
    }
}

fn address(sink: &SinkConfig, config: &Config, variable: Lookup) -> Result<Address, TelemetryError> {
    let bad = |reason: String| TelemetryError::Address { url: sink.url.clone(), reason };
    let trimmed = sink.url.trim_end_matches('/');
    let base = trimmed.strip_suffix("/v1/traces").unwrap_or(trimmed);
    // An endpoint of the environment is used to the letter, so a path of its own stays.
    let exact = sink.kind == SinkKind::OtlpGrpc
        || environment_endpoint(variable, Some(sink.kind)).as_deref() == Some(&sink.url);
    let traces = if exact { sink.url.clone() } else { format!("{base}/v1/traces") };
    let parsed = Url::parse(base).map_err(|error| bad(error.to_string()))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(bad(format!("scheme {}", parsed.scheme())));
    }
    let page = if sink.page_url.is_empty() { base } else { sink.page_url.trim_end_matches('/') };
    Ok(Address {
        kind: sink.kind,
        base: parsed,
        traces: Url::parse(&traces).map_err(|error| bad(error.to_string()))?,
        experiment: sink.experiment.clone(),
        judge_experiment: sink.judge_experiment.clone(),
        page: page.to_owned(),
        headers: headers(sink.kind, "OTEL_EXPORTER_OTLP_TRACES_HEADERS", variable)?,
        timeout: Duration::from_millis(config.timeout_ms.max(1)),
    })
}

/// What goes with every request; `own` is the variable of the signal, which wins over the one for all signals.
pub(crate) fn headers(kind: SinkKind, own: &str, variable: Lookup) -> Result<HeaderMap, TelemetryError> {
    let mut headers = HeaderMap::new();
    if kind == SinkKind::Mlflow
        && let Some(value) = mlflow_credentials(variable)
    {
        headers.insert(AUTHORIZATION, header_value("authorization", &value)?);
    }
    let listed = either(variable, own, "OTEL_EXPORTER_OTLP_HEADERS");
    for pair in listed.iter().flat_map(|list| list.split(',')).filter(|pair| !pair.trim().is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = name.trim();
        let key = HeaderName::try_from(name).map_err(|_| TelemetryError::Header { name: name.to_owned() })?;
        headers.insert(key, header_value(name, &percent_decoded(value.trim()))?);
    }
    Ok(headers)
}

fn mlflow_credentials(variable: Lookup) -> Option<String> {
    if let Some(token) = variable("MLFLOW_TRACKING_TOKEN") {
        return Some(format!("Bearer {token}"));
    }
    let user = variable("MLFLOW_TRACKING_USERNAME")?;
    let password = variable("MLFLOW_TRACKING_PASSWORD").unwrap_or_default();
    Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue, TelemetryError> {
    let mut value =
        HeaderValue::from_str(value).map_err(|_| TelemetryError::Header { name: name.to_owned() })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Values in `OTEL_EXPORTER_OTLP_HEADERS` are percent-encoded, as W3C baggage is.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn either(variable: Lookup, first: &str, second: &str) -> Option<String> {
    variable(first).or_else(|| variable(second))
}

pub(crate) fn set_from<T: std::str::FromStr>(field: &mut T, value: Option<String>) {
    if let Some(value) = value.and_then(|text| text.trim().parse().ok()) {
        *field = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn the_default_is_mlflow_on_this_machine() {
        let settings = settings(&Config::default(), &with(&[])).unwrap().unwrap();
        assert_eq!(settings.sinks[0].kind, SinkKind::Mlflow);
        assert_eq!(settings.sinks[0].traces.as_str(), "http://127.0.0.1:5000/v1/traces");
    }

    #[test]
    fn the_standard_variables_switch_it_off() {
        assert!(settings(&Config::default(), &with(&[("OTEL_SDK_DISABLED", "TRUE")])).unwrap().is_none());
        let metrics_alone = settings(&Config::default(), &with(&[("OTEL_TRACES_EXPORTER", "none")]));
        assert!(metrics_alone.unwrap().unwrap().sinks.is_empty());
    }

    #[test]
    fn an_endpoint_of_the_environment_replaces_the_sinks() {
        let base = with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/")]);
        let settings_of_base = settings(&Config::default(), &base).unwrap().unwrap();
        assert_eq!(settings_of_base.sinks[0].traces.as_str(), "http://collector:4318/v1/traces");
        assert_eq!(settings_of_base.sinks[0].kind, SinkKind::Otlp);
        let exact = with(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4318/own/path")]);
        let settings_of_exact = settings(&Config::default(), &exact).unwrap().unwrap();
        assert_eq!(settings_of_exact.sinks[0].traces.as_str(), "http://collector:4318/own/path");
    }

    #[test]
    fn the_environment_chooses_between_http_and_grpc() {
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ];
        let grpc = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|pair| pair.1.to_owned());
        let settings_of_grpc = settings(&Config::default(), &grpc).unwrap().unwrap();
        assert_eq!(settings_of_grpc.sinks[0].kind, SinkKind::OtlpGrpc);
        assert_eq!(settings_of_grpc.sinks[0].traces.as_str(), "http://collector:4317/");
        let own = with(&[("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc")]);
        let of_mlflow = settings(&Config::default(), &own).unwrap().unwrap();
        assert_eq!(of_mlflow.sinks[0].kind, SinkKind::Mlflow, "it takes no gRPC");
        let json = with(&[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")]);
        let error = settings(&Config::default(), &json).unwrap_err().to_string();
        assert!(error.contains("http/json") && error.contains("grpc"), "{error}");
    }

    #[test]
    fn names_in_files_are_readable_and_differ_by_experiment() {
        let named = |experiment: &str| {
            let sinks = vec![SinkConfig { experiment: experiment.into(), ..SinkConfig::default() }];
            settings(&Config { sinks, ..Config::default() }, &with(&[])).unwrap().unwrap().sinks[0].name()
        };
        assert!(named("voice bot").starts_with("127-0-0-1-5000-voice-bot-"), "{}", named("voice bot"));
        assert_ne!(named("voice bot"), named("voice-bot"));
    }

    #[test]
    fn headers_come_from_the_environment_percent_decoded_and_are_never_shown() {
        let variables = with(&[("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, x-team = voice ,")]);
        let settings = settings(&Config::default(), &variables).unwrap().unwrap();
        assert_eq!(settings.sinks[0].headers["api-key"], "a b");
        assert_eq!(settings.sinks[0].headers["x-team"], "voice");
        assert!(!format!("{:?}", settings.sinks[0]).contains("a b"));
    }

    #[test]
    fn mlflow_credentials_are_basic_or_bearer() {
        let basic = with(&[("MLFLOW_TRACKING_USERNAME", "ann"), ("MLFLOW_TRACKING_PASSWORD", "secret")]);
        assert_eq!(
            headers(SinkKind::Mlflow, "OTEL_EXPORTER_OTLP_TRACES_HEADERS", &basic).unwrap()["authorization"],
            "Basic YW5uOnNlY3JldA=="
        );
        assert!(headers(SinkKind::Otlp, "OTEL_EXPORTER_OTLP_TRACES_HEADERS", &basic).unwrap().is_empty());
        let token = with(&[("MLFLOW_TRACKING_TOKEN", "t")]);
        assert_eq!(
            headers(SinkKind::Mlflow, "OTEL_EXPORTER_OTLP_TRACES_HEADERS", &token).unwrap()["authorization"],
            "Bearer t"
        );
    }

    #[test]
    fn a_wrong_address_or_header_says_what_was_expected() {
        let sinks = vec![SinkConfig { url: "127.0.0.1:5000".into(), ..SinkConfig::default() }];
        let error = settings(&Config { sinks, ..Config::default() }, &with(&[])).unwrap_err().to_string();
        assert!(error.contains("127.0.0.1:5000") && error.contains("http://"), "{error}");
        let error = headers(
            SinkKind::Otlp,
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
            &with(&[("OTEL_EXPORTER_OTLP_HEADERS", "a b=c")]),
        )
        .unwrap_err();
        assert!(error.to_string().contains("name=value"), "{error}");
    }

    #[test]
    fn the_resource_names_the_service_and_takes_the_environments_word() {
        let named = resource(&Config::default(), &with(&[("OTEL_SERVICE_NAME", "kiosk")]));
        assert_eq!(named.get(&"service.name".into()).unwrap().as_str(), "kiosk");
        let default = resource(&Config::default(), &with(&[]));
        assert_eq!(default.get(&"service.name".into()).unwrap().as_str(), "voce");
    }
}
