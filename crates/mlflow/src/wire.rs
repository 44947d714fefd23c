//! How MLflow writes values in JSON: protobuf's JSON form with lower-case names, ids in base64.
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

/// A text; empty if it is missing.
pub(crate) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_default()
}

/// A list; empty if it is missing.
pub(crate) fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object[name].as_array().map_or(&[], Vec::as_slice)
}

/// An object of anything; empty if it is missing.
pub(crate) fn object(of: &Value, name: &str) -> Map<String, Value> {
    of[name].as_object().cloned().unwrap_or_default()
}

/// A whole number: protobuf's JSON writes those of 64 bits as text.
pub(crate) fn number(object: &Value, name: &str) -> u64 {
    let value = &object[name];
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default()
}

/// The hex digits of an id in base64; what is no base64 stays as it is, since it may be hex already.
pub(crate) fn hex(base64: &str) -> String {
    match STANDARD.decode(base64) {
        Ok(bytes) if matches!(bytes.len(), 0 | 8 | 16) => {
            bytes.iter().map(|byte| format!("{byte:02x}")).collect()
        }
        _ => base64.to_owned(),
    }
}

/// The value of an attribute. Text that was JSON comes as what it says: MLflow keeps attributes as JSON and unwraps
/// them itself.
pub(crate) fn value(of: &Value) -> Value {
    let Some((kind, inner)) = of.as_object().and_then(|object| object.iter().next()) else {
        return Value::Null;
    };
    match kind.as_str() {
        "array_value" => list(inner, "values").iter().map(value).collect(),
        "kvlist_value" => Value::Object(attributes(list(inner, "values")).collect()),
        "int_value" => match inner.as_str().and_then(|digits| digits.parse::<i64>().ok()) {
            Some(number) => Value::from(number),
            None => inner.clone(),
        },
        _ => inner.clone(),
    }
}

/// Pairs of `{key, value}`.
pub(crate) fn attributes(pairs: &[Value]) -> impl Iterator<Item = (String, Value)> + '_ {
    pairs.iter().map(|pair| (text(pair, "key").to_owned(), value(&pair["value"])))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_are_hex_whatever_they_came_in() {
        assert_eq!(hex("ASNFZ4mrze8="), "0123456789abcdef");
        assert_eq!(hex("0123456789abcdef"), "0123456789abcdef");
        assert_eq!(hex(""), "");
    }

    #[test]
    fn values_are_plain_json() {
        let nested = json!({"kvlist_value": {"values": [
            {"key": "n", "value": {"int_value": "12"}},
            {"key": "list", "value": {"array_value": {"values": [{"double_value": 0.5}, {"bool_value": true}]}}},
        ]}});
        assert_eq!(value(&nested), json!({"n": 12, "list": [0.5, true]}));
        assert_eq!(value(&json!(null)), Value::Null);
    }
}
