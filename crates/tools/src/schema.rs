//! Arguments of a call against the tool's JSON schema, as far as models go wrong: required fields, types and choices.
//! What else a schema can say is checked by the tool itself.
use serde_json::{Map, Value};

/// Deeper schemas are not looked into.
const DEPTH: usize = 8;

/// The arguments as an object that keeps to `schema`, or what is wrong with them, for the model.
pub fn arguments(text: &str, schema: &Value) -> Result<Map<String, Value>, String> {
    // Models write nothing at all where a tool takes no arguments.
    let text = if text.trim().is_empty() { "{}" } else { text };
    let value: Value = serde_json::from_str(text)
        .map_err(|error| format!("the arguments are no JSON ({error}); write one JSON object"))?;
    let Value::Object(mut arguments) = value else {
        return Err("the arguments are no JSON object; write one, with the names of the arguments".into());
    };
    check(&Value::Object(arguments.clone()), schema, "", DEPTH)?;
    // Models write null for what they leave out; tools would refuse it.
    arguments.retain(|name, value| !value.is_null() || takes_null(schema, name));
    Ok(arguments)
}

fn takes_null(schema: &Value, name: &str) -> bool {
    let own = schema.get("properties").and_then(|all| all.get(name)).and_then(Value::as_object);
    own.is_none_or(|own| types(own).is_some_and(|types| types.contains(&"null")) || own.contains_key("anyOf"))
}

fn check(value: &Value, schema: &Value, place: &str, depth: usize) -> Result<(), String> {
    let Some(schema) = schema.as_object().filter(|_| depth > 0) else { return Ok(()) };
    let what = if place.is_empty() { "the arguments" } else { place };
    if let Some(types) = types(schema)
        && !types.iter().any(|kind| is_of(value, kind))
    {
        return Err(format!("{what}: {} is not of type {}", shown(value), types.join(" or ")));
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array)
        && !choices.contains(value)
    {
        let choices: Vec<String> = choices.iter().map(Value::to_string).collect();
        return Err(format!("{what}: {} is none of {}", shown(value), choices.join(", ")));
    }
    match value {
        Value::Object(fields) => check_fields(fields, schema, place, depth),
        Value::Array(items) => {
            let Some(schema) = schema.get("items") else { return Ok(()) };
            items
                .iter()
                .enumerate()
                .try_for_each(|(number, item)| check(item, schema, &format!("{what}[{number}]"), depth - 1))
        }
        _ => Ok(()),
    }
}

fn check_fields(
    fields: &Map<String, Value>,
    schema: &Map<String, Value>,
    place: &str,
    depth: usize,
) -> Result<(), String> {
    let path = |name: &str| if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") };
    let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    let missing: Vec<String> =
        required.filter_map(Value::as_str).filter(|name| !fields.contains_key(*name)).map(path).collect();
    if !missing.is_empty() {
        return Err(format!("{} is missing; ask the caller if you do not know it", missing.join(", ")));
    }
    let known = schema.get("properties").and_then(Value::as_object);
    for (name, value) in fields {
        match known.and_then(|known| known.get(name)) {
            Some(_) if value.is_null() => {}
            Some(schema) => check(value, schema, &path(name), depth - 1)?,
            None if schema.get("additionalProperties") == Some(&Value::Bool(false)) => {
                let known: Vec<&str> = known.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
                return Err(format!(
                    "{} is no argument of this tool; it takes {}",
                    path(name),
                    known.join(", ")
                ));
            }
            None => {}
        }
    }
    Ok(())
}

fn types(schema: &Map<String, Value>) -> Option<Vec<&str>> {
    match schema.get("type")? {
        Value::String(one) => Some(vec![one]),
        Value::Array(all) => Some(all.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    }
}

/// A value as an error shows it: long ones cut.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 40 { text } else { text.chars().take(40).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(text: &str) -> String {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "days": {"type": "integer"},
                "unit": {"enum": ["metric", "imperial"]},
                "tags": {"type": "array", "items": {"type": "string"}},
                "place": {"type": "object", "required": ["street"], "properties": {"street": {"type": ["string", "null"]}}},
            },
            "required": ["city"],
            "additionalProperties": false,
        });
        arguments(text, &schema).err().unwrap_or_default()
    }

    #[test]
    fn what_keeps_to_the_schema_passes() {
        for text in [
            r#"{"city": "Rome"}"#,
            r#"{"city": "Rome", "days": 3.0, "unit": "metric", "tags": [], "place": {"street": null}}"#,
            r#"{"city": "Rome", "days": null}"#,
        ] {
            assert_eq!(told(text), "", "{text}");
        }
        let schema = json!({"properties": {"a": {"type": "string"}, "b": {"type": ["string", "null"]}}});
        let kept = arguments(r#"{"a": null, "b": null}"#, &schema).map(|all| all.keys().cloned().collect());
        assert_eq!(kept, Ok(vec!["b".to_owned()]));
        assert_eq!(arguments(" ", &json!({"type": "object"})).map(|all| all.len()), Ok(0));
        assert_eq!(arguments(r#"{"a": 1}"#, &Value::Null).map(|all| all.len()), Ok(1));
    }

    #[test]
    fn what_does_not_is_told_by_name() {
        for (text, expected) in [
            ("{", "no JSON"),
            ("[]", "no JSON object"),
            ("", "city is missing"),
            (r#"{"city": 7}"#, "city: 7 is not of type string"),
            (r#"{"city": "Rome", "days": 1.5}"#, "days: 1.5 is not of type integer"),
            (r#"{"city": "Rome", "unit": "x"}"#, r#"unit: "x" is none of "metric", "imperial""#),
            (r#"{"city": "Rome", "tags": ["a", 1]}"#, "tags[1]: 1 is not of type string"),
            (r#"{"city": "Rome", "place": {}}"#, "place.street is missing"),
            (r#"{"city": "Rome", "town": 1}"#, "town is no argument of this tool; it takes city"),
        ] {
            assert!(told(text).contains(expected), "{text}: {}", told(text));
        }
    }
}
