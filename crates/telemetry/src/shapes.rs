//! What MLflow shows as a span's input and output: chats as bubbles, passages as a list of documents.
use std::borrow::Cow;

use opentelemetry::Value;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use crate::{
    said::Said,
    translate::Fields,
    vocabulary::{MOST_PARTS, Meaning, Shape, SpanWords},
};

/// The value of `mlflow.spanInputs` or `mlflow.spanOutputs`, if the span has what it takes.
pub(crate) fn shaped(shape: Shape, words: &SpanWords, fields: &Fields, said: &Said) -> Option<String> {
    match shape {
        Shape::Nothing => None,
        Shape::Text(field) => Some(said.text(&fields.text(field)?).into_owned()),
        Shape::UserMessage(field) => {
            let text = fields.text(field)?;
            Some(json!({"messages": [{"role": "user", "content": said.text(&text)}]}).to_string())
        }
        Shape::AssistantMessage(candidates) => {
            let text =
                candidates.iter().filter_map(|field| fields.text(field)).find(|text| !text.is_empty())?;
            let message = json!({"role": "assistant", "content": said.text(&text)});
            Some(json!({"choices": [{"index": 0, "message": message}]}).to_string())
        }
        Shape::Messages(field) => Some(messages(&fields.text(field)?, said)),
        Shape::Documents(field) => Some(documents(&fields.text(field)?, said)),
        Shape::Figures(names) => figures(names, words, fields, said),
    }
}

fn messages(text: &str, said: &Said) -> String {
    let Ok(Json::Array(mut messages)) = serde_json::from_str(text) else {
        return said.text(text).into_owned();
    };
    // The latest messages are the ones that the answer is about.
    messages.drain(..messages.len().saturating_sub(MOST_PARTS));
    messages.iter_mut().for_each(|message| speak(message, said));
    json!({ "messages": messages }).to_string()
}

/// Every text of a message but the words that say what it is; a content may have parts.
fn speak(message: &mut Json, said: &Said) {
    match message {
        Json::String(text) => *text = said.text(text).into_owned(),
        Json::Array(parts) => parts.iter_mut().for_each(|part| speak(part, said)),
        Json::Object(fields) => fields
            .iter_mut()
            .filter(|(name, _)| !matches!(name.as_str(), "role" | "type"))
            .for_each(|(_, value)| speak(value, said)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

fn documents(text: &str, said: &Said) -> String {
    let Ok(Json::Array(passages)) = serde_json::from_str(text) else {
        return said.text(text).into_owned();
    };
    let documents: Vec<Document> =
        passages.iter().take(MOST_PARTS).map(|passage| document(passage, said)).collect();
    serde_json::to_string(&documents).expect("text and numbers are JSON")
}

/// In the order that MLflow shows: where a passage comes from first.
#[derive(Serialize)]
struct Document<'a> {
    page_content: Cow<'a, str>,
    metadata: Metadata<'a>,
    id: String,
}

#[derive(Serialize)]
struct Metadata<'a> {
    doc_uri: Cow<'a, str>,
    score: Option<f64>,
    chunk_id: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    heading: Cow<'a, str>,
}

fn document<'a>(passage: &'a Json, said: &Said) -> Document<'a> {
    let text = |name: &str| passage.get(name).and_then(Json::as_str).unwrap_or_default();
    let chunk_id = passage.get("chunk").map(Json::to_string).unwrap_or_default();
    Document {
        page_content: said.text(text("text")),
        id: format!("{}#{chunk_id}", said.text(text("source"))),
        metadata: Metadata {
            // The name of a document tells what was asked about.
            doc_uri: said.text(text("source")),
            score: passage.get("score").and_then(Json::as_f64).map(rounded),
            chunk_id,
            heading: said.text(text("heading")),
        },
    }
}

/// A score is a 32-bit number; its 64-bit form would show digits that mean nothing.
fn rounded(score: f64) -> f64 {
    (score * 10_000.0).round() / 10_000.0
}

fn figures(names: &[&str], words: &SpanWords, fields: &Fields, said: &Said) -> Option<String> {
    let mut object = Map::new();
    for name in names {
        let Some(value) = fields.value(name) else { continue };
        let value = match value {
            Value::Bool(flag) => Json::from(*flag),
            Value::I64(number) => Json::from(*number),
            Value::F64(number) => Json::from(rounded(*number)),
            other if words.field(name).is_some_and(|field| field.meaning == Meaning::Word) => {
                Json::from(other.as_str().into_owned())
            }
            other => Json::from(said.text(&other.as_str()).into_owned()),
        };
        object.insert((*name).to_owned(), value);
    }
    (!object.is_empty()).then(|| Json::Object(object).to_string())
}
