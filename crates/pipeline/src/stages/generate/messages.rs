//! What the model is asked, as its span shows it.
use serde_json::{Value, json};
use voce_core::{Message, Prompt, ToolStep};

/// Chat messages in JSON.
pub(super) fn messages(prompt: &Prompt) -> String {
    let mut messages = vec![json!({"role": "system", "content": prompt.system})];
    let known = [&prompt.memory, &prompt.summary].into_iter().filter(|text| !text.is_empty());
    messages.extend(known.map(|text| json!({"role": "system", "content": text})));
    for message in &prompt.history {
        match message {
            Message::Tool(step) => messages.extend(called(step)),
            Message::User(text) => messages.push(json!({"role": "user", "content": text})),
            Message::Assistant { text, cut: false } => {
                messages.push(json!({"role": "assistant", "content": text}));
            }
            Message::Assistant { text, cut: true } => {
                messages.push(json!({"role": "assistant", "content": format!("{text}—")}));
            }
        }
    }
    let mut question = String::new();
    for passage in &prompt.passages {
        question.push_str(&passage.text);
        question.push_str("\n\n");
    }
    question.push_str(&prompt.question);
    messages.push(json!({"role": "user", "content": question}));
    messages.extend(prompt.steps.iter().flat_map(called));
    Value::Array(messages).to_string()
}

/// A call and its result, the way that OpenAI writes them.
fn called(step: &ToolStep) -> [Value; 2] {
    let function = json!({"name": step.call.name, "arguments": step.call.arguments});
    let call = json!({"id": step.call.id, "type": "function", "function": function});
    [
        json!({"role": "assistant", "tool_calls": [call]}),
        json!({"role": "tool", "tool_call_id": step.call.id, "content": step.result}),
    ]
}
