//! The phrases of a question: which one another takes the place of, and what it is about.
use super::words::{
    Words, is_asking, is_auxiliary, is_determiner, is_name, is_person, is_preposition, is_verb,
};

/// Prepositions that can take each other's place.
const ALIKE: [&[&str]; 4] = [
    &["for", "on", "of", "with", "about"],
    &["in", "by", "via", "through", "with"],
    &["on", "at", "in", "during", "from", "until"],
    &["to", "into", "in"],
];
/// What is asked of a promise rather than of the thing that it is about.
const OF_A_PROMISE: [&str; 12] = [
    "cover", "covers", "covered", "include", "includes", "included", "claim", "expire", "expires", "start",
    "extend", "apply",
];

/// `topic` with `phrase` in the place of the one it answers to; none if it is not clear which one that is.
pub fn replace_phrase(topic: &Words, phrase: &Words) -> Option<String> {
    let text = phrase.text();
    if is_preposition(phrase.at(0)) {
        let same = |at: &usize| are_alike(topic.at(*at), phrase.at(0));
        let (start, end) = (1..topic.len())
            .rev()
            .filter(|&at| is_preposition(topic.at(at)))
            .find(same)
            .map_or((topic.len(), topic.len()), |at| (at, end_of_name(topic, at + 1)));
        return (topic.len() >= 2).then(|| topic.with(start, end, &text));
    }
    if let Some((start, end)) = namesake(topic, phrase) {
        return Some(topic.with(start, end, &text));
    }
    let last = (1..topic.len()).rev().find(|&at| is_preposition(topic.at(at)));
    if let Some(at) = last.filter(|&at| end_of_name(topic, at + 1) == topic.len() && at + 1 < topic.len()) {
        return Some(topic.with(at + 1, topic.len(), &text));
    }
    let be = |at: usize| matches!(topic.at(at), "is" | "are");
    if topic.at(0) == "what" && be(1) && topic.len() > 2 {
        return Some(topic.with(2, topic.len(), &text));
    }
    let auxiliary = (0..topic.len()).find(|&at| is_auxiliary(topic.at(at)))?;
    let subject = auxiliary + 1;
    if be(auxiliary) {
        let end = end_of_name(topic, subject);
        return (end > subject && !is_person(topic.at(subject))).then(|| topic.with(subject, end, &text));
    }
    let verb = (subject + 1..topic.len()).find(|&at| is_verb(topic.at(at)))?;
    if verb + 1 < topic.len() {
        return Some(topic.with(verb + 1, topic.len(), &text));
    }
    (!is_person(topic.at(subject))).then(|| topic.with(subject, verb, &text))
}

/// What a question is about: "the water pump" of "how long is the warranty on the water pump". `asked` is what is asked of
/// it next.
pub fn entity(topic: &Words, asked: &Words) -> Option<Words> {
    let of_a_promise = (0..asked.len()).any(|at| OF_A_PROMISE.contains(&asked.at(at)));
    let determiners = (0..topic.len()).filter(|&at| is_determiner(topic.at(at)) && is_name(topic.at(at + 1)));
    let named: Vec<(usize, usize)> = determiners.map(|at| (at, end_of_name(topic, at))).collect();
    let found = if of_a_promise { named.first() } else { named.last() };
    if let Some(&(start, end)) = found {
        return Some(topic.slice(start, end));
    }
    let after = |is: fn(&str) -> bool| {
        (1..topic.len()).rev().find(|&at| is(topic.at(at)) && is_name(topic.at(at + 1)))
    };
    let before = after(is_preposition).or_else(|| after(is_verb))?;
    let end = end_of_name(topic, before + 1);
    (end > before + 1).then(|| topic.slice(before + 1, end))
}

fn are_alike(one: &str, other: &str) -> bool {
    one == other || ALIKE.iter().any(|alike| alike.contains(&one) && alike.contains(&other))
}

/// Where the name that begins at `start`, its determiner included, ends.
fn end_of_name(words: &Words, start: usize) -> usize {
    let first = if is_determiner(words.at(start)) { start + 1 } else { start };
    // Its first word may look like a verb: "the return policy".
    let goes_on = |at: usize| is_name(words.at(at)) && (at == first || !is_verb(words.at(at)));
    (first..words.len()).find(|&at| !goes_on(at)).unwrap_or(words.len())
}

/// The name in `topic` that ends in the last word of `phrase`: "delivery" for "express delivery".
fn namesake(topic: &Words, phrase: &Words) -> Option<(usize, usize)> {
    let last = phrase.at(phrase.len().checked_sub(1)?);
    let at = (0..topic.len()).rev().find(|&at| topic.at(at) == last && is_name(last))?;
    let begins = |at: &usize| {
        *at == 0 || !is_name(topic.at(at - 1)) || is_verb(topic.at(at - 1)) || is_asking(topic.at(at - 1))
    };
    let mut start = (0..=at).rev().find(begins)?;
    if start > 0 && is_determiner(topic.at(start - 1)) && is_determiner(phrase.at(0)) {
        start -= 1;
    }
    Some((start, at + 1))
}
