//! Spans to OTLP: the one place that knows every exported name.
