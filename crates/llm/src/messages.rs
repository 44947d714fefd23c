//! A prompt with its tool calls, as OpenAI's messages. A call and its result always stand together, whatever was cut
//! from the history, since servers refuse the one without the other.
use std::{collections::HashSet, sync::Arc};

use serde_json::{Value, json};
use voce_core::{Message, Prompt, ToolDefinition, ToolStep};

use crate::{
    calls::is_object,
    fence::material,
    prompt::{Turn, turns},
};

/// Stands for the history, to find where it is among the messages.
const MARK: &str = "the history stands here";

/// All messages of the request: those of [`turns`], and the calls in their places.
pub fn messages(prompt: &Prompt) -> Vec<Value> {
    let all = turns(prompt, usize::MAX);
    let said = prompt.history.iter().filter(|message| !matches!(message, Message::Tool(_))).count();
    let begin = beginning(prompt).filter(|begin| begin + said < all.len());
    let mut ids = Ids::default();
    let mut messages = vec![];
    let mut rest = all.into_iter().map(plain);
    match begin.filter(|_| said < prompt.history.len()) {
        None => {}
        Some(begin) => {
            messages.extend(rest.by_ref().take(begin));
            for message in &prompt.history {
                match message {
                    Message::Tool(step) => messages.extend(ids.called(step)),
                    Message::User(_) | Message::Assistant { .. } => messages.extend(rest.next()),
                }
            }
        }
    }
    messages.extend(rest);
    messages.extend(prompt.steps.iter().flat_map(|step| ids.called(step)));
    messages
}

/// `tools` of the request; none if there are none.
pub fn tools(definitions: &Arc<[ToolDefinition]>) -> Option<Value> {
    let tool = |definition: &ToolDefinition| {
        json!({"type": "function", "function": {
            "name": definition.name,
            "description": definition.description,
            "parameters": definition.parameters,
        }})
    };
    (!definitions.is_empty()).then(|| definitions.iter().map(tool).collect())
}

/// How many messages stand before the history.
fn beginning(prompt: &Prompt) -> Option<usize> {
    let marked = Prompt { history: vec![Message::User(MARK.into())], ..prompt.clone() };
    turns(&marked, usize::MAX).iter().position(|turn| turn.content == MARK)
}

fn plain(turn: Turn) -> Value {
    json!({"role": turn.role, "content": turn.content})
}

/// The ids of calls within a request: each one once, none empty.
#[derive(Default)]
struct Ids(HashSet<String>);

impl Ids {
    /// One message for each call: several in one are not taken by the chat templates of some models.
    fn called(&mut self, step: &ToolStep) -> [Value; 2] {
        let call = &step.call;
        let id = self.unique(&call.id);
        // Servers read the arguments to write them in the model's own way. What was wrong with them the result says.
        let arguments = if is_object(&call.arguments) { call.arguments.as_str() } else { "{}" };
        // What a tool says is what others wrote, like a passage: it speaks for nobody.
        let result = match material(&step.result) {
            nothing if nothing.trim().is_empty() => "(nothing)".to_owned(),
            result => result,
        };
        let function = json!({"name": call.name, "arguments": arguments});
        [
            json!({"role": "assistant", "content": null, "tool_calls": [
                {"id": id, "type": "function", "function": function},
            ]}),
            json!({"role": "tool", "tool_call_id": id, "content": result}),
        ]
    }

    fn unique(&mut self, id: &str) -> String {
        let own = match id {
            // Nine letters and digits, as the strictest servers want them.
            "" => format!("call{:05}", self.0.len()),
            id if self.0.contains(id) => format!("{id}{:05}", self.0.len()),
            id => id.to_owned(),
        };
        self.0.insert(own.clone());
        own
    }
}

#[cfg(test)]
mod tests {
    use voce_core::{ToolCall, ToolOutcome};

    use super::*;

    fn step(id: &str, arguments: &str, result: &str) -> ToolStep {
        let call = ToolCall { id: id.into(), name: "weather".into(), arguments: arguments.into() };
        ToolStep { call, result: result.into(), outcome: ToolOutcome::Done }
    }

    fn answer(text: &str) -> Message {
        Message::Assistant { text: text.into(), cut: false }
    }

    fn shapes(prompt: &Prompt) -> Vec<String> {
        let shape = |message: &Value| {
            let id = message.pointer("/tool_calls/0/id").or(message.get("tool_call_id"));
            let text = message["content"].as_str().unwrap_or("-");
            format!(
                "{} {} {text}",
                message["role"].as_str().unwrap_or_default(),
                id.map_or("-", |id| id.as_str().unwrap_or("?"))
            )
        };
        let mut shapes: Vec<String> = messages(prompt).iter().map(shape).collect();
        shapes[0].truncate("system - Be kind.".len());
        shapes
    }

    #[test]
    fn calls_stand_where_they_were_made() {
        let prompt = Prompt {
            system: "Be kind.".into(),
            history: vec![
                // What was cut off before it does not matter.
                Message::Tool(step("z", "{}", "5 degrees")),
                answer("Five."),
                Message::User("And Rome?".into()),
                Message::Tool(step("a", "{}", "20 degrees")),
                Message::Tool(step("b", "{}", "")),
                answer("Twenty."),
            ],
            question: "And Rome?".into(),
            steps: vec![step("a", "{}", "21 degrees"), step("", "{}", "22 degrees")],
            ..Prompt::default()
        };
        assert_eq!(
            shapes(&prompt),
            [
                "system - Be kind.",
                "assistant z -",
                "tool z 5 degrees",
                "assistant - Five.",
                "user - And Rome?",
                "assistant a -",
                "tool a 20 degrees",
                "assistant b -",
                "tool b (nothing)",
                "assistant - Twenty.",
                "user - And Rome?",
                "assistant a00003 -",
                "tool a00003 21 degrees",
                "assistant call00004 -",
                "tool call00004 22 degrees",
            ]
        );
    }

    #[test]
    fn without_calls_they_are_the_turns() {
        let history = vec![Message::User("Hello".into()), answer("Hi.")];
        let prompt = Prompt { history, question: "Hello".into(), ..Prompt::default() };
        let plain: Vec<Value> = turns(&prompt, usize::MAX).into_iter().map(plain).collect();
        assert_eq!(messages(&prompt), plain);
    }

    #[test]
    fn arguments_that_are_no_object_are_not_repeated() {
        let prompt = Prompt { steps: vec![step("a", "{\"city\":", "no JSON")], ..Prompt::default() };
        let call = &messages(&prompt)[2];
        assert_eq!(call.pointer("/tool_calls/0/function/arguments"), Some(&json!("{}")));
    }
}
