//! What the program writes about itself, on standard error: one line an event, with the call and the trace it
//! belongs to.
//!
//! Of spans nothing is written but these two: their fields hold what people said.
mod line;

use std::{
    io::{IsTerminal, Write},
    sync::OnceLock,
};

use opentelemetry::trace::TraceContextExt;
use parking_lot::Mutex;
use tracing::{
    Dispatch, Event, Metadata, Subscriber, dispatcher::WeakDispatch, field::Field, field::Visit, span,
};
use tracing_subscriber::{
    EnvFilter, Layer, filter::FilterExt, filter::filter_fn, layer::Context, registry::LookupSpan,
};

use crate::{
    LogConfig, LogFormat, Redactor, TelemetryError,
    vocabulary::{CALLS, EVENTS},
};
use line::Line;

/// Harmless noise at WARN, or much detail at INFO, of crates that we use. `rtc` covers `rtc_ice` and the like;
/// directives are prefixes, and none of these is one of our own crates' names.
const QUIET: &str = "rtc=error,rtc_ice=error,rtc_dtls=error,rtc_sctp=error,ort=warn,hyper=warn,h2=warn,reqwest=warn,qdrant_edge=error,opentelemetry=warn,opentelemetry_sdk=warn";

/// The layer that writes the log.
pub(crate) fn layer<S>(
    config: &LogConfig,
    redactor: Redactor,
    rust_log: Option<String>,
) -> Result<Box<dyn Layer<S> + Send + Sync>, TelemetryError>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let colours = config.format == LogFormat::Plain && std::io::stderr().is_terminal();
    writing(config, redactor, rust_log, colours, std::io::stderr())
}

fn writing<S>(
    config: &LogConfig,
    redactor: Redactor,
    rust_log: Option<String>,
    colours: bool,
    to: impl Write + Send + 'static,
) -> Result<Box<dyn Layer<S> + Send + Sync>, TelemetryError>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let written = directives(config, rust_log)?.and(filter_fn(belongs_in_log));
    let log = Log { format: config.format, colours, redactor, dispatch: OnceLock::new(), to: Mutex::new(to) };
    // Our spans are always seen, whatever the level: a warning within a turn has to name it.
    Ok(log.with_filter(written.or(filter_fn(is_our_span))).boxed())
}

/// Marks on a span's timeline belong to its trace; their texts are what people hear.
fn belongs_in_log(metadata: &Metadata) -> bool {
    metadata.is_event() && !EVENTS.contains(&metadata.name())
}

fn is_our_span(metadata: &Metadata) -> bool {
    metadata.is_span() && *metadata.level() <= tracing::Level::INFO && metadata.target().starts_with("voce")
}

fn directives(config: &LogConfig, rust_log: Option<String>) -> Result<EnvFilter, TelemetryError> {
    // RUST_LOG is taken to the letter: whoever sets it wants to see.
    let directives = rust_log.unwrap_or_else(|| format!("{QUIET},{}", config.level));
    EnvFilter::try_new(&directives).map_err(|error| TelemetryError::LogLevel {
        directives: config.level.clone(),
        reason: error.to_string(),
    })
}

/// Writes each event as one line.
struct Log<W> {
    format: LogFormat,
    colours: bool,
    redactor: Redactor,
    /// Who knows the trace of a span. Weak: it owns this layer.
    dispatch: OnceLock<WeakDispatch>,
    to: Mutex<W>,
}

/// Kept with a span that says which call it belongs to.
struct CallId(String);

impl<S, W> Layer<S> for Log<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: Write + Send + 'static,
{
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        let _ = self.dispatch.set(dispatch.downgrade());
    }

    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let name = attributes.metadata().name();
        let Some((_, field)) = CALLS.iter().find(|(of, _)| *of == name) else { return };
        let mut call = FieldText { name: field, text: None };
        attributes.record(&mut call);
        if let (Some(text), Some(span)) = (call.text, context.span(id)) {
            span.extensions_mut().insert(CallId(text));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let call = context.event_scope(event).and_then(|mut scope| {
            scope.find_map(|span| span.extensions().get::<CallId>().map(|call| call.0.clone()))
        });
        let trace_id = context.event_span(event).and_then(|span| self.trace_id(&span.id()));
        let line = Line::of(event, &self.redactor, call, trace_id);
        let text = match self.format {
            LogFormat::Plain => line.plain(self.colours),
            LogFormat::Json => line.json(),
        };
        // Nobody could be told that the log cannot be written.
        let _ = self.to.lock().write_all(text.as_bytes());
    }
}

impl<W> Log<W> {
    fn trace_id(&self, span: &span::Id) -> Option<String> {
        let dispatch = self.dispatch.get()?.upgrade()?;
        let context = tracing_opentelemetry::get_otel_context(span, &dispatch)?;
        let span = context.span();
        let context = span.span_context();
        (context.is_valid() && context.is_sampled()).then(|| context.trace_id().to_string())
    }
}

/// One field of a span as text.
struct FieldText {
    name: &'static str,
    text: Option<String>,
}

impl Visit for FieldText {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == self.name {
            self.text = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == self.name {
            self.text = Some(format!("{value:?}"));
        }
    }
}

#[cfg(test)]
mod tests;
