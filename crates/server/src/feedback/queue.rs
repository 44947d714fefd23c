//! Opinions until they are written, and for a while after: bounded, the newest of each turn, tried again with growing
//! pauses for some minutes. Pure.
use std::{collections::VecDeque, time::Duration};

use serde::Serialize;
use tokio::time::Instant;

/// Pause before the second try; each later one is twice as long as the last, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);
/// How long it is tried.
const PATIENCE: Duration = Duration::from_secs(600);

/// What somebody says of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opinion {
    pub trace_id: String,
    /// Who, as the trace calls them.
    pub caller: String,
    pub good: bool,
    pub comment: String,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// It is tried (again).
    Waiting {
        /// Why it was not written yet, once that was tried.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// It stands in MLflow.
    Saved,
    /// It is not tried any more.
    Failed {
        /// Why.
        why: String,
    },
}

/// No room.
#[derive(Debug, thiserror::Error)]
#[error("{0} opinions wait for MLflow already; try again when it answers")]
pub struct Full(usize);

struct Entry {
    opinion: Opinion,
    state: State,
    /// Tells an opinion from the one that replaced it.
    number: u64,
    came: Instant,
    tries: u32,
    due: Instant,
}

impl Entry {
    fn waits(&self) -> bool {
        matches!(self.state, State::Waiting { .. })
    }
}

/// All opinions, oldest first.
pub struct Queue {
    entries: VecDeque<Entry>,
    most: usize,
    numbers: u64,
}

impl Queue {
    pub fn new(most: usize) -> Self {
        Self { entries: VecDeque::new(), most, numbers: 0 }
    }

    /// Adds an opinion in the place of an earlier one of the same turn.
    pub fn put(&mut self, opinion: Opinion, now: Instant) -> Result<(), Full> {
        self.entries.retain(|entry| entry.opinion.trace_id != opinion.trace_id);
        if self.entries.len() >= self.most {
            let settled = self.entries.iter().position(|entry| !entry.waits()).ok_or(Full(self.most))?;
            self.entries.remove(settled);
        }
        self.numbers += 1;
        let (state, number) = (State::Waiting { why: None }, self.numbers);
        self.entries.push_back(Entry { opinion, state, number, came: now, tries: 0, due: now });
        Ok(())
    }

    /// One that is to be tried now, and its number.
    pub fn due(&self, now: Instant) -> Option<(Opinion, u64)> {
        let entry = self.entries.iter().find(|entry| entry.waits() && entry.due <= now)?;
        Some((entry.opinion.clone(), entry.number))
    }

    /// When the next is to be tried.
    pub fn next_due(&self) -> Option<Instant> {
        self.entries.iter().filter(|entry| entry.waits()).map(|entry| entry.due).min()
    }

    /// What came of a try: written, or whether another may help and why it was not.
    pub fn tried(&mut self, trace_id: &str, number: u64, outcome: Result<(), (bool, String)>, now: Instant) {
        // One that was replaced meanwhile is written anew.
        let is_it = |entry: &&mut Entry| entry.opinion.trace_id == trace_id && entry.number == number;
        let Some(entry) = self.entries.iter_mut().find(is_it) else { return };
        entry.state = match outcome {
            Ok(()) => State::Saved,
            Err((true, why)) if now.duration_since(entry.came) < PATIENCE => {
                State::Waiting { why: Some(why) }
            }
            Err((_, why)) => State::Failed { why },
        };
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(entry.tries)).min(LONGEST_PAUSE);
        entry.tries += 1;
        entry.due = now + pause;
    }

    /// Makes all that waits due, once.
    pub fn hurry(&mut self, now: Instant) {
        self.entries.iter_mut().for_each(|entry| entry.due = entry.due.min(now));
    }

    /// The last opinion of a turn and what became of it.
    pub fn state(&self, trace_id: &str) -> Option<(bool, State)> {
        let entry = self.entries.iter().find(|entry| entry.opinion.trace_id == trace_id)?;
        Some((entry.opinion.good, entry.state.clone()))
    }

    pub fn waiting(&self) -> usize {
        self.entries.iter().filter(|entry| entry.waits()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opinion(trace_id: &str, good: bool) -> Opinion {
        Opinion { trace_id: trace_id.into(), caller: "caller".into(), good, comment: String::new() }
    }

    fn away() -> Result<(), (bool, String)> {
        Err((true, "away".into()))
    }

    #[test]
    fn what_failed_is_tried_again_with_growing_pauses_and_given_up_after_minutes() {
        let (mut queue, began) = (Queue::new(5), Instant::now());
        queue.put(opinion("a", true), began).unwrap();
        let (mut now, mut pauses) = (began, vec![]);
        while let Some((tried, number)) = queue.due(now) {
            queue.tried(&tried.trace_id, number, away(), now);
            let Some(next) = queue.next_due() else { break };
            assert!(queue.due(now).is_none(), "not at once");
            pauses.push(next - now);
            now = next;
        }
        assert_eq!(pauses[..3], [500, 1_000, 2_000].map(Duration::from_millis));
        assert_eq!(pauses.last(), Some(&LONGEST_PAUSE));
        assert!(now - began >= PATIENCE && now - began < PATIENCE + LONGEST_PAUSE);
        assert_eq!(queue.state("a"), Some((true, State::Failed { why: "away".into() })));
    }

    #[test]
    fn what_cannot_work_is_not_tried_again() {
        let (mut queue, now) = (Queue::new(5), Instant::now());
        queue.put(opinion("a", true), now).unwrap();
        queue.tried("a", 1, Err((false, "credentials".into())), now);
        assert_eq!((queue.next_due(), queue.waiting()), (None, 0));
    }

    #[test]
    fn a_changed_mind_is_written_although_the_first_was_under_way() {
        let (mut queue, now) = (Queue::new(5), Instant::now());
        queue.put(opinion("a", true), now).unwrap();
        let (_, first) = queue.due(now).unwrap();
        queue.put(opinion("a", false), now).unwrap();
        queue.tried("a", first, Ok(()), now);
        assert_eq!(queue.state("a"), Some((false, State::Waiting { why: None })));
        let (second, number) = queue.due(now).unwrap();
        assert!(!second.good);
        queue.tried("a", number, Ok(()), now);
        assert_eq!(queue.state("a"), Some((false, State::Saved)));
    }

    #[test]
    fn it_is_bounded_and_what_waits_is_not_pushed_out() {
        let (mut queue, now) = (Queue::new(2), Instant::now());
        queue.put(opinion("a", true), now).unwrap();
        queue.put(opinion("b", true), now).unwrap();
        assert!(queue.put(opinion("c", true), now).is_err());
        queue.tried("b", 2, Ok(()), now);
        queue.put(opinion("c", true), now).unwrap();
        assert_eq!((queue.state("b"), queue.waiting()), (None, 2));
    }

    #[test]
    fn at_the_end_all_is_tried_once_more() {
        let (mut queue, now) = (Queue::new(2), Instant::now());
        queue.put(opinion("a", true), now).unwrap();
        queue.tried("a", 1, away(), now);
        assert!(queue.due(now).is_none());
        queue.hurry(now);
        assert!(queue.due(now).is_some());
    }
}
