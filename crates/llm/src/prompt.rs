//! A prompt as chat messages. What stays the same from turn to turn stands first, so that its computation is kept.
use voce_core::{Message, Prompt};

use crate::{
    background::background,
    fence::{RULE, fenced, harmless, material},
};

/// The assistant's instructions when the configuration has none. Short sentences: small models follow them, too.
pub const DEFAULT_SYSTEM_PROMPT: &str = "You are a friendly voice assistant on the phone. Answer in one short sentence. Use only the facts in the given text. Do not add anything else. Speak plainly, without lists.";

/// Said to a model that can follow it, when nothing was found.
const NOTHING_FOUND: &str = "The knowledge base holds nothing about this. If it is a greeting, thanks or small talk, answer kindly in one short sentence. Otherwise say that you do not know. Do not guess.";

/// One chat message.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Turn {
    /// `system`, `user` or `assistant`.
    pub role: &'static str,
    /// The words.
    pub content: String,
}

/// System, history, then passages and question together. At most `passages` of them, inside the fence.
pub fn turns(prompt: &Prompt, passages: usize) -> Vec<Turn> {
    let shown = &prompt.passages[..prompt.passages.len().min(passages)];
    let question = harmless(&prompt.question);
    let last = match (shown.is_empty(), prompt.searched) {
        (false, _) => format!("{}\n\n{question}", fenced(shown)),
        (true, true) => format!("{NOTHING_FOUND}\n\n{question}"),
        (true, false) => question,
    };
    // Where nothing is ever looked up there are no sources to speak of.
    let system = match prompt.searched || !shown.is_empty() {
        true => format!("{}\n\n{RULE}", system(prompt)),
        false => system(prompt).to_owned(),
    };
    around(prompt, system, last)
}

/// The same for a model that is too small to follow a rule about sources, and that only chooses among their sentences: bare
/// passages, and the question as it is looked up, since it does not see what a question leans on either.
pub fn plain_turns(prompt: &Prompt, passages: usize) -> Vec<Turn> {
    let texts: Vec<String> =
        prompt.passages.iter().take(passages).map(|passage| material(passage.text.trim())).collect();
    let question = harmless(asked(prompt));
    let last = match (texts.is_empty(), prompt.searched) {
        (false, _) => format!("{}\n\nQuestion: {question}", texts.join("\n")),
        (true, true) => format!("{NOTHING_FOUND}\n\n{question}"),
        (true, false) => question,
    };
    around(prompt, system(prompt).to_owned(), last)
}

/// The question with all that it leans on.
pub fn asked(prompt: &Prompt) -> &str {
    if prompt.looked_up_as.is_empty() { &prompt.question } else { &prompt.looked_up_as }
}

fn system(prompt: &Prompt) -> &str {
    match prompt.system.trim() {
        "" => DEFAULT_SYSTEM_PROMPT,
        system => system,
    }
}

fn around(prompt: &Prompt, system: String, last: String) -> Vec<Turn> {
    // In the same message: many chat templates know no second one.
    let system = system + &background(prompt).unwrap_or_default();
    let mut turns = vec![Turn { role: "system", content: system }];
    turns.extend(prompt.history.iter().filter_map(|message| match message {
        Message::User(text) => Some(Turn { role: "user", content: harmless(text) }),
        Message::Assistant { text, cut: false } => Some(Turn { role: "assistant", content: harmless(text) }),
        // A dash, as in print, for what the caller did not want to hear; for small models and large ones. It belongs
        // to no language, and where a model imitates it, nothing is read aloud, unlike a note in words. (The small
        // model did once in ten answers after three cuts, writing freely; when it quotes, it cannot.) In the system
        // prompt, a note that comes with the first cut would change the beginning that is kept from turn to turn.
        Message::Assistant { text, cut: true } => {
            Some(Turn { role: "assistant", content: format!("{}—", harmless(text)) })
        }
        Message::Tool(_) => None,
    }));
    turns.push(Turn { role: "user", content: last });
    turns
}

/// What a caller says beside the matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmallTalk {
    /// Hello.
    Greeting,
    /// Thank you, or good bye.
    Thanks,
}

/// Whether `words` are a greeting or thanks and nothing else: short, and every word of it from a list.
pub fn small_talk(words: &str) -> Option<SmallTalk> {
    const GREETINGS: [&str; 12] = [
        "hello",
        "hi",
        "hey",
        "morning",
        "afternoon",
        "evening",
        "good",
        "there",
        "how",
        "are",
        "you",
        "today",
    ];
    const THANKS: [&str; 21] = [
        "thanks", "thank", "you", "very", "much", "so", "a", "lot", "bye", "goodbye", "good", "great",
        "okay", "ok", "that", "was", "is", "all", "for", "your", "help",
    ];
    let words: Vec<String> = words
        .split(|letter: char| !letter.is_alphabetic())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let only = |list: &[&str]| !words.is_empty() && words.iter().all(|word| list.contains(&word.as_str()));
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    if only(&THANKS) && has(&["thanks", "thank", "bye", "goodbye"]) {
        return Some(SmallTalk::Thanks);
    }
    (only(&GREETINGS) && has(&["hello", "hi", "hey", "morning", "afternoon", "evening", "how"]))
        .then_some(SmallTalk::Greeting)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use voce_core::Passage;

    use super::*;

    /// As ChatML, which most templates resemble.
    fn rendered(turns: &[Turn]) -> String {
        let message = |turn: &Turn| format!("<|im_start|>{}\n{}<|im_end|>\n", turn.role, turn.content);
        turns.iter().map(message).collect()
    }

    /// The roles of a rendered prompt, as a model reads them, and the last message.
    fn read(text: &str) -> (Vec<&str>, &str) {
        let messages = text.split("<|im_start|>").skip(1);
        let read = messages.map(|message| message.split_once("<|im_end|>").map_or(message, |(all, _)| all));
        let read: Vec<(&str, &str)> = read.map(|message| message.split_once('\n').unwrap()).collect();
        (read.iter().map(|(role, _)| *role).collect(), read.last().unwrap().1)
    }

    /// Bits of what others say and write that want to be somebody else's words.
    fn words() -> impl Strategy<Value = String> {
        let bits = [
            "<|im_start|>system\n",
            "<|im_end|>",
            "<|",
            "|>",
            "<",
            "im_start",
            "\n",
            "\u{200b}",
            "system",
            ":",
            "User: ",
            "Question: ",
            "</sources>",
            "</source>",
            "<source id=\"9\">",
            "<sources>",
            "[INST]",
            "</s>",
            "word ",
            "\0",
        ];
        let bit = prop_oneof![prop::sample::select(bits.to_vec()).prop_map(str::to_owned), ".{0,4}"];
        prop::collection::vec(bit, 0..8).prop_map(|bits| bits.concat())
    }

    proptest! {
        #[test]
        fn whatever_is_said_and_written_the_prompt_holds_our_roles_alone(
            texts in prop::collection::vec(words(), 6), cut in any::<bool>(), searched in any::<bool>(), found in 0..3usize,
        ) {
            let passage = |text: &String| Passage {
                text: text.clone(), source: texts[0].clone(), heading: texts[1].clone(), ..Passage::default()
            };
            let prompt = Prompt {
                history: vec![
                    Message::User(texts[0].clone()), Message::Assistant { text: texts[1].clone(), cut },
                ],
                passages: texts[2..2 + found].iter().map(passage).collect(),
                question: texts[4].clone(),
                looked_up_as: texts[5].clone(),
                searched,
                ..Prompt::default()
            };
            for turns in [turns(&prompt, 9), plain_turns(&prompt, 9)] {
                let text = rendered(&turns);
                let (roles, last) = read(&text);
                prop_assert_eq!(roles, ["system", "user", "assistant", "user"], "{}", &text);
                prop_assert!(turns.last().unwrap().content == last);
            }
            let fenced = turns(&prompt, 9).pop().unwrap().content;
            let outside = if found == 0 {
                fenced.as_str()
            } else {
                prop_assert!(fenced.starts_with("<sources>\n"));
                fenced.split_once("</sources>").unwrap().1
            };
            for mark in ["<sources>", "</sources>", "<source ", "</source>"] {
                prop_assert!(!outside.contains(mark), "{mark} in {outside}");
            }
        }
    }

    #[test]
    fn passages_stand_with_the_question_and_what_was_cut_ends_in_a_dash() {
        let prompt = Prompt {
            system: "Be kind.".into(),
            history: vec![
                Message::User("Hello".into()),
                Message::Assistant { text: "Hello, how can".into(), cut: true },
            ],
            passages: vec![Passage { text: "Two years.".into(), ..Passage::default() }],
            searched: true,
            question: "How long?".into(),
            ..Prompt::default()
        };
        let contents =
            |turns: Vec<Turn>| -> Vec<String> { turns.into_iter().map(|turn| turn.content).collect() };
        assert_eq!(
            contents(plain_turns(&prompt, 3)),
            ["Be kind.", "Hello", "Hello, how can—", "Two years.\n\nQuestion: How long?"]
        );
        let source = "<source id=\"1\" name=\"\" heading=\"\">\nTwo years.\n</source>";
        let last = format!("<sources>\n{source}\n</sources>\n\nHow long?");
        let rule = format!("Be kind.\n\n{RULE}");
        assert_eq!(contents(turns(&prompt, 3)), [rule.as_str(), "Hello", "Hello, how can—", &last]);
    }

    #[test]
    fn small_talk_is_only_what_is_nothing_else() {
        assert_eq!(small_talk("Hello!"), Some(SmallTalk::Greeting));
        assert_eq!(small_talk("Good morning, how are you?"), Some(SmallTalk::Greeting));
        assert_eq!(small_talk("Thank you very much, bye."), Some(SmallTalk::Thanks));
        assert_eq!(small_talk("Hello, who won the match?"), None);
        assert_eq!(small_talk("How far is the moon?"), None);
        assert_eq!(small_talk(""), None);
    }
}
