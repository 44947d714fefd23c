//! Texts with `{argument}` in them, and headers with `$NAME`.
use serde_json::{Map, Value};

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Argument(String),
}

/// A text with `{argument}` in it; `{{` and `}}` are braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

impl Template {
    /// Reads one. The error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = vec![];
        let mut plain = String::new();
        let mut rest = text;
        while let Some(place) = rest.find(['{', '}']) {
            plain.push_str(&rest[..place]);
            let brace = &rest[place..=place];
            rest = &rest[place + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            let Some((name, after)) = rest.split_once('}').filter(|_| brace == "{") else {
                return Err(format!("{text:?} has a single {brace}; write {{argument}}, or {brace}{brace}"));
            };
            if name.is_empty() || name.contains(['{', ' ']) {
                return Err(format!("{text:?}: {{{name}}} is no name of an argument"));
            }
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Argument(name.to_owned()));
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    /// The arguments that it names.
    pub fn arguments(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Argument(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// With the arguments in their places, each as `written`; none if one is not there.
    pub fn filled(&self, arguments: &Map<String, Value>, written: fn(&str) -> String) -> Option<String> {
        self.0
            .iter()
            .map(|piece| match piece {
                Piece::Text(text) => Some(text.clone()),
                Piece::Argument(name) => {
                    arguments.get(name).filter(|value| !value.is_null()).map(|value| written(&text_of(value)))
                }
            })
            .collect()
    }

    /// The name of its argument, where it is nothing else.
    fn only(&self) -> Option<&str> {
        match self.0.as_slice() {
            [Piece::Argument(name)] => Some(name),
            _ => None,
        }
    }
}

/// A JSON value whose strings are templates.
pub fn check_value(value: &Value, known: &impl Fn(&Template) -> Result<(), String>) -> Result<(), String> {
    match value {
        Value::String(text) => known(&Template::parse(text)?),
        Value::Array(items) => items.iter().try_for_each(|item| check_value(item, known)),
        Value::Object(fields) => fields.values().try_for_each(|field| check_value(field, known)),
        _ => Ok(()),
    }
}

/// The value with the arguments in their places. A string that is only `{argument}` becomes its value; fields whose
/// argument is not there are left out.
pub fn filled_value(value: &Value, arguments: &Map<String, Value>) -> Option<Value> {
    match value {
        Value::String(text) => {
            let template = Template::parse(text).ok()?;
            match template.only() {
                Some(name) => arguments.get(name).filter(|value| !value.is_null()).cloned(),
                None => template.filled(arguments, str::to_owned).map(Value::String),
            }
        }
        Value::Array(items) => {
            Some(items.iter().filter_map(|item| filled_value(item, arguments)).collect::<Vec<_>>().into())
        }
        Value::Object(fields) => {
            let filled = fields
                .iter()
                .filter_map(|(name, field)| Some((name.clone(), filled_value(field, arguments)?)));
            Some(Value::Object(filled.collect()))
        }
        other => Some(other.clone()),
    }
}

/// A value as text: a string without its quotation marks.
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Everything but letters, digits and `-._~` as `%XX`.
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// `text` with `$NAME` replaced by what `variable` knows of it. The error names the variable, never a value.
pub fn with_variables(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        let is_of_name = |one: char| one.is_ascii_uppercase() || one.is_ascii_digit() || one == '_';
        let end = after.find(|one| !is_of_name(one)).unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        if name.is_empty() {
            return Err("a $ without the name of an environment variable in capitals behind it".into());
        }
        let Some(value) = variable(name) else {
            return Err(format!("the environment variable {name} is not set"));
        };
        filled.push_str(before);
        filled.push_str(&value);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn arguments(value: Value) -> Map<String, Value> {
        value.as_object().cloned().expect("an object")
    }

    #[test]
    fn arguments_stand_in_their_places() {
        let template = Template::parse("/v1/{city}/{{x}}/{days}").expect("a template");
        assert_eq!(template.arguments().collect::<Vec<_>>(), ["city", "days"]);
        let all = arguments(json!({"city": "New York/../?", "days": 3}));
        let filled = template.filled(&all, percent_encoded);
        assert_eq!(filled.as_deref(), Some("/v1/New%20York%2F..%2F%3F/{x}/3"));
        assert_eq!(template.filled(&arguments(json!({"city": "x", "days": null})), str::to_owned), None);
    }

    #[test]
    fn a_broken_template_is_named() {
        for text in ["{city", "city}", "{}", "{a b}", "{{{"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_body_keeps_types_and_leaves_out_what_is_not_there() {
        let body =
            json!({"n": "{days}", "text": "in {city}", "list": ["{city}", "{none}"], "x": "{none}", "y": 1});
        let filled = filled_value(&body, &arguments(json!({"days": 3, "city": "Rome\""})));
        assert_eq!(filled, Some(json!({"n": 3, "text": "in Rome\"", "list": ["Rome\""], "y": 1})));
    }

    #[test]
    fn variables_are_filled_in_and_named_where_they_are_not_there() {
        let known = |name: &str| (name == "KEY").then(|| "s3cret$X".to_owned());
        assert_eq!(with_variables("Bearer $KEY.", known).as_deref(), Ok("Bearer s3cret$X."));
        assert_eq!(with_variables("plain", known).as_deref(), Ok("plain"));
        assert!(with_variables("$OTHER", known).is_err_and(|error| error.contains("OTHER")));
        assert!(with_variables("5 $", known).is_err());
    }
}
