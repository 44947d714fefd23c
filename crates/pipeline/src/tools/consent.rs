//! "Shall I?": the sentence that is asked, whether it was heard, and what the caller's words mean to it. Pure.
//!
//! The lists are English, like the voice. Words that they do not know are no consent, whatever the language.
use serde_json::{Map, Value};

use super::shortened;

/// What the caller's words mean to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// A clear yes, and nothing else.
    Yes,
    /// A no, whatever stands beside it.
    No,
    /// Neither: another question, a condition, another number.
    Other,
}

/// Any of these makes it a no, also beside a yes.
const NO: &[&str] = &[
    "no",
    "nope",
    "nah",
    "not",
    "never",
    "don't",
    "dont",
    "won't",
    "wouldn't",
    "shouldn't",
    "can't",
    "cannot",
    "nothing",
    "stop",
    "wait",
    "hold on",
    "leave it",
    "forget it",
    "abort",
    "rather not",
];
/// At least one of these makes it a yes.
const YES: &[&str] = &[
    "yes",
    "yeah",
    "yep",
    "yup",
    "sure",
    "okay",
    "ok",
    "alright",
    "all right",
    "correct",
    "exactly",
    "absolutely",
    "definitely",
    "certainly",
    "of course",
    "go ahead",
    "go for it",
    "do it",
    "do that",
    "do so",
    "please do",
    "please",
    "fine",
    "sounds good",
    "by all means",
    "confirm",
    "confirmed",
    "i confirm",
    "you can",
    "you may",
    "that's right",
    "that is right",
    "right",
];
/// May stand beside a yes.
const BESIDE: &[&str] = &[
    "please", "thanks", "thank", "you", "do", "it", "that", "this", "so", "now", "just", "then", "um", "uh",
    "well", "oh", "i", "am", "i'm", "want", "would", "like", "to", "the", "a", "an", "my", "me", "go",
    "ahead", "is", "that's", "can", "could", "for", "and", "with", "good", "great", "right", "very", "much",
    "sir", "madam",
];
/// Words that a clear yes has at most.
const LONGEST_YES: usize = 16;
/// Characters of an argument that are read out.
const LONGEST_ARGUMENT: usize = 80;
/// Of the words of a question, so many (of a hundred) must have been heard.
const HEARD_PERCENT: usize = 60;

/// What `answer` means to `question`. Whatever is in the answer beside a yes must be in the question, too: "yes, order
/// seven" is no consent to cancel order five.
pub fn consent(question: &str, answer: &str) -> Consent {
    let said = words(answer);
    if has_any(&said, NO) {
        return Consent::No;
    }
    let asks_back = answer.trim_end().ends_with('?');
    if asks_back || said.len() > LONGEST_YES || !has_any(&said, YES) {
        return Consent::Other;
    }
    let asked = words(question);
    let is_known = |word: &String| {
        let word = word.as_str();
        BESIDE.contains(&word)
            || asked.iter().any(|asked| asked == word)
            || YES.iter().any(|phrase| phrase.split(' ').any(|part| part == word))
    };
    if said.iter().all(is_known) { Consent::Yes } else { Consent::Other }
}

/// Whether so much of `question` is in what was heard that the caller knows what was asked.
pub fn was_heard(question: &str, heard: &str) -> bool {
    let (question, mut heard) = (words(question), words(heard));
    let known = question
        .iter()
        .filter(|word| {
            let place = heard.iter().position(|heard| heard == *word);
            place.map(|place| heard.swap_remove(place)).is_some()
        })
        .count();
    !question.is_empty() && known * 100 >= question.len() * HEARD_PERCENT
}

/// The sentence: `{argument}` stands for the argument. What is not there is left out.
pub fn question(template: &str, arguments: &Map<String, Value>) -> String {
    let mut sentence = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        sentence.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            rest = after;
            break;
        };
        sentence.push_str(&arguments.get(name.trim()).map(spoken).unwrap_or_default());
        rest = after;
    }
    sentence.push_str(rest);
    sentence.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A value as it is read out: without what the voice or the page would take for more than words.
fn spoken(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(spoken).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    let plain: String = text
        .chars()
        .map(|sign| if sign.is_control() || "*_`#<>[]|{}".contains(sign) { ' ' } else { sign })
        .collect();
    shortened(plain.trim(), LONGEST_ARGUMENT)
}

fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace('’', "'");
    text.split(|sign: char| !sign.is_alphanumeric() && sign != '\'')
        .map(|word| word.trim_matches('\'').to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

fn has_any(words: &[String], phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| {
        let phrase: Vec<&str> = phrase.split(' ').collect();
        words.windows(phrase.len()).any(|window| window.iter().zip(&phrase).all(|(word, part)| word == part))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        let question = "Shall I cancel order 5 for the water pump?";
        for (answer, expected) in [
            ("Yes.", Consent::Yes),
            ("yes please", Consent::Yes),
            ("Yeah, go ahead.", Consent::Yes),
            ("Do it.", Consent::Yes),
            ("Sure, cancel it.", Consent::Yes),
            ("Um, yes, please cancel order 5.", Consent::Yes),
            ("Okay.", Consent::Yes),
            ("Of course, thank you very much.", Consent::Yes),
            ("That’s right.", Consent::Yes),
            ("No.", Consent::No),
            ("No, thanks.", Consent::No),
            ("Please don't.", Consent::No),
            ("Please don’t do it.", Consent::No),
            ("Yes, no, wait.", Consent::No),
            ("Yes, but not now.", Consent::No),
            ("No problem, go ahead.", Consent::No),
            ("Hold on.", Consent::No),
            ("Yes?", Consent::Other),
            ("Yes, order 7.", Consent::Other),
            ("Yes, but first tell me what it costs.", Consent::Other),
            ("Yes, if it is free.", Consent::Other),
            ("Maybe.", Consent::Other),
            ("What does it cost?", Consent::Other),
            ("Order 5.", Consent::Other),
            ("Yesterday.", Consent::Other),
            ("Is it okay to do that later?", Consent::Other),
            ("I guess so.", Consent::Other),
            ("", Consent::Other),
            ("Ja.", Consent::Other),
        ] {
            assert_eq!(consent(question, answer), expected, "{answer:?}");
        }
    }

    #[test]
    fn a_question_is_heard_when_most_of_its_words_are() {
        let question = "Shall I cancel order 5 for the water pump?";
        assert!(was_heard(question, question));
        assert!(was_heard(question, "I can do that. Shall I cancel order 5 for the"));
        assert!(!was_heard(question, "I can do that. Shall I cancel"));
        assert!(!was_heard(question, ""));
        assert!(!was_heard("?", "anything"));
    }

    #[test]
    fn arguments_are_read_out_as_plain_words() {
        let arguments = json!({"order": 5, "names": ["a", "b"], "note": "**x**\n<b>", "gone": null});
        let Value::Object(arguments) = arguments else { panic!("an object") };
        for (template, expected) in [
            ("Shall I cancel order {order}?", "Shall I cancel order 5?"),
            ("For { names }?", "For a, b?"),
            ("Note {note} now?", "Note x b now?"),
            ("Really {gone} {missing}?", "Really ?"),
            ("An open {order", "An open order"),
        ] {
            assert_eq!(question(template, &arguments), expected);
        }
        let long = json!({"text": "x".repeat(500)});
        let Value::Object(long) = long else { panic!("an object") };
        assert!(question("Send {text}?", &long).len() < 110);
    }
}
