//! What many turns have in common, in figures.
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    statistics::{Estimate, Spread, mean_score},
    turn::Turn,
};

/// The usual stages in the order of a turn; any other comes after them.
const ORDER: &[&str] = &[
    "listen",
    "end_of_turn",
    "stt",
    "rag",
    "rag.embed",
    "rag.search",
    "llm",
    "llm.first_token",
    "parse",
    "tts",
    "tts.first_audio",
    "playout",
];

#[derive(Serialize)]
pub struct Summary {
    pub turns: usize,
    pub calls: usize,
    /// How many turns ended how.
    pub ended: BTreeMap<String, usize>,
    /// Seconds from the caller's last word to the first sample of the answer.
    pub voice_to_voice: Option<Spread>,
    /// Seconds of whole turns.
    pub turn: Option<Spread>,
    /// Seconds of each stage; a stage may happen several times in a turn.
    pub stages: Vec<StageSpread>,
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cached_tokens: u64,
    /// In the currency of the prices; `None` where no trace has a cost.
    pub cost: Option<f64>,
    pub interruptions: u64,
    pub early_used: u64,
    pub early_dropped: u64,
    pub wasted_seconds: f64,
    pub late_frames: u64,
    pub failed_turns: usize,
    /// How often each stage failed.
    pub errors: BTreeMap<String, usize>,
    pub scores: Vec<ScoreMean>,
}

#[derive(Serialize)]
pub struct StageSpread {
    pub stage: String,
    #[serde(flatten)]
    pub seconds: Spread,
}

#[derive(Serialize)]
pub struct ScoreMean {
    pub metric: String,
    pub source: &'static str,
    pub count: usize,
    pub mean: Estimate,
}

impl Summary {
    pub fn of<'a>(turns: impl Iterator<Item = &'a Turn>) -> Self {
        let turns: Vec<&Turn> = turns.collect();
        let mut ended = BTreeMap::new();
        let mut errors = BTreeMap::new();
        for turn in &turns {
            *ended.entry(turn.end_reason.clone()).or_default() += 1;
            for stage in &turn.errors {
                *errors.entry(stage.clone()).or_default() += 1;
            }
        }
        let sum = |figure: fn(&Turn) -> u64| turns.iter().map(|turn| figure(turn)).sum();
        let costs: Vec<f64> = turns.iter().filter_map(|turn| turn.cost).collect();
        Self {
            turns: turns.len(),
            calls: turns.iter().map(|turn| &turn.session).collect::<BTreeSet<_>>().len(),
            ended,
            voice_to_voice: Spread::of(turns.iter().filter_map(|turn| turn.voice_to_voice).collect()),
            turn: Spread::of(turns.iter().map(|turn| turn.seconds).collect()),
            stages: stages(&turns),
            input_tokens: sum(|turn| turn.input_tokens),
            output_tokens: sum(|turn| turn.output_tokens),
            cached_tokens: sum(|turn| turn.cached_tokens),
            cost: (!costs.is_empty()).then(|| costs.iter().sum()),
            interruptions: sum(|turn| turn.interruptions),
            early_used: sum(|turn| turn.early_used),
            early_dropped: sum(|turn| turn.early_dropped),
            wasted_seconds: turns.iter().map(|turn| turn.wasted_seconds).sum(),
            late_frames: sum(|turn| turn.late_frames),
            failed_turns: turns.iter().filter(|turn| !turn.errors.is_empty()).count(),
            errors,
            scores: scores(&turns),
        }
    }
}

/// Which place a stage has among the others.
pub fn rank(stage: &str) -> usize {
    ORDER.iter().position(|name| *name == stage).unwrap_or(ORDER.len())
}

fn stages(turns: &[&Turn]) -> Vec<StageSpread> {
    let mut seconds: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let all = turns.iter().flat_map(|turn| &turn.stages);
    // It has a line of its own.
    for stage in all.filter(|stage| stage.name != "voice_to_voice") {
        seconds.entry(&stage.name).or_default().push(stage.seconds);
    }
    let mut spreads: Vec<StageSpread> = seconds
        .into_iter()
        .filter_map(|(stage, values)| {
            Some(StageSpread { stage: stage.to_owned(), seconds: Spread::of(values)? })
        })
        .collect();
    spreads.sort_by_key(|spread| rank(&spread.stage));
    spreads
}

fn scores(turns: &[&Turn]) -> Vec<ScoreMean> {
    let mut values: BTreeMap<(&str, &'static str), Vec<f64>> = BTreeMap::new();
    for score in turns.iter().flat_map(|turn| &turn.scores) {
        values.entry((&score.metric, score.source)).or_default().push(score.value);
    }
    values
        .into_iter()
        .map(|((metric, source), values)| ScoreMean {
            metric: metric.to_owned(),
            source,
            count: values.len(),
            mean: mean_score(&values),
        })
        .collect()
}
