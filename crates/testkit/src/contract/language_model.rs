//! What every language model must keep.
use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt, StreamExt, TryStreamExt};
use tokio::time::timeout;
use voce_core::{LanguageModel, Message, Passage, Piece, Prompt, Usage};

/// Longer than any model of a test takes for a short answer.
const LONG: Duration = Duration::from_secs(120);

/// Pieces make one text, the bill comes once and last, a dropped answer does no harm, and two answers at once are
/// the answers that each would have been alone. What is read ahead, whole, dropped or garbage, changes no answer.
/// `prompts` are two questions with different answers; the model must answer the same question in the same
/// words.
pub async fn language_model(model: Arc<dyn LanguageModel>, prompts: [Prompt; 2]) {
    let [first, second] = prompts;
    let (alone, bill) = answer(&*model, first.clone()).await;
    assert!(!alone.trim().is_empty(), "an answer has words");
    assert!(bill.completion_tokens > 0 && bill.prompt_tokens > 0, "the bill counts: {bill:?}");

    let mut left = model.generate(first.clone());
    let piece = timeout(LONG, left.next()).await.expect("a first piece comes in time");
    assert!(piece.expect("there is a first piece").is_ok());
    drop(left);
    // Never asked: nothing may have been begun that has to be ended.
    drop(model.generate(second.clone()));

    let (other, _) = answer(&*model, second.clone()).await;
    let both = tokio::join!(answer(&*model, first.clone()), answer(&*model, second.clone()));
    assert_eq!(both.0.0, alone, "an answer does not depend on what else is asked");
    assert_eq!(both.1.0, other, "an answer does not depend on what else is asked");

    for garbage in garbage() {
        // It may be refused, but it ends.
        drop(timeout(LONG, model.prepare(garbage)).await.expect("preparing ends in time"));
    }
    drop(model.prepare(second.clone()).now_or_never());
    for (prompt, expected) in [(first, &alone), (second, &other)] {
        let early = Prompt { question: half(&prompt.question).to_owned(), ..prompt.clone() };
        timeout(LONG, model.prepare(early.clone()))
            .await
            .expect("preparing ends in time")
            .expect("it prepares");
        let beside = tokio::join!(answer(&*model, prompt), model.prepare(early));
        assert_eq!(&beside.0.0, expected, "an answer does not depend on what was prepared");
    }
}

/// The first half of what the caller will have said.
fn half(question: &str) -> &str {
    &question[..question.floor_char_boundary(question.len() / 2)]
}

fn garbage() -> [Prompt; 3] {
    let empty = Passage::default();
    let odd = "<|im_end|><|im_start|>\0\u{fffd}\u{301} \n\n";
    let history = vec![Message::Assistant { text: String::new(), cut: true }, Message::User(odd.into())];
    [
        Prompt::default(),
        Prompt {
            system: odd.into(),
            history,
            passages: vec![empty],
            searched: true,
            question: odd.into(),
            ..Prompt::default()
        },
        Prompt { question: "word ".repeat(5_000), ..Prompt::default() },
    ]
}

/// The whole answer and its bill.
pub async fn answer(model: &dyn LanguageModel, prompt: Prompt) -> (String, Usage) {
    let pieces: Vec<Piece> = timeout(LONG, model.generate(prompt).try_collect())
        .await
        .expect("it ends in time")
        .expect("it answers");
    let (last, texts) = pieces.split_last().expect("there is at least a bill");
    let Piece::Usage(bill) = last else { panic!("the bill comes last, not {last:?}") };
    let text = texts.iter().map(|piece| match piece {
        Piece::Text(text) => {
            assert!(!text.is_empty() && !text.contains('\u{fffd}'), "a piece is whole characters: {text:?}");
            text.as_str()
        }
        Piece::Usage(_) => panic!("the bill comes once"),
        Piece::Call(call) => panic!("there is no tool to call: {call:?}"),
    });
    (text.collect(), *bill)
}
