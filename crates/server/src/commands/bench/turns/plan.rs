//! What happens in simulated turns and when, from a seed. Pure. Times are milliseconds since the turn began.
use crate::commands::dice::Dice;

/// Tells the chance of calls from that of turns.
const CALLS: u64 = 0xCA11;

/// How a simulated turn ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    Completed,
    Interrupted,
    /// The stage of this name fails, and with it the turn.
    Failed(&'static str),
}

/// One simulated turn.
pub struct Plan {
    pub call: usize,
    pub number: u64,
    pub question: &'static str,
    pub answer: &'static str,
    pub end: End,
    /// A reply that was begun early and dropped ran this long.
    pub dropped_ms: Option<f64>,
    pub early: bool,
    pub speech_ms: f64,
    pub waited_ms: f64,
    pub stt_ms: f64,
    pub embed_ms: f64,
    pub search_ms: f64,
    pub first_token_ms: f64,
    pub token_ms: f64,
    pub first_audio_ms: f64,
    pub prompt_tokens: u32,
    pub completion_tokens: u32,
    pub late_frames: u32,
    pub probability: f64,
    /// Whether the knowledge base was asked.
    pub searched: bool,
}

/// Questions and their answers, each of two sentences.
pub const TALK: &[(&str, &str)] = &[
    (
        "What is the warranty period for the water pump?",
        "The warranty period is 24 months. Keep the receipt.",
    ),
    ("When are you open on Saturday?", "On Saturday we are open from nine to four. On Sunday we are closed."),
    (
        "How do I clean the filter?",
        "Rinse the filter under running water. Let it dry before you put it back.",
    ),
    ("Can I return it without the box?", "Yes, within 14 days. The device has to be complete and undamaged."),
    (
        "Does it fit <b>half-inch</b> hoses & older ones?",
        "It fits hoses of half an inch. For older ones there is an adapter.",
    ),
];

impl End {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Interrupted => "interrupted",
            Self::Failed(_) => "failed",
        }
    }
}

impl Plan {
    pub fn failed_at(&self) -> Option<&'static str> {
        match self.end {
            End::Failed(stage) => Some(stage),
            End::Completed | End::Interrupted => None,
        }
    }

    /// Sentences of the answer.
    pub fn lines(&self) -> Vec<&'static str> {
        let (first, second) = self.answer.split_once(". ").unwrap_or((self.answer, ""));
        vec![&self.answer[..=first.len().min(self.answer.len() - 1)], second]
    }

    /// When the caller had been quiet long enough.
    pub fn decided_ms(&self) -> f64 {
        self.speech_ms + self.waited_ms
    }

    /// When the answer's first stage begins: early ones at the soft end, before the decision.
    pub fn answer_ms(&self) -> f64 {
        let words = self.speech_ms + 200.0 + self.stt_ms;
        if self.early { words } else { words.max(self.decided_ms()) }
    }

    pub fn llm_ms(&self) -> f64 {
        self.answer_ms() + self.embed_ms + self.search_ms
    }

    pub fn first_line_ms(&self) -> f64 {
        self.llm_ms() + self.first_token_ms + 8.0 * self.token_ms
    }

    pub fn llm_end_ms(&self) -> f64 {
        self.llm_ms() + self.first_token_ms + f64::from(self.completion_tokens) * self.token_ms
    }

    /// When the first sample is heard.
    pub fn heard_ms(&self) -> f64 {
        (self.first_line_ms() + self.first_audio_ms).max(self.decided_ms())
    }

    pub fn voice_to_voice_ms(&self) -> Option<f64> {
        self.failed_at().is_none().then(|| self.heard_ms() - self.speech_ms)
    }

    /// Length of the answer's sound as far as it was heard.
    pub fn sound_ms(&self) -> f64 {
        let whole = self.answer.len() as f64 * 62.0;
        if self.end == End::Interrupted { whole * 0.4 } else { whole }
    }

    pub fn whole_ms(&self) -> f64 {
        match self.end {
            End::Completed | End::Interrupted => self.heard_ms() + self.sound_ms(),
            End::Failed("stt") => self.decided_ms().max(self.speech_ms + 200.0 + self.stt_ms),
            End::Failed("rag") => self.llm_ms(),
            End::Failed("llm") => self.llm_ms() + self.first_token_ms,
            End::Failed(_) => self.first_line_ms() + self.first_audio_ms,
        }
    }
}

/// That many turns in calls of so many. `slower` stretches the times of the language model and the voice.
pub fn turns(seed: u64, count: usize, of_call: usize, slower: f64) -> Vec<Plan> {
    let plan = |index: usize| {
        let call = index / of_call.max(1);
        // Calls are faster and slower as a whole: other machines, other questions.
        let pace = f64::from(Dice::of(seed ^ CALLS, call as u64).by_ratio(0.8, 1.25));
        let place = (call, (index % of_call.max(1)) as u64 + 1);
        plan(&mut Dice::of(seed, index as u64), place, slower * pace)
    };
    (0..count).map(plan).collect()
}

/// What a judge would give a turn of this call: whole numbers of 1 to 5 around `mean`, which calls and turns differ from.
pub fn score(seed: u64, name: &str, plan: &Plan, mean: f64) -> f64 {
    let name = name.bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let of_call = f64::from(Dice::of(name ^ CALLS, plan.call as u64).between(-0.5, 0.5));
    let turn = (plan.call as u64) << 32 | plan.number;
    let of_turn = f64::from(Dice::of(name, turn).between(-1.0, 1.0));
    (mean + of_call + of_turn).round().clamp(1.0, 5.0)
}

fn plan(dice: &mut Dice, (call, number): (usize, u64), slower: f64) -> Plan {
    let (question, answer) = TALK[dice.below(TALK.len())];
    let end = match dice.below(100) {
        0..=79 => End::Completed,
        80..=93 => End::Interrupted,
        luck => End::Failed(["stt", "rag", "llm", "llm", "tts", "llm"][luck % 6]),
    };
    let mut ratio = |low: f32, high: f32| f64::from(dice.by_ratio(low, high));
    let times = [
        ratio(900.0, 3_500.0),
        ratio(250.0, 900.0),
        ratio(90.0, 260.0),
        ratio(6.0, 14.0),
        ratio(2.0, 5.0),
        ratio(120.0, 420.0) * slower,
        ratio(12.0, 22.0) * slower,
        ratio(160.0, 380.0) * slower,
        ratio(150.0, 700.0),
    ];
    let [
        speech_ms,
        waited_ms,
        stt_ms,
        embed_ms,
        search_ms,
        first_token_ms,
        token_ms,
        first_audio_ms,
        dropped,
    ] = times;
    // One turn in fifty meets a machine that is busy with something else.
    let busy = if dice.below(50) == 0 { 3.0 } else { 1.0 };
    Plan {
        call,
        number,
        question,
        answer,
        end,
        dropped_ms: (dice.below(6) == 0).then_some(dropped),
        early: dice.below(3) == 0,
        speech_ms,
        waited_ms,
        stt_ms,
        embed_ms,
        search_ms,
        first_token_ms: first_token_ms * busy,
        token_ms,
        first_audio_ms: first_audio_ms * busy,
        prompt_tokens: 180 + dice.below(240) as u32,
        completion_tokens: answer.len() as u32 / 4,
        late_frames: if dice.below(12) == 0 { 1 + dice.below(4) as u32 } else { 0 },
        probability: f64::from(dice.between(0.55, 0.99)),
        searched: dice.below(8) != 0 || end == End::Failed("rag"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_turns_of_every_kind() {
        let (first, second) = (turns(3, 200, 40, 1.0), turns(3, 200, 40, 1.0));
        assert!(first.iter().zip(&second).all(|(a, b)| a.heard_ms() == b.heard_ms() && a.end == b.end));
        assert_eq!(first.iter().map(|plan| plan.call).max(), Some(4));
        for kind in ["completed", "interrupted", "failed"] {
            assert!(first.iter().any(|plan| plan.end.as_str() == kind), "{kind}");
        }
        assert!(first.iter().any(|plan| plan.early) && first.iter().any(|plan| plan.dropped_ms.is_some()));
    }

    #[test]
    fn scores_are_whole_numbers_around_their_mean() {
        let plans = turns(1, 300, 3, 1.0);
        let scores: Vec<f64> = plans.iter().map(|plan| score(1, "tone", plan, 3.0)).collect();
        assert!(scores.iter().all(|score| [1.0, 2.0, 3.0, 4.0, 5.0].contains(score)));
        let mean = scores.iter().sum::<f64>() / 300.0;
        assert!((mean - 3.0).abs() < 0.15, "{mean}");
        assert_ne!(scores, plans.iter().map(|plan| score(1, "other", plan, 3.0)).collect::<Vec<_>>());
    }

    #[test]
    fn an_answer_has_two_lines_that_make_it_up() {
        for plan in turns(1, 20, 5, 1.0) {
            assert_eq!(plan.lines().join(" "), plan.answer);
        }
    }
}
