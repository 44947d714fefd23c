//! The sound of a turn beside its trace: MLflow plays what a span's input or output refers to.
//!
//! Ids are derived from the trace, so that a span can refer to a recording that is not there yet.
use bytes::Bytes;
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use crate::{
    batch::Batch,
    vocabulary::{SPAN_INPUTS, SPAN_OUTPUTS},
};

/// `[telemetry.audio]`: recordings of a turn's two sides, attached to its trace in each MLflow sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AudioConfig {
    /// Whether to attach them. Off where `telemetry.content = "none"`.
    pub enabled: bool,
    /// Longest recording of one side, seconds; what comes later is left out.
    pub longest_seconds: u32,
    /// Recordings are deleted from MLflow after so many days. 0: never.
    pub keep_days: u32,
}

impl Default for AudioConfig {
    fn default() -> Self {
        Self { enabled: false, longest_seconds: 60, keep_days: 30 }
    }
}

/// Who is heard in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The human.
    Caller,
    /// The assistant, as far as it was heard.
    Bot,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Bot => "bot",
        }
    }
}

/// A recording on its way.
#[derive(Debug)]
pub(crate) struct Attachment {
    pub(crate) trace_id: String,
    pub(crate) side: Side,
    pub(crate) wav: Bytes,
}

impl Attachment {
    pub(crate) fn batch(self) -> Batch {
        Batch::attachment(artifact_path(&self.trace_id, self.side), self.wav)
    }
}

/// The id of one side's recording, the same in every process.
pub fn attachment_id(trace_id: &str, side: Side) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("voce:{trace_id}/{}", side.name()).as_bytes())
}

/// Where a recording is, below `/api/2.0/mlflow-artifacts/artifacts/EXPERIMENT/`; for whoever deletes it.
pub fn artifact_path(trace_id: &str, side: Side) -> String {
    format!("traces/tr-{trace_id}/artifacts/attachments/{}", attachment_id(trace_id, side))
}

/// What stands in a span in place of the sound. Its size is not known yet; MLflow's page then fetches it at once,
/// which it does for anything below 50 MB anyway.
fn reference(trace_id: &str, side: Side) -> String {
    let id = attachment_id(trace_id, side);
    format!("mlflow-attachment://{id}?content_type=audio%2Fwav&trace_id=tr-{trace_id}")
}

/// Lets the spans where a side is heard refer to its recording: what was recognised, and what was played.
pub(crate) fn refer(span: &mut SpanData) {
    let trace_id = span.span_context.trace_id().to_string();
    match &*span.name {
        "stt" => add(&mut span.attributes, SPAN_INPUTS, "", &reference(&trace_id, Side::Caller)),
        "playout" => add(&mut span.attributes, SPAN_OUTPUTS, "heard", &reference(&trace_id, Side::Bot)),
        _ => {}
    }
}

/// An object gets one more member; a text becomes the member `text_name` of one.
fn add(attributes: &mut Vec<KeyValue>, key: &'static str, text_name: &str, reference: &str) {
    let place = attributes.iter_mut().find(|attribute| attribute.key.as_str() == key);
    let before = place.as_ref().map(|attribute| attribute.value.as_str().into_owned());
    let mut object = match before.as_deref().map(serde_json::from_str::<Json>) {
        Some(Ok(Json::Object(object))) => object,
        Some(_) => {
            let text = before.unwrap_or_default();
            Map::from_iter([(text_name.to_owned(), Json::from(text))])
        }
        None => Map::new(),
    };
    object.insert("audio".to_owned(), Json::from(reference));
    let value = Value::from(Json::Object(object).to_string());
    match place {
        Some(attribute) => attribute.value = value,
        None => attributes.push(KeyValue::new(key, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_known_beforehand_and_differ_by_side() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        assert_eq!(attachment_id(trace, Side::Bot), attachment_id(trace, Side::Bot));
        assert_ne!(attachment_id(trace, Side::Bot), attachment_id(trace, Side::Caller));
        let path = artifact_path(trace, Side::Bot);
        assert!(path.starts_with(&format!("traces/tr-{trace}/artifacts/attachments/")), "{path}");
    }

    #[test]
    fn a_text_and_an_object_both_keep_what_they_said() {
        let mut attributes =
            vec![KeyValue::new("out", "Two years."), KeyValue::new("in", r#"{"seconds":2}"#)];
        add(&mut attributes, "out", "heard", "ref");
        add(&mut attributes, "in", "", "ref");
        add(&mut attributes, "new", "", "ref");
        let values: Vec<String> = attributes.iter().map(|pair| pair.value.as_str().into_owned()).collect();
        assert_eq!(values[0], r#"{"heard":"Two years.","audio":"ref"}"#);
        assert_eq!(values[1], r#"{"seconds":2,"audio":"ref"}"#);
        assert_eq!(values[2], r#"{"audio":"ref"}"#);
    }
}
