//! The form of an answer: plain text, or an object of spoken words, code and links that the server is held to.
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_openai::error::OpenAIError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tracing::warn;

/// What an answer is asked to look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerFormat {
    /// Text, perhaps with Markdown.
    #[default]
    Text,
    /// `{"spoke_response": "...", "code_blocks": [...], "links": [...]}`.
    Json,
}

/// Stands behind the system prompt, and never changes, so that servers keep its computation.
const INSTRUCTION: &str = "Answer with one JSON object and nothing else: {\"spoke_response\": \"...\", \"code_blocks\": [\"...\"], \"links\": [\"...\"]}. \"spoke_response\" comes first and is read out loud: plain sentences without code, addresses or Markdown. \"code_blocks\" holds code to look at, \"links\" addresses from the given text; both may be empty lists.";
const FIELD: &str = "response_format";

/// Asks for the form, and remembers whether the server takes the field that holds it to it.
#[derive(Clone, Debug)]
pub struct Format {
    wanted: AnswerFormat,
    is_refused: Arc<AtomicBool>,
}

impl Format {
    /// What is wanted of every answer.
    pub fn new(wanted: AnswerFormat) -> Self {
        Self { wanted, is_refused: Arc::default() }
    }

    /// Asks for it in the body of a request.
    pub fn ask(&self, body: &mut Value) {
        if self.wanted == AnswerFormat::Text {
            return;
        }
        if let Some(Value::String(system)) = body.pointer_mut("/messages/0/content") {
            system.push_str("\n\n");
            system.push_str(INSTRUCTION);
        }
        if !self.is_refused.load(Ordering::Relaxed) {
            body[FIELD] = response_format();
        }
    }

    /// Whether the server refused the field, which is then taken out of `body` for another try, and left out from now
    /// on: the instruction alone does nearly as well.
    pub fn gives_way(&self, error: &OpenAIError, body: &mut Value) -> bool {
        let OpenAIError::ApiError(refusal) = error else { return false };
        let is_refused =
            matches!(refusal.status_code.as_u16(), 400 | 422) && refusal.to_string().contains(FIELD);
        // The operator's own field is theirs to take out.
        let is_ours = body.get(FIELD).is_some_and(|field| *field == response_format());
        if !is_refused || !is_ours {
            return false;
        }
        if let Some(body) = body.as_object_mut() {
            body.remove(FIELD);
        }
        if !self.is_refused.swap(true, Ordering::Relaxed) {
            warn!(
                "the language model's server refuses response_format; llm.answer_format is asked for in words only"
            );
        }
        true
    }
}

/// The schema. Servers that are held to it write the keys in this order, so what is spoken comes first.
fn response_format() -> Value {
    let text = || json!({ "type": "string" });
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    json!({
        "type": "json_schema",
        "json_schema": {
            "name": "answer",
            "strict": true,
            "schema": {
                "type": "object",
                "properties": { "spoke_response": text(), "code_blocks": texts(), "links": texts() },
                "required": ["spoke_response", "code_blocks", "links"],
                "additionalProperties": false,
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spoken_is_written_first() {
        let schema = response_format().to_string();
        let places = ["spoke_response", "code_blocks", "links"].map(|key| schema.find(key).unwrap());
        assert!(places.is_sorted(), "{schema}");
    }

    #[test]
    fn text_asks_for_nothing_and_json_behind_the_system_prompt() {
        let asked = json!({ "messages": [{ "role": "system", "content": "Be kind." }, { "role": "user", "content": "?" }] });
        let mut body = asked.clone();
        Format::new(AnswerFormat::Text).ask(&mut body);
        assert_eq!(body, asked);
        Format::new(AnswerFormat::Json).ask(&mut body);
        let system = body["messages"][0]["content"].as_str().unwrap();
        assert!(system.starts_with("Be kind.\n\n") && system.contains("spoke_response"));
        assert_eq!(body["messages"][1], asked["messages"][1]);
        assert_eq!(body["response_format"]["type"], "json_schema");
    }
}
