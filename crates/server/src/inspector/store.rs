//! The last turns, bounded in number and in bytes of sound. The oldest go first.
use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::{
    sound::Sound,
    turn::{Score, TurnView},
};

/// One turn.
pub struct Kept {
    pub view: TurnView,
    /// What the configuration was called.
    pub variant: String,
    /// Who called, where that is known.
    pub user: Option<String>,
    /// Who may see it, besides those who see all.
    pub owner: Option<String>,
    pub ended: Instant,
    pub caller: Sound,
    pub bot: Sound,
}

/// All that are kept, oldest first.
pub struct Store {
    turns: VecDeque<Kept>,
    most_turns: usize,
    most_bytes: usize,
}

impl Store {
    pub fn new(most_turns: usize, most_bytes: usize) -> Self {
        Self { turns: VecDeque::new(), most_turns, most_bytes }
    }

    /// Adds the newest.
    pub fn add(&mut self, kept: Kept) {
        self.turns.push_back(kept);
        while self.turns.len() > self.most_turns {
            self.turns.pop_front();
        }
        let mut bytes: usize = self.turns.iter().map(|kept| kept.caller.bytes() + kept.bot.bytes()).sum();
        for kept in &mut self.turns {
            if bytes <= self.most_bytes {
                break;
            }
            bytes -= kept.caller.bytes() + kept.bot.bytes();
            (kept.caller, kept.bot) = Default::default();
            // The waveforms stay: they are small, and the turn can still be read.
            kept.view.sides.iter_mut().for_each(|side| side.audio = None);
        }
    }

    /// The turn with this trace.
    pub fn find(&self, trace_id: &str) -> Option<&Kept> {
        self.turns.iter().find(|kept| kept.view.trace_id == trace_id)
    }

    /// Traces of the turns that ended less than `age` ago, and when that was.
    pub fn younger_than(&self, age: Duration) -> Vec<(String, Instant)> {
        let young = self.turns.iter().filter(|kept| kept.ended.elapsed() < age);
        young.map(|kept| (kept.view.trace_id.clone(), kept.ended)).collect()
    }

    /// Writes scores to a turn. Returns the turn's variant and those that are new.
    pub fn score(&mut self, trace_id: &str, scores: Vec<Score>) -> (String, Vec<Score>) {
        let Some(kept) = self.turns.iter_mut().find(|kept| kept.view.trace_id == trace_id) else {
            return Default::default();
        };
        let is_new = |score: &&Score| kept.view.scores.iter().all(|known| known.id != score.id);
        let new = scores.iter().filter(is_new).cloned().collect();
        kept.view.scores = scores;
        (kept.variant.clone(), new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspector::turn::SideView;

    fn kept(trace_id: &str, seconds: usize) -> Kept {
        let sound = || Sound { rate_hz: 1_000, samples: vec![1; seconds * 1_000] };
        let side = SideView {
            side: "bot",
            seconds: 1.0,
            peaks: vec![1],
            peaks_per_second: 50,
            audio: Some("bot.wav".into()),
        };
        let view = TurnView {
            trace_id: trace_id.into(),
            call: String::new(),
            turn: 1,
            content: "full",
            started_at: String::new(),
            seconds: 1.0,
            end_of_speech_seconds: None,
            voice_to_voice_seconds: None,
            sides: vec![side],
            words: vec![],
            stages: vec![],
            decisions: vec![],
            scores: vec![],
            trace_url: None,
        };
        Kept {
            view,
            variant: "a".into(),
            user: None,
            owner: None,
            ended: Instant::now(),
            caller: sound(),
            bot: sound(),
        }
    }

    #[test]
    fn the_oldest_turn_goes_first_and_the_oldest_sound_before_it() {
        let mut store = Store::new(3, 9_000);
        for name in ["a", "b", "c", "d"] {
            store.add(kept(name, 1));
        }
        assert!(store.find("a").is_none());
        assert_eq!(store.find("b").unwrap().bot.bytes(), 0);
        assert_eq!(store.find("b").unwrap().view.sides[0].audio, None);
        assert_eq!(store.find("b").unwrap().view.sides[0].peaks, [1]);
        assert_eq!(store.find("d").unwrap().bot.bytes(), 2_000);
    }

    #[test]
    fn a_score_is_new_once() {
        let mut store = Store::new(3, 9_000);
        store.add(kept("a", 1));
        let score = |id: &str| Score {
            id: id.into(),
            name: "tone".into(),
            value: 4.0,
            rationale: String::new(),
            source: "LLM_JUDGE".into(),
            by: "judge".into(),
        };
        assert_eq!(store.score("a", vec![score("1")]).1.len(), 1);
        assert_eq!(store.score("a", vec![score("1"), score("2")]), ("a".into(), vec![score("2")]));
        assert_eq!(store.find("a").unwrap().view.scores.len(), 2);
        assert!(store.score("gone", vec![score("3")]).1.is_empty());
    }
}
