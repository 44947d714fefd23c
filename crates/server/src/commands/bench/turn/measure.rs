//! `voce bench turn`: how well turns are taken, beside fixed silences.
use std::{sync::Arc, time::Duration};

use anyhow::Result;
use serde::Serialize;
use voce_core::{MediaTime, SPEAKER_FRAMES};
use voce_models::{Runtime, Store};
use voce_pipeline::{Action, Meaning, Outcome, Rules};

use super::{
    material::{Clip, Kind, Material, Noise, Overlap, OverlapKind},
    simulate::{Log, Models, Reply, Source, play, sounds},
};
use crate::{commands::talk, config::Config};

/// What an answer takes from its beginning to its first sound, for the question whether the caller would have heard
/// it: what `voce talk` shows on two cores.
const FIRST_SOUND: Duration = Duration::from_millis(650);
/// What the words take on a GPU, by the figures of others: they decide when a turn is over.
const QUICK_WORDS: Duration = Duration::from_millis(40);
/// A turn that is not over by then is late.
const LATE: f64 = 1.5;
/// Sound that is on its way to the ear when the bot falls silent: the speaker's queue, and the fade.
const ON_ITS_WAY: f64 = 0.020 * SPEAKER_FRAMES as f64 + 0.005;
const ANSWER: &str =
    "The water pump has a warranty of two years from the date of purchase so keep the receipt.";

/// A way to take turns.
#[derive(Serialize)]
pub struct Figures {
    strategy: String,
    turns: usize,
    /// Turns that were over for the bot before they were for the caller.
    early_ends: usize,
    /// Turns in which the caller would have heard the bot before they were done.
    cut_offs: usize,
    /// The same, by kind of turn: name, cut-offs, turns.
    cut_offs_by_kind: Vec<(String, usize, usize)>,
    /// The same without those turns in which other voices talk all the time: no detector here tells whose voice it is.
    turns_without_babble: usize,
    cut_offs_without_babble: usize,
    wait_p50_without_babble: f64,
    wait_p95_without_babble: f64,
    late: usize,
    missed: usize,
    /// From the end of the caller's speech to the decision, seconds.
    wait_p50: f64,
    wait_p95: f64,
    early_begun: usize,
    early_used: usize,
    /// Median wait by kind.
    wait_by_kind: Vec<(String, f64)>,
    interruptions: usize,
    interruptions_missed: usize,
    /// From the first audible sample of the caller to the bot's last one at the ear, without the network; seconds.
    stop_p50: f64,
    stop_p95: f64,
    /// Sounds that stopped the bot though they should not: name of the kind, how many, of how many.
    false_interruptions: Vec<(String, usize, usize)>,
    /// How long the bot was silent for what was no interruption, seconds; the median of those that held it.
    held_p50: f64,
    held: usize,
}

/// Measures every strategy on the material and prints them as JSON.
pub fn run(
    config: &Config,
    store: &Store,
    runtime: &Runtime,
    mut material: Material,
    part: Option<&str>,
) -> Result<()> {
    // For tuning: `clips` and `overlaps` take that part alone, `voce` that strategy, `details` shows each sound.
    let named = |word: &str| part.is_some_and(|part| part.split(',').any(|part| part == word));
    if named("clips") {
        material.overlaps.clear();
    }
    if named("overlaps") {
        material.clips.clear();
    }
    let material = &material;
    let mut models = Models::load(config, store, runtime)?;
    let mut ours = talk::settings(config).rules;
    // Guesses are for the page and for reading ahead; they decide nothing.
    ours.listening.partial_ms = 0;
    let strategies = [
        ("fixed 800 ms", fixed(&ours, 800), None),
        ("fixed 500 ms", fixed(&ours, 500), None),
        ("voce", ours.clone(), None),
        ("voce, words in 40 ms", ours, Some(QUICK_WORDS)),
    ];
    for (name, rules, words_within) in strategies {
        if named("voce") && !name.starts_with("voce") {
            continue;
        }
        models.words_within = words_within;
        let figures = measure(name, &models, &rules, material, named("details"))?;
        println!("{}", serde_json::to_string(&figures)?);
    }
    Ok(())
}

/// What most servers do: a fixed silence ends the turn, any speech of 200 ms stops the bot.
fn fixed(ours: &Rules, silence_ms: u32) -> Rules {
    let mut rules = ours.clone();
    let listening = &mut rules.listening;
    listening.soft_end_ms = silence_ms;
    listening.confirm_ms = silence_ms;
    listening.patience_ms = silence_ms;
    listening.ceiling_ms = silence_ms;
    listening.end_threshold = 2.0;
    listening.sure_threshold = 2.0;
    listening.early = false;
    listening.partial_ms = 0;
    listening.reopen_ms = 0;
    rules.interruption.hold_ms = u32::MAX;
    rules.interruption.surely_ms = 200;
    rules.interruption.shortest_words_ms = 0;
    rules
}

fn measure(
    name: &str,
    models: &Models,
    rules: &Rules,
    material: &Material,
    details: bool,
) -> Result<Figures> {
    let answer = Reply::evenly(ANSWER, FIRST_SOUND);
    let turns = material
        .clips
        .iter()
        .map(|clip| Ok((clip, Turn::of(clip, &play(models, rules, &clip.samples, Source::Caller, &answer)?))))
        .collect::<Result<Vec<_>>>()?;
    let overlaps = material
        .overlaps
        .iter()
        .map(|overlap| Ok((overlap, Fall::of(overlap, &spoken_into(models, rules, overlap)?))))
        .collect::<Result<Vec<_>>>()?;
    if details {
        turns.iter().for_each(|(clip, turn)| {
            eprintln!("{name} {} {:?} {:?} {turn:?} {:?}", clip.name, clip.kind, clip.text, clip.pauses)
        });
        overlaps.iter().for_each(|(overlap, fall)| {
            eprintln!("{name} {} {:?} {:?} {fall:?}", overlap.name, overlap.kind, overlap.text);
        });
    }
    Ok(figures(name, &turns, &overlaps))
}

/// Plays an overlap into a long answer of the bot, or its echo into what it says.
fn spoken_into(models: &Models, rules: &Rules, overlap: &Overlap) -> Result<Log> {
    let mut rules = rules.clone();
    let mut assistant = (*rules.assistant).clone();
    // Any fixed sentence will do: what is said is in the reply.
    assistant.greeting = "-".into();
    rules.assistant = Arc::new(assistant);
    let reply = match overlap.kind {
        OverlapKind::Echo => said_until(&overlap.text, overlap.onset, overlap.end),
        _ => Reply::evenly(&[ANSWER; 3].join(" "), Duration::ZERO),
    };
    // Time for the answer to begin, and for what follows the overlap.
    let mut sound = overlap.samples.clone();
    sound.extend(std::iter::repeat_n(0.0, 32_000));
    let source = if overlap.kind == OverlapKind::Echo { Source::Bot } else { Source::Caller };
    play(models, &rules, &sound, source, &reply)
}

/// A reply whose words sound from `from` to `until`, then go on with others.
fn said_until(text: &str, from: f64, until: f64) -> Reply {
    let words = text.split_whitespace().count().max(1);
    let ends = (1..=words).map(|number| {
        let share = number as f64 / words as f64;
        Duration::from_secs_f64((from + (until - from) * share).max(0.05))
    });
    let rest = Reply::evenly(ANSWER, Duration::ZERO);
    let last = Duration::from_secs_f64(until);
    Reply {
        text: format!("{text} {}", rest.text),
        first_sound: Duration::ZERO,
        words_end: ends.chain(rest.words_end.iter().map(|end| last + *end)).collect(),
    }
}

/// What came of a clip.
#[derive(Debug)]
struct Turn {
    /// When the turn was over for good: the last decision.
    decided: Option<f64>,
    #[expect(dead_code, reason = "shown by its Debug form as a detail")]
    decisions: Vec<String>,
    /// Decisions before the true end.
    early_ends: usize,
    /// When the caller would first have heard the bot.
    #[expect(dead_code, reason = "shown by its Debug form as a detail")]
    heard: Option<f64>,
    cut_off: bool,
    begun: usize,
    used: usize,
    wait: Option<f64>,
}

impl Turn {
    fn of(clip: &Clip, log: &Log) -> Self {
        let seconds = |at: &MediaTime| at.0.as_secs_f64();
        let decisions: Vec<f64> = log
            .iter()
            .filter(|(_, action)| matches!(action, Action::Decided(_, decision) if decision.outcome != Outcome::Resumed))
            .map(|(at, _)| seconds(at))
            .collect();
        let heard = log.iter().find(|(_, action)| sounds(action)).map(|(at, _)| seconds(at));
        // The truth is that of the clean voice; a frame more or less is no cut-off.
        let end = clip.speech_end - 0.06;
        let decided = decisions.iter().copied().find(|at| *at >= end);
        // The rest of a turn that was cut in two is answered as another question.
        let turns = log
            .iter()
            .filter(|(at, action)| matches!(action, Action::Open(..)) && seconds(at) < clip.speech_end)
            .count();
        Self {
            decisions: log
                .iter()
                .filter_map(|(at, action)| match action {
                    Action::Decided(_, d) => Some(format!(
                        "{:.2} {} p={:.2} w={:.3} {} {}ms",
                        seconds(at),
                        d.outcome.as_str(),
                        d.probability.unwrap_or(-1.0),
                        d.whole.unwrap_or(-1.0),
                        d.hint.as_str(),
                        d.waited.as_millis()
                    )),
                    Action::Reply { prompt, early, .. } => {
                        Some(format!("{:.2} reply early={early} {:?}", seconds(at), prompt.question))
                    }
                    _ => None,
                })
                .collect(),
            early_ends: decisions.iter().filter(|at| **at < end).count(),
            cut_off: turns > 1 || heard.is_some_and(|at| at < end),
            begun: log
                .iter()
                .filter(|(_, action)| matches!(action, Action::Reply { early: true, .. }))
                .count(),
            used: log.iter().filter(|(_, action)| matches!(action, Action::Release(_))).count(),
            wait: decided.map(|at| at - clip.speech_end),
            decided,
            heard,
        }
    }
}

/// What came of an overlap.
#[derive(Debug)]
struct Fall {
    stopped: bool,
    /// When the bot fell silent at the ear, after the caller's first sample.
    silent_after: Option<f64>,
    held: Option<f64>,
    #[expect(dead_code, reason = "shown by its Debug form as a detail")]
    meanings: Vec<(Meaning, String, Duration)>,
}

impl Fall {
    fn of(overlap: &Overlap, log: &Log) -> Self {
        let after = |at: &MediaTime| at.0.as_secs_f64() - overlap.onset + ON_ITS_WAY;
        let first =
            |wanted: fn(&Action) -> bool| log.iter().find(|(_, action)| wanted(action)).map(|(at, _)| at);
        let stop = first(|action| matches!(action, Action::StopReply));
        let hold = first(|action| matches!(action, Action::Hold));
        let silent = [stop, hold].into_iter().flatten().min();
        let continued = first(|action| matches!(action, Action::Continue));
        let meanings = log.iter().filter_map(|(_, action)| match action {
            Action::Overlapped(_, overlap) => Some((overlap.meaning, overlap.text.clone(), overlap.speech)),
            _ => None,
        });
        Self {
            stopped: stop.is_some(),
            silent_after: silent.map(after),
            held: hold.zip(continued).map(|(from, to)| to.since(*from).as_secs_f64()),
            meanings: meanings.collect(),
        }
    }
}

fn figures(name: &str, turns: &[(&Clip, Turn)], overlaps: &[(&Overlap, Fall)]) -> Figures {
    let count = |wanted: &dyn Fn(&Turn) -> bool| turns.iter().filter(|(_, turn)| wanted(turn)).count();
    let sum = |number: fn(&Turn) -> usize| turns.iter().map(|(_, turn)| number(turn)).sum();
    let waits = |kind: Option<Kind>| -> Vec<f64> {
        let some = turns.iter().filter(|(clip, _)| kind.is_none_or(|kind| clip.kind == kind));
        some.filter_map(|(_, turn)| turn.wait).collect()
    };
    let alone: Vec<&Turn> =
        turns.iter().filter(|(clip, _)| clip.noise != Noise::Babble).map(|(_, turn)| turn).collect();
    let alone_waits: Vec<f64> = alone.iter().filter_map(|turn| turn.wait).collect();
    let kinds = [Kind::Plain, Kind::Pause, Kind::Hesitation, Kind::Numbers, Kind::TwoSentences];
    let of_kind = |wanted: OverlapKind| overlaps.iter().filter(move |(overlap, _)| overlap.kind == wanted);
    let interruptions: Vec<&Fall> = of_kind(OverlapKind::Interruption).map(|(_, fall)| fall).collect();
    let stops: Vec<f64> =
        interruptions.iter().filter(|fall| fall.stopped).filter_map(|fall| fall.silent_after).collect();
    let held: Vec<f64> = overlaps
        .iter()
        .filter(|(overlap, fall)| overlap.kind != OverlapKind::Interruption && !fall.stopped)
        .filter_map(|(_, fall)| fall.held)
        .collect();
    let others = [OverlapKind::Backchannel, OverlapKind::Cough, OverlapKind::Echo, OverlapKind::Noise];
    Figures {
        strategy: name.to_owned(),
        turns: turns.len(),
        early_ends: count(&|turn| turn.early_ends > 0),
        cut_offs: count(&|turn| turn.cut_off),
        cut_offs_by_kind: kinds
            .map(|kind| {
                let some: Vec<&Turn> =
                    turns.iter().filter(|(clip, _)| clip.kind == kind).map(|(_, turn)| turn).collect();
                (format!("{kind:?}"), some.iter().filter(|turn| turn.cut_off).count(), some.len())
            })
            .to_vec(),
        turns_without_babble: alone.len(),
        cut_offs_without_babble: alone.iter().filter(|turn| turn.cut_off).count(),
        wait_p50_without_babble: percentile(&alone_waits, 0.5),
        wait_p95_without_babble: percentile(&alone_waits, 0.95),
        late: count(&|turn| turn.wait.is_some_and(|wait| wait > LATE)),
        missed: count(&|turn| turn.decided.is_none() && !turn.cut_off),
        wait_p50: percentile(&waits(None), 0.5),
        wait_p95: percentile(&waits(None), 0.95),
        wait_by_kind: kinds.map(|kind| (format!("{kind:?}"), percentile(&waits(Some(kind)), 0.5))).to_vec(),
        early_begun: sum(|turn| turn.begun),
        early_used: sum(|turn| turn.used),
        interruptions: interruptions.len(),
        interruptions_missed: interruptions.iter().filter(|fall| !fall.stopped).count(),
        stop_p50: percentile(&stops, 0.5),
        stop_p95: percentile(&stops, 0.95),
        false_interruptions: others
            .map(|kind| {
                let stopped = of_kind(kind).filter(|(_, fall)| fall.stopped).count();
                (format!("{kind:?}"), stopped, of_kind(kind).count())
            })
            .to_vec(),
        held_p50: percentile(&held, 0.5),
        held: held.len(),
    }
}

fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = ((sorted.len() as f64 - 1.0) * share).round().max(0.0) as usize;
    sorted.get(place).copied().unwrap_or(f64::NAN)
}
