//! Tool calls as servers stream them: OpenAI sends the name once and the arguments in pieces, others send whole calls at
//! once, all with the index 0, without an index or without an id, or by the older `function_call`. Pure.
use serde_json::{Map, Value};
use voce_core::ToolCall;

/// More in one answer is no plan but a loop.
const MOST: usize = 16;
/// What is longer is cut, so it is no JSON any more and the model hears of it.
const ARGUMENT_BYTES: usize = 64 * 1_024;

/// The calls of an answer that is being read.
#[derive(Debug, Default)]
pub struct Calls(Vec<Open>);

#[derive(Debug, Default)]
struct Open {
    index: Option<u64>,
    call: ToolCall,
}

impl Calls {
    /// Takes what a chunk says of calls; `delta` is that of its first choice. Returns whether it said anything.
    pub fn take(&mut self, delta: &Value) -> bool {
        match delta.get("tool_calls") {
            Some(Value::Array(pieces)) if !pieces.is_empty() => {
                pieces.iter().for_each(|piece| self.add(piece, piece.get("function").unwrap_or(piece)));
                true
            }
            _ => match delta.get("function_call").filter(|piece| piece.is_object()) {
                Some(piece) => {
                    self.add(&Value::Null, piece);
                    true
                }
                None => false,
            },
        }
    }

    /// All of them, complete, in the order of their beginnings.
    pub fn finish(&mut self) -> Vec<ToolCall> {
        let calls = std::mem::take(&mut self.0).into_iter().map(|open| open.call);
        let (named, nameless): (Vec<ToolCall>, Vec<ToolCall>) = calls.partition(|call| !call.name.is_empty());
        if !nameless.is_empty() {
            tracing::warn!(
                calls = nameless.len(),
                "the language model's server sent tool calls without a name"
            );
        }
        named
    }

    fn add(&mut self, piece: &Value, function: &Value) {
        let text =
            |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (index, id, name) =
            (piece.get("index").and_then(Value::as_u64), text(piece, "id"), text(function, "name"));
        let arguments = match function.get("arguments") {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => String::new(),
            // Ollama's own form.
            Some(whole) => whole.to_string(),
        };
        let place = match index {
            Some(_) => self.0.iter().rposition(|open| open.index == index),
            None => self.0.len().checked_sub(1),
        };
        let open = match place.filter(|place| self.0[*place].goes_on(index, &id, &name, &arguments)) {
            Some(place) => &mut self.0[place],
            None if self.0.len() == MOST => return,
            None => {
                self.0.push(Open { index, call: ToolCall::default() });
                let last = self.0.len() - 1;
                &mut self.0[last]
            }
        };
        let call = &mut open.call;
        if call.id.is_empty() {
            call.id = id;
        }
        if call.name.is_empty() {
            call.name = name;
        }
        if call.arguments.len() + arguments.len() <= ARGUMENT_BYTES {
            call.arguments.push_str(&arguments);
        }
    }
}

impl Open {
    /// Whether a piece belongs to this call and does not begin another.
    fn goes_on(&self, index: Option<u64>, id: &str, name: &str, arguments: &str) -> bool {
        let call = &self.call;
        if !id.is_empty() && !call.id.is_empty() && id != call.id {
            return false;
        }
        if name.is_empty() || call.name.is_empty() {
            return true;
        }
        // Some repeat the name with every piece, others send the next call under the same number.
        let is_whole = is_object(&call.arguments) && is_object(arguments);
        name == call.name && !is_whole && (index.is_some() || !id.is_empty())
    }
}

/// Whether `text` is one JSON object.
pub fn is_object(text: &str) -> bool {
    serde_json::from_str::<Map<String, Value>>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn calls(deltas: &[Value]) -> Vec<(String, String, String)> {
        let mut calls = Calls::default();
        deltas.iter().for_each(|delta| assert!(calls.take(delta), "{delta}"));
        calls.finish().into_iter().map(|call| (call.id, call.name, call.arguments)).collect()
    }

    fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
        (id.into(), name.into(), arguments.into())
    }

    #[test]
    fn arguments_may_be_cut_anywhere() {
        let arguments = r#"{"city":"Zürich","days":[1,2]}"#;
        let letters: Vec<char> = arguments.chars().collect();
        for size in 1..=letters.len() {
            let mut deltas = vec![json!({"role": "assistant", "content": null, "tool_calls": [
                    {"index": 0, "id": "a", "type": "function", "function": {"name": "weather", "arguments": ""}}]})];
            deltas.extend(letters.chunks(size).map(|part| {
                json!({"tool_calls": [{"index": 0, "function": {"arguments": part.iter().collect::<String>()}}]})
            }));
            assert_eq!(calls(&deltas), [call("a", "weather", arguments)], "pieces of {size}");
        }
    }

    #[test]
    fn several_calls_keep_apart() {
        let piece = |index: u64, id: &str, name: &str, arguments: &str| json!({"tool_calls": [{"index": index, "id": id, "function": {"name": name, "arguments": arguments}}]});
        let expected = [call("a", "one", "{\"x\":1}"), call("b", "two", "{}")];
        let mixed = [
            piece(0, "a", "one", "{\"x\""),
            piece(1, "b", "two", "{"),
            piece(0, "", "", ":1}"),
            piece(1, "", "", "}"),
        ];
        assert_eq!(calls(&mixed), expected);
        // All under the number 0, as Gemini and older versions of Ollama do.
        assert_eq!(calls(&[piece(0, "a", "one", "{\"x\":1}"), piece(0, "b", "two", "{}")]), expected);
        let nameless_ids = calls(&[piece(0, "", "one", "{}"), piece(0, "", "one", "{\"x\":2}")]);
        assert_eq!(nameless_ids, [call("", "one", "{}"), call("", "one", "{\"x\":2}")]);
        // The name with every piece.
        let repeated = calls(&[piece(0, "a", "one", "{\"x\""), piece(0, "a", "one", ":1}")]);
        assert_eq!(repeated, [call("a", "one", "{\"x\":1}")]);
    }

    #[test]
    fn whole_calls_and_the_older_form_are_read() {
        let whole = json!({"tool_calls": [
            {"id": "a", "function": {"name": "one", "arguments": {"x": 1}}},
            {"id": "b", "function": {"name": "one", "arguments": "{}"}},
        ]});
        assert_eq!(calls(&[whole]), [call("a", "one", "{\"x\":1}"), call("b", "one", "{}")]);
        let older = [
            json!({"function_call": {"name": "one", "arguments": "{\"x\""}}),
            json!({"function_call": {"arguments": ":1}"}}),
        ];
        assert_eq!(calls(&older), [call("", "one", "{\"x\":1}")]);
    }

    #[test]
    fn rubbish_is_no_call() {
        let mut all = Calls::default();
        for delta in
            [json!(null), json!({}), json!({"tool_calls": []}), json!({"tool_calls": null, "content": "x"})]
        {
            assert!(!all.take(&delta), "{delta}");
        }
        assert!(all.take(&json!({"tool_calls": [7, {"index": "x"}, {"function": "y"}]})));
        assert_eq!(all.finish(), []);
        let many: Vec<Value> = (0..50)
            .map(|index| json!({"tool_calls": [{"index": index, "function": {"name": "x"}}]}))
            .collect();
        assert_eq!(calls(&many).len(), MOST);
    }
}
