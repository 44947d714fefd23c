//! What a Markdown document says of itself between `---` lines at its top.
use std::collections::BTreeMap;

use serde_json::Value;

/// Tags of one document at most: a document that brings more is no document with tags.
const MOST_TAGS: usize = 64;

/// What stands in a front matter.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FrontMatter {
    /// Its `title`.
    pub title: String,
    /// Its other plain values by their names, and the words of its list `tags`, each `true`.
    pub tags: BTreeMap<String, String>,
}

/// The front matter of `document` and what follows it. What is no YAML mapping is text.
pub fn split(document: &str) -> (FrontMatter, &str) {
    let Some((yaml, body)) = fenced(document) else { return (FrontMatter::default(), document) };
    match serde_saphyr::from_str::<BTreeMap<String, Value>>(yaml) {
        Ok(fields) => (front_matter(fields), body),
        Err(_) => (FrontMatter::default(), document),
    }
}

fn fenced(document: &str) -> Option<(&str, &str)> {
    let rest = document.strip_prefix("---")?.trim_start_matches([' ', '\t']);
    let rest = rest.strip_prefix('\n').or_else(|| rest.strip_prefix("\r\n"))?;
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        if matches!(line.trim_end(), "---" | "...") {
            return Some((&rest[..at], &rest[at + line.len()..]));
        }
        at += line.len();
    }
    None
}

fn front_matter(fields: BTreeMap<String, Value>) -> FrontMatter {
    let mut found = FrontMatter::default();
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("title", value) => found.title = plain(&value).unwrap_or_default(),
            ("tags", Value::Array(words)) => {
                let words = words.iter().filter_map(plain).map(|word| (word, "true".to_owned()));
                found.tags.extend(words);
            }
            ("tags", Value::Object(pairs)) => {
                let pairs = pairs.into_iter().filter_map(|(name, value)| Some((name, plain(&value)?)));
                found.tags.extend(pairs);
            }
            (_, value) => found.tags.extend(plain(&value).map(|value| (name, value))),
        }
    }
    while found.tags.len() > MOST_TAGS {
        found.tags.pop_last();
    }
    found
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_and_tags_are_taken_and_the_rest_is_the_document() {
        let document = "---\ntitle: The pump\nlanguage: en\nversion: 2\ntags: [garden, water]\n---\n# Use\n";
        let (found, body) = split(document);
        assert_eq!((found.title.as_str(), body), ("The pump", "# Use\n"));
        let tags: Vec<_> = found.tags.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(tags, ["garden=true", "language=en", "version=2", "water=true"]);
    }

    #[test]
    fn rulers_and_broken_yaml_are_text() {
        for document in ["---\nJust a ruler.\n\n---\nText.", "---\nno end: 1\n", "--- a\n---\n", "", "---"] {
            assert_eq!(split(document), (FrontMatter::default(), document));
        }
        assert_eq!(split("---\r\ntitle: A\r\n---\r\nB").1, "B");
    }
}
