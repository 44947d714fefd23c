//! Prompts of every size against a context of every size.
use proptest::prelude::*;
use voce_core::{ModelCard, Output, ToolCall, ToolStep};

use super::*;

/// Counts four letters as a token, as servers without a tokenizer are counted for.
struct Small {
    card: ModelCard,
    context: usize,
}

impl LanguageModel for Small {
    fn model(&self) -> &ModelCard {
        &self.card
    }

    fn generate(&self, _: Prompt) -> Output<Piece> {
        unreachable!("only counts")
    }

    fn context_tokens(&self) -> usize {
        self.context
    }

    fn answer_tokens(&self) -> usize {
        50
    }
}

fn context(tokens: usize) -> Context {
    let llm = Arc::new(Small { card: ModelCard::default(), context: tokens });
    Context::new(llm, None, ContextConfig::default())
}

fn words(count: usize) -> String {
    vec!["word"; count].join(" ")
}

fn prompt(turns: usize, passages: usize, question: usize) -> Prompt {
    let exchange = |turn: usize| {
        let text = format!("answer {turn} {}", words(20));
        [Message::User(format!("question {turn}")), Message::Assistant { text, cut: false }]
    };
    let passage = |place: usize| Passage { text: format!("{place} {}", words(60)), ..Passage::default() };
    Prompt {
        system: words(20),
        history: (0..turns).flat_map(exchange).collect(),
        passages: (0..passages).map(passage).collect(),
        searched: true,
        question: format!("{} in the end", words(question)),
        ..Prompt::default()
    }
}

/// All letters of it, a quarter each, without anything around.
fn tokens(prompt: &Prompt) -> usize {
    let count = |text: &str| text.len().div_ceil(4);
    let history = prompt.history.iter().map(|message| match message {
        Message::User(text) | Message::Assistant { text, .. } => count(text),
        Message::Tool(step) => count(&step.result),
    });
    count(&prompt.system)
        + count(&prompt.summary)
        + count(&prompt.memory)
        + count(&prompt.question)
        + history.sum::<usize>()
        + prompt.passages.iter().map(|passage| count(&passage.text)).sum::<usize>()
        + prompt.steps.iter().map(|step| count(&step.result)).sum::<usize>()
}

#[test]
fn what_fits_is_left_as_it_is() {
    let whole = prompt(10, 3, 5);
    assert_eq!(context(8_192).fit(whole.clone()), whole);
}

#[test]
fn a_long_question_loses_its_beginning_and_says_so() {
    let fitting = context(600).fit(prompt(2, 1, 2_000));
    assert!(
        fitting.question.starts_with(LEFT_OUT) && fitting.question.ends_with("in the end"),
        "{fitting:?}"
    );
    assert_eq!(fitting.passages.len(), 1, "what is known of it stays");
    assert!(tokens(&fitting) <= 600 - 50);
}

#[test]
fn a_passage_that_is_too_long_is_cut_and_not_denied() {
    let mut long = prompt(4, 2, 5);
    long.passages[0].text = words(5_000);
    let fitting = context(500).fit(long);
    assert_eq!(fitting.passages.len(), 1);
    assert!(fitting.passages[0].text.len() > 400, "{}", fitting.passages[0].text.len());
    assert!(tokens(&fitting) <= 500 - 50);
}

#[test]
fn what_a_tool_said_is_cut_too() {
    let call = ToolCall { id: "1".into(), name: "orders".into(), arguments: "{}".into() };
    let step = ToolStep { call, result: words(3_000), ..ToolStep::default() };
    let fitting = context(800).fit(Prompt { steps: vec![step.clone(), step], ..prompt(4, 1, 5) });
    assert_eq!(fitting.steps.len(), 2);
    assert!(tokens(&fitting) <= 800 - 50, "{}", tokens(&fitting));
}

proptest! {
    #[test]
    fn a_prompt_never_exceeds_the_context_and_keeps_its_order(
        size in 400_usize..4_000, turns in 0_usize..60, passages in 0_usize..6, question in 0_usize..1_500,
        (summary, memory) in (0_usize..400, 0_usize..400),
    ) {
        let whole = Prompt { summary: words(summary), memory: words(memory), ..prompt(turns, passages, question) };
        let fitting = context(size).fit(whole.clone());
        prop_assert!(tokens(&fitting) + 50 <= size, "{} of {size}", tokens(&fitting));
        prop_assert!(whole.history.ends_with(&fitting.history));
        prop_assert!(fitting.history.first().is_none_or(|first| matches!(first, Message::User(_))));
        prop_assert!(fitting.passages.is_empty() == whole.passages.is_empty(), "what was found is not denied");
        prop_assert!(fitting.question.ends_with("in the end"));
    }
}
