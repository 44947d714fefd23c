//! Reads a prompt while its question is still being asked, so that the answer starts sooner.
use std::sync::Arc;

use futures_util::StreamExt;
use voce_core::{EngineError, Prompt, steps};

use super::{asked::certain, engine::Inner};

/// Reads what is certain of `prompt`. After every chunk all that was read is kept for whoever wants it, and the chunk
/// that is under way when this is dropped is said to [`Precedence`](super::precedence::Precedence), so that an answer
/// that begins at this moment waits for it.
pub async fn read_ahead(inner: Arc<Inner>, prompt: Prompt) -> Result<(), EngineError> {
    let shared = inner.clone();
    let tokens = Arc::new(once(move || certain(&shared, &prompt)).await?);
    let chunk = inner.config.chunk_tokens.max(1);
    // Counted, because with few slots other answers may displace what was read.
    for _ in 0..tokens.len().div_ceil(chunk) {
        let known = inner.slots.known(&tokens);
        if known == tokens.len() {
            break;
        }
        let (inner, tokens) = (inner.clone(), tokens.clone());
        let end = (known + chunk).min(tokens.len());
        let turn = inner.precedence.chunk(&tokens[..end]).await;
        once(move || {
            let mut slot = inner.slots.take(&tokens[..end]);
            inner.read_chunk(&tokens[..end], &mut slot);
            // First kept, then said to be so.
            drop(slot);
            drop(turn);
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// Runs `work` as the only one of [`steps`].
pub async fn once<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    let mut results = steps(Some(work), |work| work.take().map(|work| work()).transpose());
    results.next().await.expect("the first step yields the result of the work")
}

#[cfg(test)]
mod tests {
    use futures_util::TryStreamExt;
    use tokio::select;
    use voce_core::{LanguageModel, Passage, Piece, Usage};
    use voce_models::Store;

    use super::*;
    use crate::{Candle, Config, candle::asked::fit};

    /// With slots and precedence of its own.
    fn model() -> Option<Candle> {
        voce_testkit::models(&["smollm2-135m-instruct"])?;
        let store = Store::open(&voce_models::Config::default()).unwrap();
        Some(Candle::load(&Config::default(), &store).unwrap())
    }

    fn prompt(name: &str) -> Prompt {
        let text = format!("{name} grow best in light soil, half in the sun. ").repeat(40);
        let passages = vec![Passage { text, ..Passage::default() }];
        Prompt { passages, searched: true, question: "How do they grow best?".into(), ..Prompt::default() }
    }

    async fn bill(model: &Candle, prompt: Prompt) -> Usage {
        let pieces: Vec<Piece> = model.generate(prompt).try_collect().await.unwrap();
        let Some(Piece::Usage(usage)) = pieces.last() else { panic!("no bill in {pieces:?}") };
        *usage
    }

    #[tokio::test]
    async fn the_chunk_that_was_being_read_is_not_read_twice() {
        let Some(model) = model() else { return };
        let known = |prompt: &Prompt| model.inner.slots.known(&fit(&model.inner, prompt).unwrap().0);
        let chunk = model.inner.config.chunk_tokens;

        let dropped = prompt("Onions");
        let before = known(&dropped);
        select! {
            biased;
            () = model.inner.precedence.reading() => {}
            _ = model.prepare(dropped.clone()) => panic!("it is longer than one chunk"),
        }
        // Here the preparation is gone and its chunk is not.
        let usage = bill(&model, dropped).await;
        assert_eq!(usage.cached_tokens as usize, before + chunk, "{usage:?}");

        let beside = prompt("Leeks");
        let before = known(&beside);
        let answer = async {
            model.inner.precedence.reading().await;
            bill(&model, beside.clone()).await
        };
        let (prepared, usage) = tokio::join!(model.prepare(beside.clone()), answer);
        prepared.unwrap();
        assert_eq!(usage.cached_tokens as usize, before + chunk, "the answer went first: {usage:?}");
    }

    #[tokio::test]
    async fn what_is_known_is_not_read_again_and_what_was_read_survives_a_drop() {
        let Some(model) = model() else { return };
        let prompt = prompt("Radishes");
        let certain = certain(&model.inner, &prompt).unwrap();
        let before = model.inner.slots.known(&certain);
        select! {
            biased;
            () = model.inner.precedence.reading() => {}
            _ = model.prepare(prompt.clone()) => panic!("it is longer than one chunk"),
        }
        model.inner.precedence.settled(|_| true).await;
        assert_eq!(model.inner.slots.known(&certain), before + model.inner.config.chunk_tokens);
        model.prepare(prompt.clone()).await.unwrap();
        assert_eq!(model.inner.slots.known(&certain), certain.len());
        let answering = model.inner.precedence.answer();
        model.prepare(prompt).await.expect("there is nothing to wait for");
        drop(answering);
    }
}
