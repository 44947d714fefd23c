//! Who computes now: answers come before what is read ahead of its question, and that goes one chunk at a time.
use std::time::Duration;

use tokio::{sync::watch, time::timeout};

/// Between two steps of an answer nothing runs for a moment. A chunk must not slip in there.
const GAP: Duration = Duration::from_millis(5);

/// Shared by all that computes with one model.
#[derive(Default)]
pub struct Precedence(watch::Sender<Now>);

#[derive(Default)]
struct Now {
    /// Answers whose next piece somebody waits for. One that nobody asks to go on keeps nobody waiting.
    answers: usize,
    /// What will be kept when the chunk that is being read ahead is done.
    ahead: Option<Vec<u32>>,
}

impl Now {
    fn is_quiet(&self) -> bool {
        self.answers == 0 && self.ahead.is_none()
    }
}

/// Somebody waits for the next piece of an answer, as long as this lives.
pub struct Answering(watch::Sender<Now>);

/// The right to read a chunk ahead. Belongs to the blocking code, so that it lasts as long as the work does.
pub struct Chunk(watch::Sender<Now>);

impl Precedence {
    /// For one piece of an answer.
    pub fn answer(&self) -> Answering {
        self.0.send_modify(|now| now.answers += 1);
        Answering(self.0.clone())
    }

    /// Waits until no answer computes and nobody else reads ahead. Afterwards `tokens` will be kept.
    pub async fn chunk(&self, tokens: &[u32]) -> Chunk {
        let mut changes = self.0.subscribe();
        loop {
            let free = self.0.send_if_modified(|now| {
                let free = now.is_quiet();
                if free {
                    now.ahead = Some(tokens.to_vec());
                }
                free
            });
            if free {
                return Chunk(self.0.clone());
            }
            quiet(&mut changes).await;
        }
    }

    /// Waits for the chunk that is being read ahead, if its tokens are `wanted`: cheaper than to read them again
    /// beside it.
    pub async fn settled(&self, wanted: impl Fn(&[u32]) -> bool) {
        let done = |now: &Now| now.ahead.as_ref().is_none_or(|tokens| !wanted(tokens));
        // Never closed: the sender is here.
        drop(self.0.subscribe().wait_for(done).await);
    }
}

#[cfg(test)]
impl Precedence {
    /// Waits until somebody reads ahead.
    pub async fn reading(&self) {
        drop(self.0.subscribe().wait_for(|now| now.ahead.is_some()).await);
    }
}

async fn quiet(changes: &mut watch::Receiver<Now>) {
    loop {
        drop(changes.wait_for(Now::is_quiet).await);
        let busy = timeout(GAP, changes.wait_for(|now| !now.is_quiet())).await.is_ok();
        if !busy {
            return;
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.send_modify(|now| now.answers -= 1);
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.0.send_modify(|now| now.ahead = None);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_chunk_waits_for_answers_and_for_the_gap_after_each_of_their_pieces() {
        let precedence = Precedence::default();
        let answering = precedence.answer();
        let mut chunk = Box::pin(precedence.chunk(&[1]));
        assert!(timeout(Duration::from_secs(9), &mut chunk).await.is_err());
        drop(answering);
        assert!(timeout(GAP / 2, &mut chunk).await.is_err());
        let next = precedence.answer();
        assert!(timeout(GAP * 2, &mut chunk).await.is_err(), "the answer went on within the gap");
        drop(next);
        timeout(GAP * 2, chunk).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn only_one_chunk_is_read_at_a_time() {
        let precedence = Precedence::default();
        let first = precedence.chunk(&[1]).now_or_never().unwrap();
        let mut second = Box::pin(precedence.chunk(&[2]));
        assert!(timeout(Duration::from_secs(9), &mut second).await.is_err());
        drop(first);
        drop(timeout(GAP * 2, second).await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_waits_only_for_a_chunk_that_it_can_use() {
        let precedence = Precedence::default();
        precedence.settled(|_| true).now_or_never().unwrap();
        let chunk = precedence.chunk(&[1, 2]).await;
        precedence.settled(|tokens| tokens != [1, 2]).now_or_never().unwrap();
        let end = async {
            sleep(Duration::from_secs(1)).await;
            drop(chunk);
        };
        let start = tokio::time::Instant::now();
        tokio::join!(precedence.settled(|tokens| tokens == [1, 2]), end);
        assert_eq!(start.elapsed(), Duration::from_secs(1));
    }
}
