//! What stands in a scenario's fields: one text or a list of them, patterns, numbers within bounds. What is wrong is
//! said where it stands.
use std::fmt;

use regex::{Regex, RegexBuilder};
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};
use serde_saphyr::{DefaultMessageFormatter, MessageFormatter};

/// One text or a list of texts, none of them empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(pub Vec<String>);

impl std::ops::Deref for Texts {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;

        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Texts;

            fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
                out.write_str(
                    "a text (if it looks like something else, in quotation marks) or a list of texts",
                )
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts(vec![not_empty(text)?]))
            }

            // A number such as 8 is meant as it is written.
            fn visit_i64<E: Error>(self, number: i64) -> Result<Texts, E> {
                Ok(Texts(vec![number.to_string()]))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Texts, E> {
                Ok(Texts(vec![number.to_string()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
                let mut texts = vec![];
                while let Some(text) = list.next_element::<String>()? {
                    texts.push(not_empty(&text)?);
                }
                match texts.is_empty() {
                    true => Err(A::Error::custom("expected at least one text in the list")),
                    false => Ok(Texts(texts)),
                }
            }
        }
        deserializer.deserialize_any(OneOrMore)
    }
}

fn not_empty<E: Error>(text: &str) -> Result<String, E> {
    match text.trim() {
        "" => Err(E::custom("expected a text with something in it")),
        text => Ok(text.to_owned()),
    }
}

/// A regular expression that looks for its match anywhere, whatever the case.
#[derive(Clone, Debug)]
pub struct Pattern(pub Regex);

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let compiled = RegexBuilder::new(&text).case_insensitive(true).build();
        compiled.map(Self).map_err(|error| {
            // The error draws the pattern over several lines; the last says what is wrong.
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            D::Error::custom(format!("{text:?} is no regular expression: {reason}"))
        })
    }
}

/// A text with something in it.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    not_empty(&String::deserialize(deserializer)?)
}

/// A number from `low` to `high`, both included; `what` says what of.
fn within<'de, D: Deserializer<'de>>(
    deserializer: D,
    (low, high): (f64, f64),
    what: &str,
) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    match (low..=high).contains(&number) {
        true => Ok(number),
        false => Err(D::Error::custom(format!("expected {what} from {low} to {high}, found {number}"))),
    }
}

/// 0 to 600.
pub fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    within(deserializer, (0.0, 600.0), "seconds")
}

/// The same where it may be left out.
pub fn some_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    seconds(deserializer).map(Some)
}

/// 0.5 to 2, as the voices take it.
pub fn speed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    within(deserializer, (0.5, 2.0), "a speed")
}

/// -20 to 80.
pub fn decibels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    within(deserializer, (-20.0, 80.0), "decibels")
}

/// 1 to 10 000.
pub fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    within(deserializer, (1.0, 10_000.0), "a whole number").and_then(|number| match number.fract() == 0.0 {
        true => Ok(number as u32),
        false => Err(D::Error::custom(format!("expected a whole number, found {number}"))),
    })
}

/// What the reader says is wrong, without the place.
pub fn reason(error: &serde_saphyr::Error) -> String {
    DefaultMessageFormatter.format_message(error.without_snippet()).into_owned()
}
