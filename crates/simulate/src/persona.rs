//! A caller played by a language model: from what was heard so far to the next words.
use futures_util::StreamExt;
use voce_core::{EngineError, LanguageModel, Message, Piece, Prompt};

use crate::scenario::Persona;

/// What the model writes when its caller is done.
const DONE: &str = "HANG UP";
/// Longest thing that a caller says, characters: about 20 seconds.
const LONGEST: usize = 300;

/// The next words; none when the caller hangs up. `told` is what was said and heard so far.
pub async fn next_words(
    llm: &dyn LanguageModel,
    persona: &Persona,
    told: &[(String, String)],
) -> Result<Option<String>, EngineError> {
    let mut pieces = llm.generate(prompt(persona, told));
    let mut text = String::new();
    while let Some(piece) = pieces.next().await {
        if let Piece::Text(piece) = piece? {
            text += &piece;
        }
        // Twice that leaves room for what is taken out.
        if text.len() > 2 * LONGEST {
            break;
        }
    }
    Ok(spoken(&text))
}

/// The roles are turned round: to the model, the assistant is the one who asks.
fn prompt(persona: &Persona, told: &[(String, String)]) -> Prompt {
    let Persona { who, goal, .. } = persona;
    let system = format!(
        "You play a caller on the telephone who talks to a voice assistant. You are {who}. What you want: {goal} \
         Write only the words that you say next: one or two short sentences of plain speech, no quotation marks, no \
         stage directions, nothing on behalf of the assistant. When you have what you want, or it is clear that you \
         will not get it, write {DONE} and nothing else."
    );
    let begin = "The assistant has picked up the phone. You speak first.".to_owned();
    let mut history = vec![];
    let mut question = begin;
    for (said, heard) in told {
        let heard = if heard.is_empty() { "(silence)" } else { heard };
        history.push(Message::User(std::mem::replace(&mut question, heard.to_owned())));
        history.push(Message::Assistant { text: said.clone(), cut: false });
    }
    Prompt { system, history, question, ..Prompt::default() }
}

/// What of the model's text can be said; none if the caller is done.
fn spoken(text: &str) -> Option<String> {
    let text = text.rsplit("</think>").next().unwrap_or_default();
    if text.to_uppercase().contains(DONE) {
        return None;
    }
    let mut said = String::new();
    let mut aside = None;
    for sign in text.chars() {
        match (aside, sign) {
            (Some(end), sign) if sign == end => aside = None,
            (Some(_), _) | (None, '"' | '\u{201c}' | '\u{201d}') => {}
            (None, '*') => aside = Some('*'),
            (None, '(') => aside = Some(')'),
            (None, '[') => aside = Some(']'),
            (None, sign) => said.push(if sign.is_whitespace() { ' ' } else { sign }),
        }
    }
    let said = said.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let cut: String = said.chars().take(LONGEST).collect();
    let whole = match cut.rfind(['.', '?', '!']) {
        Some(end) if cut.len() < said.len() => cut[..=end].to_owned(),
        _ => cut,
    };
    whole.chars().any(char::is_alphanumeric).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stage_directions_and_quotation_marks_are_not_spoken() {
        for (written, said) in [
            ("\"What is the warranty?\"", Some("What is the warranty?")),
            ("*sighs* Well,\n(pause) how long?", Some("Well, how long?")),
            ("<think>hm HANG UP?</think>Thank you.", Some("Thank you.")),
            ("Hang up", None),
            ("HANG UP.", None),
            ("...", None),
            ("", None),
        ] {
            assert_eq!(spoken(written).as_deref(), said, "{written}");
        }
        let long = "I want to know it. ".repeat(40);
        let said = spoken(&long).unwrap();
        assert!(said.len() <= LONGEST && said.ends_with("know it."), "{said}");
    }

    #[test]
    fn to_the_model_the_assistant_is_the_one_who_asks() {
        let persona = Persona {
            who: "a gardener".into(),
            goal: "to know the price.".into(),
            opening: Default::default(),
            most_turns: 3,
        };
        let told = [("What does it cost?".to_owned(), "Ten dollars.".to_owned())];
        let prompt = prompt(&persona, &told);
        assert!(prompt.system.contains("a gardener") && prompt.system.contains("to know the price."));
        assert_eq!(prompt.question, "Ten dollars.");
        assert_eq!(prompt.history[1], Message::Assistant { text: "What does it cost?".into(), cut: false });
    }
}
