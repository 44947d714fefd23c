//! Questions that lean on what was said before: "and for the filter?" after a question about a warranty. What is looked
//! up then is a question that can stand alone. Word lists and no model, so that it costs microseconds and the first word
//! is as early as ever. English; in other languages a question is looked up as it is.
mod phrases;
mod words;

use voce_core::Message;

use phrases::{entity, replace_phrase};
use words::{Words, fragment, is_small, leans_by_pronoun, puts_referent, trails};

/// Words of a question that may be nothing but a phrase.
const SHORT: usize = 6;

/// What `question` is looked up as after `history`, if it leans on it.
pub fn looked_up_as(question: &str, history: &[Message]) -> Option<String> {
    let topic = history.iter().fold(None, |topic: Option<String>, message| match message {
        Message::User(said) => stand_alone(said, topic.as_deref()).or(topic),
        Message::Assistant { .. } | Message::Tool(_) => topic,
    });
    let words = Words::of(question);
    let topic = topic?;
    if is_small(&words) { None } else { rewritten(&words, &topic) }
}

/// What `said` is about on its own, after a talk about `topic`; none if it is only a word of thanks or the like.
fn stand_alone(said: &str, topic: Option<&str>) -> Option<String> {
    let words = Words::of(said);
    if is_small(&words) {
        return None;
    }
    Some(topic.and_then(|topic| rewritten(&words, topic)).unwrap_or_else(|| said.trim().to_owned()))
}

/// The question made of `words`, standing alone; none if it does so already.
fn rewritten(words: &Words, topic: &str) -> Option<String> {
    let topic_words = Words::of(last_question(topic));
    if let Some(phrase) = fragment(words, SHORT) {
        let whole = replace_phrase(&topic_words, &phrase);
        return Some(whole.unwrap_or_else(|| joined(topic, &phrase.text())));
    }
    let rest = words.without_openers();
    if let Some(pronoun) = leans_by_pronoun(&rest) {
        let put = entity(&topic_words, &rest).and_then(|entity| puts_referent(&rest, pronoun, &entity));
        return Some(put.unwrap_or_else(|| joined(topic, &rest.text())));
    }
    let without = trails(&rest)?;
    let with = entity(&topic_words, &rest)
        .map(|entity| format!("{} with {}?", capital(&without.text()), entity.text()));
    Some(with.unwrap_or_else(|| joined(topic, &rest.text())))
}

/// Two questions beside each other: no grammar, but all words that matter. Of what was joined before, the beginning, which
/// stands alone.
fn joined(topic: &str, question: &str) -> String {
    let topic = topic.split(['?', '.', '!']).map(str::trim).find(|part| !part.is_empty()).unwrap_or_default();
    format!("{topic}? {}?", capital(question))
}

/// A joined question goes on with its last part.
fn last_question(topic: &str) -> &str {
    let parts = topic.trim().trim_end_matches(['?', '.', '!']);
    parts.rsplit(['?', '.', '!']).map(str::trim).find(|part| !part.is_empty()).unwrap_or(topic)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(talk: &[&str]) -> Option<String> {
        let (question, before) = talk.split_last().unwrap();
        let history: Vec<Message> = before
            .iter()
            .flat_map(|said| {
                let answer = Message::Assistant { text: "It is as it is.".into(), cut: false };
                [Message::User((*said).to_owned()), answer]
            })
            .collect();
        looked_up_as(question, &history)
    }

    #[test]
    fn a_question_that_leans_is_made_to_stand() {
        for (talk, expected) in [
            (
                &["How long is the warranty on the pump?", "And for the filter?"][..],
                "How long is the warranty for the filter?",
            ),
            (
                &["How long is the warranty on the water pump?", "What about the hose?"],
                "How long is the warranty on the hose?",
            ),
            (
                &["What is the warranty period for the water pump?", "and garden tools"],
                "What is the warranty period for garden tools?",
            ),
            (
                &["How long is the warranty on the pump?", "And for the hose?", "Thanks.", "And for spades?"],
                "How long is the warranty for spades?",
            ),
            (
                &["How much does delivery cost?", "And express delivery?"],
                "How much does express delivery cost?",
            ),
            (&["How much does the water pump cost?", "And how heavy is it?"], "How heavy is the water pump?"),
            (
                &["How much does the water pump cost?", "What about the filter?"],
                "How much does the filter cost?",
            ),
            (
                &["How do I clean the filter?", "And how often should I replace it?"],
                "How often should I replace the filter?",
            ),
            (
                &["How often should I replace the filter?", "How much is a new one?"],
                "How much is a new filter?",
            ),
            (&["Do you sell gift cards?", "How long are they valid?"], "How long are gift cards valid?"),
            (&["Does the warranty cover frost damage?", "What about sand?"], "Does the warranty cover sand?"),
            (&["Can I pay by card?", "And in cash?"], "Can I pay in cash?"),
            (&["Are you open on Saturdays?", "And on Sundays?"], "Are you open on Sundays?"),
            (&["What is your phone number?", "And your e-mail address?"], "What is your e-mail address?"),
            (&["Where is the shop?", "Can I park there?"], "Can I park at the shop?"),
            (&["Is the pump loud?", "How high can it lift water?"], "How high can the pump lift water?"),
            (
                &["Do you ship to Canada?", "How long does that take?"],
                "Do you ship to Canada? How long does that take?",
            ),
            (
                &["How long is the warranty?", "Is damage by frost covered too?"],
                "Is damage by frost covered with the warranty?",
            ),
            (&["How long is the warranty on the pump?", "And how much is it?"], "How much is the pump?"),
        ] {
            assert_eq!(asked(talk).as_deref(), Some(expected), "{talk:?}");
        }
    }

    #[test]
    fn a_question_that_stands_is_left_alone() {
        for question in [
            "When are you open?",
            "And when do you open?",
            "How much does the water pump cost?",
            "What is the warranty period for the hose?",
            "Thank you.",
            "Okay, and thanks for that.",
            "What time is it?",
            "Is it possible to pay by card?",
            "Is there parking?",
            "If the pump gets hot, does it stop?",
            "I lost my receipt, what can I do?",
            "My pump is leaking.",
            "Do you have a pump that lifts water up to forty metres?",
            "So what is your phone number?",
            "Hello, can you help me?",
        ] {
            assert_eq!(asked(&["How long is the warranty on the water pump?", question]), None, "{question}");
        }
        assert_eq!(asked(&["And for the filter?"]), None, "there is nothing to lean on");
        assert_eq!(asked(&["Thanks.", "And for the filter?"]), None, "there is nothing to lean on");
    }

    proptest! {
        #[test]
        fn whatever_is_said_it_ends_in_a_question_of_bounded_length(said in prop::collection::vec("[a-zA-Z ,.?']{0,40}", 1..12)) {
            let talk: Vec<&str> = said.iter().map(String::as_str).collect();
            if let Some(question) = asked(&talk) {
                prop_assert!(question.ends_with('?'));
                prop_assert!(question.len() <= said.iter().map(|one| one.len() + 8).sum::<usize>());
            }
        }
    }
}
