//! A turn, read from its trace. The names are those that `voce-telemetry`'s vocabulary exports.
use serde_json::Value;
use voce_mlflow::{Span, Trace};

use crate::{Message, Passage, Turn, figures};

impl Turn {
    /// The turn of a trace. `None` where there is nothing to judge: no question or no answer (a greeting, a failed turn),
    /// or the content switch kept what was said out of the trace.
    pub fn of(trace: &Trace) -> Option<Self> {
        let root = trace.root()?;
        let question = said(&root.attributes.get("mlflow.spanInputs")?["messages"][0]["content"])?;
        // Not the root's output: where nothing was heard, that shows what was written.
        let answer = said(root.attributes.get("voce.answer.heard")?)?;
        let generated = root.attributes.get("voce.answer.generated").and_then(said).unwrap_or_default();
        Some(Self {
            trace_id: trace.info.id.clone(),
            figures: figures::of(trace, &answer),
            history: trace.named("llm").last().map(history).unwrap_or_default(),
            passages: trace.named("rag").last().and_then(passages),
            end_reason: root.word("gen_ai.agent.invocation.end_reason").unwrap_or_default().to_owned(),
            question,
            answer,
            generated,
        })
    }
}

/// A text of the call; `None` if it is empty or only its size and hash were let out.
fn said(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Null => return None,
        // MLflow takes text that happens to be JSON for what it says: an answer of "12" comes as a number.
        other => other.to_string(),
    };
    (!text.is_empty() && !is_withheld(&text)).then_some(text)
}

/// What `telemetry.content = "none"` leaves of a text: `[20 characters, hash 0123456789abcdef]`.
fn is_withheld(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let parts = inner.and_then(|inner| inner.split_once(" characters, hash "));
    parts.is_some_and(|(count, hash)| {
        count.bytes().all(|digit| digit.is_ascii_digit())
            && hash.len() == 16
            && hash.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

/// What the model was shown of the conversation: without its instructions, and without the last message, which holds
/// the question and the passages.
fn history(llm: &Span) -> Vec<Message> {
    let messages = llm.attributes.get("mlflow.spanInputs").and_then(|input| input["messages"].as_array());
    let messages = messages.map_or(&[][..], Vec::as_slice);
    let before = &messages[..messages.len().saturating_sub(1)];
    let message = |message: &Value| {
        let role = message["role"].as_str().filter(|role| matches!(*role, "user" | "assistant"))?;
        Some(Message { role: role.to_owned(), text: said(&message["content"])? })
    };
    before.iter().filter_map(message).collect()
}

fn passages(rag: &Span) -> Option<Vec<Passage>> {
    // A search that found nothing may show no output at all.
    let Some(documents) = rag.attributes.get("mlflow.spanOutputs") else {
        return (rag.status != voce_mlflow::Status::Error).then(Vec::new);
    };
    let passage = |document: &Value| {
        Some(Passage {
            source: document["metadata"]["doc_uri"].as_str().unwrap_or_default().to_owned(),
            text: said(&document["page_content"])?,
            score: document["metadata"]["score"].as_f64(),
        })
    };
    Some(documents.as_array()?.iter().filter_map(passage).collect())
}
