//! What stands in `code_blocks` and `links`: text, or objects that name its parts.
use serde_json::{Map, Value};

use crate::sentences::Aside;

/// A block of code that was written as text, perhaps with its fence.
pub fn code(text: &str) -> Option<Aside> {
    let trimmed = text.trim();
    let fenced = trimmed.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let (language, text) = match fenced.and_then(|inside| inside.split_once('\n')) {
        Some((language, inside)) => (language.trim(), inside),
        None => ("", text),
    };
    let is_code = !text.trim().is_empty();
    is_code.then(|| Aside::Code { language: language.to_owned(), text: text.to_owned() })
}

/// A link that was written as text: an address, `[text](address)` or `text: address`.
pub fn link(text: &str) -> Option<Aside> {
    let text = text.trim();
    let (name, url) = if let Some((name, url)) =
        text.strip_prefix('[').and_then(|rest| rest.strip_suffix(')')).and_then(|rest| rest.split_once("]("))
    {
        (name, url)
    } else if let Some(at) = text.rfind(char::is_whitespace) {
        (text[..at].trim().trim_end_matches([':', '-', '–']).trim_end(), text[at..].trim_start())
    } else {
        ("", text)
    };
    let url = url.trim().trim_start_matches('<').trim_end_matches('>');
    (!url.is_empty()).then(|| Aside::Link { text: name.to_owned(), url: url.to_owned() })
}

/// The same from an object's or list's JSON text. Nothing, where it has no form that is known.
pub fn code_from_json(json: &str) -> Option<Aside> {
    let Value::Object(object) = serde_json::from_str(json).ok()? else { return None };
    let Aside::Code { language, text } = code(named(&object, &["code", "text", "content", "source"])?)?
    else {
        return None;
    };
    let language = named(&object, &["language", "lang"]).map_or(language, str::to_owned);
    Some(Aside::Code { language, text })
}

/// A link as an object.
pub fn link_from_json(json: &str) -> Option<Aside> {
    let Value::Object(object) = serde_json::from_str(json).ok()? else { return None };
    let url = named(&object, &["url", "href", "link", "address"])?.trim().to_owned();
    let text = named(&object, &["text", "title", "name", "label"]).unwrap_or_default().trim().to_owned();
    (!url.is_empty()).then_some(Aside::Link { text, url })
}

fn named<'a>(object: &'a Map<String, Value>, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| object.get(*name)?.as_str())
}
