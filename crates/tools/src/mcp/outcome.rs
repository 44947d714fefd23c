//! What an MCP tool answered, as text for the model. Pure.
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::Value;

/// The texts of an answer; what is no text is named only. The error is what the tool said of its failure.
pub fn text(result: CallToolResult) -> Result<String, String> {
    let mut parts: Vec<String> = result.content.iter().map(part).filter(|part| !part.is_empty()).collect();
    if let Some(structured) = result.structured_content {
        // Servers repeat it as text for clients that do not know it.
        let is_same =
            |part: &String| serde_json::from_str::<Value>(part).is_ok_and(|value| value == structured);
        if !parts.iter().any(is_same) {
            parts.push(structured.to_string());
        }
    }
    let text = parts.join("\n");
    match (result.is_error == Some(true), text.is_empty()) {
        (false, _) => Ok(text),
        (true, false) => Err(text),
        (true, true) => Err("it failed and did not say why".into()),
    }
}

fn part(content: &ContentBlock) -> String {
    match content {
        ContentBlock::Text(text) => text.text.clone(),
        ContentBlock::Image(image) => format!("[an image, {}]", image.mime_type),
        ContentBlock::Audio(audio) => format!("[a recording, {}]", audio.mime_type),
        ContentBlock::Resource(embedded) => match &embedded.resource {
            ResourceContents::TextResourceContents { text, .. } => text.clone(),
            ResourceContents::BlobResourceContents { uri, .. } => format!("[a file, {uri}]"),
            _ => "[something that is no text]".into(),
        },
        ContentBlock::ResourceLink(resource) => format!("[{}, {}]", resource.name, resource.uri),
        _ => "[something that is no text]".into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(answer: Value) -> Result<String, String> {
        text(serde_json::from_value(answer).expect("a result of MCP"))
    }

    #[test]
    fn texts_are_joined_and_the_rest_is_named() {
        let answer = told(json!({"content": [
            {"type": "text", "text": "One."},
            {"type": "image", "data": "AAAA", "mimeType": "image/png"},
            {"type": "resource", "resource": {"uri": "file:///a.txt", "text": "Two."}},
            {"type": "resource_link", "uri": "file:///b", "name": "b"},
        ]}));
        assert_eq!(answer.as_deref(), Ok("One.\n[an image, image/png]\nTwo.\n[b, file:///b]"));
    }

    #[test]
    fn structured_content_is_not_said_twice() {
        let both = told(json!({
            "content": [{"type": "text", "text": "{ \"a\": 1 }"}], "structuredContent": {"a": 1}
        }));
        assert_eq!(both.as_deref(), Ok("{ \"a\": 1 }"));
        let alone = told(json!({"content": [], "structuredContent": {"a": 1}}));
        assert_eq!(alone.as_deref(), Ok("{\"a\":1}"));
    }

    #[test]
    fn a_failure_is_an_error() {
        let failed = told(json!({"content": [{"type": "text", "text": "no such order"}], "isError": true}));
        assert_eq!(failed, Err("no such order".into()));
        assert!(told(json!({"content": [], "isError": true})).is_err_and(|error| error.contains("why")));
    }
}
