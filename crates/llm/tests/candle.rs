//! The engine in this process, with the real small model.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
use std::sync::{Arc, LazyLock};

use futures_util::StreamExt;
use voce_core::{LanguageModel, Message, Passage, Prompt};
use voce_llm::{Candle, Config, DEFAULT_SYSTEM_PROMPT};
use voce_models::Store;
use voce_testkit::contract::language_model;

/// Loaded once for all tests; `None` without the model.
static MODEL: LazyLock<Option<Arc<Candle>>> = LazyLock::new(|| {
    voce_testkit::models(&["smollm2-135m-instruct"])?;
    let store = Store::open(&voce_models::Config::default()).unwrap();
    Some(Arc::new(Candle::load(&Config::default(), &store).unwrap()))
});

/// Tokens of the prompt after the question: its end, and the beginning of the answer.
const END_OF_QUESTION: u32 = 6;

fn ask(question: &str, passages: &[&str]) -> Prompt {
    let passage = |text: &&str| Passage { text: (*text).into(), ..Passage::default() };
    Prompt {
        system: DEFAULT_SYSTEM_PROMPT.into(),
        question: question.into(),
        passages: passages.iter().map(passage).collect(),
        searched: true,
        ..Prompt::default()
    }
}

fn warranty() -> Prompt {
    let passage = "The water pump has a warranty of two years from the date of purchase. Keep the receipt.";
    ask("What is the warranty period for the water pump?", &[passage])
}

fn delivery() -> Prompt {
    ask("How long does a delivery take?", &["A delivery takes three working days."])
}

#[tokio::test]
async fn it_keeps_the_contract() {
    let Some(model) = MODEL.clone() else { return };
    language_model::language_model(model, [warranty(), delivery()]).await;
}

#[tokio::test]
async fn it_answers_from_the_passage_in_a_short_sentence() {
    let Some(model) = MODEL.clone() else { return };
    let (text, _) = language_model::answer(&*model, warranty()).await;
    assert!(text.contains("two years") && text.len() < 150, "{text}");
}

#[tokio::test]
async fn it_says_that_it_does_not_know_and_still_greets() {
    let Some(model) = MODEL.clone() else { return };
    let answer = async |question| language_model::answer(&*model, ask(question, &[])).await.0;
    assert_eq!(answer("Who won the world cup?").await, "I am sorry, I do not know that.");
    assert_eq!(answer("Hello there!").await, "Hello! How can I help you?");
    assert_eq!(answer("Thank you very much.").await, "You are welcome.");
}

#[tokio::test]
async fn what_stays_the_same_from_turn_to_turn_is_not_computed_again() {
    let Some(model) = MODEL.clone() else { return };
    let system = model.token_ids(DEFAULT_SYSTEM_PROMPT).unwrap().len() as u32;
    let (text, first) = language_model::answer(&*model, delivery()).await;
    assert!(first.cached_tokens >= system, "{first:?}");
    let history =
        vec![Message::User("How long does a delivery take?".into()), Message::Assistant { text, cut: false }];
    let second = Prompt { history, ..warranty() };
    language_model::answer(&*model, second.clone()).await;
    let looked_up_as = "How long is the warranty for the hose?".into();
    let (_, third) = language_model::answer(
        &*model,
        Prompt { question: "And for the hose?".into(), looked_up_as, ..second },
    )
    .await;
    assert!(third.cached_tokens > first.cached_tokens, "{third:?}");
}

#[tokio::test]
async fn what_was_read_ahead_is_not_read_again() {
    let Some(model) = MODEL.clone() else { return };
    let shown = |name: &str| format!("{name} grow best in light soil, half in the sun. ").repeat(6);
    let (whole, begun) = ("How do I grow them from seed?", "How do I grow the");
    let (_, cold) = language_model::answer(&*model, ask(whole, &[&shown("Carrots")])).await;
    model.prepare(ask(begun, &[&shown("Onions")])).await.unwrap();
    let (_, ahead) = language_model::answer(&*model, ask(whole, &[&shown("Onions")])).await;
    let left = model.token_ids(" them from seed?").unwrap().len() as u32 + END_OF_QUESTION;
    assert!(cold.cached_tokens < cold.prompt_tokens / 2, "{cold:?}");
    assert_eq!(ahead.cached_tokens, ahead.prompt_tokens - left, "{ahead:?}");
}

#[tokio::test]
async fn a_fixed_answer_needs_no_reading_ahead() {
    let Some(model) = MODEL.clone() else { return };
    let nothing_found =
        Prompt { system: "Unlike every other system prompt. ".repeat(20), ..ask("Hello", &[]) };
    model.prepare(nothing_found.clone()).await.unwrap();
    let asked = Prompt { searched: false, ..nothing_found };
    let (_, bill) = language_model::answer(&*model, asked).await;
    assert!(bill.cached_tokens < 20, "{bill:?}");
}

#[tokio::test]
async fn a_long_history_loses_its_oldest_part() {
    let Some(model) = MODEL.clone() else { return };
    let old = "We talked about pumps, hoses, spades and rakes for a good while. ".repeat(12);
    let history = (0..40).map(|_| Message::User(old.clone())).collect();
    let (text, bill) = language_model::answer(&*model, Prompt { history, ..warranty() }).await;
    assert!(bill.prompt_tokens <= 2_048 && !text.is_empty(), "{bill:?}");
}

#[tokio::test]
async fn a_dropped_answer_stops_within_a_step() {
    let Some(model) = MODEL.clone() else { return };
    let mut pieces = model.generate(warranty());
    pieces.next().await.unwrap().unwrap();
    // Steps run only when asked for, so nothing is left to run; the cache of this answer is back already.
    drop(pieces);
    let (_, bill) = language_model::answer(&*model, warranty()).await;
    assert_eq!(bill.cached_tokens, bill.prompt_tokens - 1);
}

#[test]
fn token_ids_are_those_of_llama_cpp() {
    let Some(model) = MODEL.clone() else { return };
    for (text, ids) in IDS.iter().copied() {
        assert_eq!(model.token_ids(text).unwrap(), ids, "{text}");
    }
}

/// From llama.cpp (llama-cpp-python 0.3.36), the same file.
const IDS: &[(&str, &[u32])] = &[
    ("Hello, world!", &[19556, 28, 905, 17]),
    (
        "What's the warranty period for the water pump?",
        &[1780, 506, 260, 34964, 1657, 327, 260, 913, 6680, 47],
    ),
    (
        "It costs $12.50, or 1,234 euros in 2026.",
        &[
            1589, 3499, 1885, 33, 34, 30, 37, 32, 28, 355, 216, 33, 28, 34, 35, 36, 39236, 281, 216, 34, 32,
            34, 38, 30,
        ],
    ),
    ("  two spaces\n\nand lines\t tab", &[216, 827, 5600, 198, 198, 397, 3204, 197, 10147]),
    (
        "café naïve Übergröße 東京 🙂",
        &[
            83, 1939, 2756, 15486, 46494, 5549, 246, 5799, 98, 7466, 34878, 85, 17097, 247, 126, 16736, 122,
            47526,
        ],
    ),
    ("don't I'll we've THEY'RE", &[12420, 982, 339, 3060, 392, 3543, 6462, 73, 23, 3256]),
    (
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n",
        &[1, 4093, 198, 26843, 2, 198, 1, 520, 9531, 198],
    ),
    (
        "help@brookside.example / https://a.b/c?d=e",
        &[11449, 48, 11699, 22205, 489, 30, 7434, 2272, 5141, 1742, 81, 30, 82, 31, 83, 47, 84, 45, 85],
    ),
    ("a—b … “quoted” 3.14e-5", &[81, 1265, 82, 5548, 619, 385, 5036, 573, 216, 35, 30, 33, 36, 85, 29, 37]),
    (
        "x = foo_bar[3] + 7;  // done   ",
        &[104, 446, 29856, 79, 6299, 75, 35, 77, 1232, 216, 39, 43, 216, 13241, 2294, 333],
    ),
];
