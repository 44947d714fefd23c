//! MLflow's REST interface, as far as voce reads and writes it.
//!
//! Traces are sent by `voce-telemetry`; here they are found again, read, judged and cleared up. How MLflow behaves was
//! found by running it (3.17.2). Whatever it answers with is bounded, timed and decoded in one place.
mod artifacts;
mod assessments;
mod client;
mod credentials;
mod error;
mod experiments;
mod metrics;
mod span;
mod time;
mod trace;
mod traces;
mod wire;

pub use assessments::{Assessment, Feedback, NewAssessment, Source, Written};
pub use client::Client;
pub use credentials::Credentials;
pub use error::MlflowError;
pub use metrics::{Percentiles, PercentilesQuery};
pub use span::{Event, Span, Status};
pub use trace::{Trace, TraceInfo};
pub use traces::{Order, Page, Search};
