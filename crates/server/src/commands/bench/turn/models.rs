//! What the models that turn-taking rests on say to the material: Smart Turn and Silero at the true ends and in the
//! pauses, and the words that the recogniser hears in backchannels. The product's thresholds and its list of
//! backchannels are chosen from this.
use std::collections::BTreeMap;

use anyhow::Result;
use voce_core::{AudioFrame, EndOfTurn, MICROPHONE_RATE_HZ, MediaTime};
use voce_models::{Runtime, Store};
use voce_simulate::Track;
use voce_tts::Kokoro;

use super::{
    clips::beside,
    material::{Clip, Kind, Material, Noise, OverlapKind},
    noise::{Dice, RATE},
    overlaps::pairs,
    texts,
};
use crate::config::Config;

/// Milliseconds of quiet after which the models are asked.
const QUIET_MS: [u32; 6] = [100, 150, 200, 300, 500, 800];
const THRESHOLDS: [f32; 16] =
    [0.1, 0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95];
const KINDS: [Kind; 5] = [Kind::Plain, Kind::Pause, Kind::Hesitation, Kind::Numbers, Kind::TwoSentences];

/// Words after which nobody has finished.
const OPEN: &[&str] = &[
    "a", "an", "the", "my", "your", "our", "this", "that", "and", "or", "but", "so", "because", "if",
    "whether", "when", "whenever", "before", "than", "to", "in", "on", "at", "for", "from", "with", "of",
    "about", "by", "is", "was", "are", "um", "uh", "hmm", "well", "some", "also", "will", "could",
];

/// One question to Smart Turn.
struct Asked {
    /// Whether the last word said is one of [`OPEN`].
    open: bool,
    kind: Kind,
    noise_db: Option<f32>,
    noise: Noise,
    /// Whether the turn was over.
    over: bool,
    quiet_ms: u32,
    probability: f32,
    clip: String,
}

/// Prints everything.
pub fn report(config: &Config, store: &Store, runtime: &Runtime, material: &Material) -> Result<()> {
    let smart_turn = voce_turn::build_end_of_turn(&config.turn, store, runtime)?;
    let mut asked = vec![];
    for clip in &material.clips {
        ask(clip, smart_turn.as_ref(), &mut asked)?;
    }
    smart_turn_tables(&asked);
    silero_tables(config, store, runtime, material)?;
    recogniser_tables(config, store, runtime, material)
}

/// Asks at every pause and at the end as the assistant would: with 300 ms from before the speech.
fn ask(clip: &Clip, model: &dyn EndOfTurn, asked: &mut Vec<Asked>) -> Result<()> {
    let from = place(clip.speech_start - 0.3);
    let pauses = clip.pauses.iter().map(|(start, end)| (*start, *end, false));
    for (start, end, over) in pauses.chain([(clip.speech_end, f64::MAX, true)]) {
        for quiet_ms in QUIET_MS {
            let until = start + f64::from(quiet_ms) / 1_000.0;
            if until > end {
                continue;
            }
            asked.push(Asked {
                open: ends_open(&clip.said_until(start)),
                kind: clip.kind,
                noise: clip.noise,
                noise_db: clip.noise_db,
                over,
                quiet_ms,
                probability: model.probability(&clip.samples[from..place(until)])?,
                clip: clip.name.clone(),
            });
        }
    }
    Ok(())
}

fn smart_turn_tables(asked: &[Asked]) {
    println!("## Smart Turn: probability of the end, after 200 ms of quiet\n");
    println!("| kind | where | n | p10 | p25 | median | p75 | p90 |\n|---|---|---|---|---|---|---|---|");
    for kind in KINDS {
        for (place, over) in [("pause", false), ("end", true)] {
            let some = asked.iter().filter(|one| one.kind == kind && one.over == over && one.quiet_ms == 200);
            row(&format!("{kind:?} | {place}"), some.map(|one| one.probability).collect());
        }
    }
    let noisy = |one: &Asked| one.noise_db.map(|decibels| decibels as i32);
    for (name, noise_db) in [("quiet", None), ("25 dB", Some(25)), ("15 dB", Some(15)), ("10 dB", Some(10))] {
        for (place, over) in [("pause", false), ("end", true)] {
            let some =
                asked.iter().filter(|one| noisy(one) == noise_db && one.over == over && one.quiet_ms == 200);
            row(&format!("{name} | {place}"), some.map(|one| one.probability).collect());
        }
    }
    for noise in [Noise::White, Noise::Pink, Noise::Babble] {
        for (place, over) in [("pause", false), ("end", true)] {
            let some =
                asked.iter().filter(|one| one.noise == noise && one.over == over && one.quiet_ms == 200);
            row(&format!("{noise:?} | {place}"), some.map(|one| one.probability).collect());
        }
    }
    println!("\n## Smart Turn: thresholds (percent)\n");
    println!(
        "`false` of pauses taken for the end / `clips` with one, of all / `missed` ends, by quiet before asking\n"
    );
    println!("| threshold | {} |", QUIET_MS.map(|ms| format!("{ms} ms")).join(" | "));
    println!("|---|---|---|---|---|---|---|");
    for threshold in THRESHOLDS {
        let cells = QUIET_MS.map(|quiet_ms| {
            let at =
                |over: bool| asked.iter().filter(move |one| one.quiet_ms == quiet_ms && one.over == over);
            let wrong: Vec<&Asked> = at(false).filter(|one| one.probability >= threshold).collect();
            let mut clips: Vec<&str> = wrong.iter().map(|one| one.clip.as_str()).collect();
            clips.dedup();
            let missed = at(true).filter(|one| one.probability < threshold).count();
            let (pauses, ends) = (at(false).count(), at(true).count());
            let (wrong, clips) = (percent(wrong.len(), pauses), percent(clips.len(), ends));
            format!("{wrong} / {clips} / {}", percent(missed, ends))
        });
        println!("| {threshold} | {} |", cells.join(" | "));
    }
    println!("\n## Smart Turn: thresholds by kind after 200 ms (percent: false at pauses / missed ends)\n");
    println!("| threshold | {} |", KINDS.map(|kind| format!("{kind:?}")).join(" | "));
    println!("|---|---|---|---|---|---|");
    for threshold in THRESHOLDS {
        let cells = KINDS.map(|kind| {
            let at = |over: bool| {
                let one = move |one: &&Asked| one.quiet_ms == 200 && one.over == over && one.kind == kind;
                asked.iter().filter(one)
            };
            let wrong = at(false).filter(|one| one.probability >= threshold).count();
            let missed = at(true).filter(|one| one.probability < threshold).count();
            format!("{} / {}", percent(wrong, at(false).count()), percent(missed, at(true).count()))
        });
        println!("| {threshold} | {} |", cells.join(" | "));
    }
    with_text(asked);
    println!();
}

/// What a list of words that leave a sentence open would add, if the recogniser heard every word.
fn with_text(asked: &[Asked]) {
    let open = |over: bool| {
        let at = asked.iter().filter(|one| one.quiet_ms == 200 && one.over == over);
        let (open, all) = at.fold((0, 0), |(open, all), one| (open + usize::from(one.open), all + 1));
        format!("{open} of {all}")
    };
    println!("\n## Smart Turn with text: never over after an open word\n");
    println!("Open words stand before {} pauses and at {} ends.", open(false), open(true));
    println!("`false` of pauses / `clips` with one / `missed` ends (percent), by quiet before asking\n");
    println!("| threshold | {} |", QUIET_MS.map(|ms| format!("{ms} ms")).join(" | "));
    println!("|---|---|---|---|---|---|---|");
    for threshold in THRESHOLDS {
        let cells = QUIET_MS.map(|quiet_ms| {
            let at =
                |over: bool| asked.iter().filter(move |one| one.quiet_ms == quiet_ms && one.over == over);
            let complete = |one: &&Asked| one.probability >= threshold && !one.open;
            let mut clips: Vec<&str> = at(false).filter(complete).map(|one| one.clip.as_str()).collect();
            let wrong = percent(clips.len(), at(false).count());
            clips.dedup();
            let ends = at(true).count();
            let missed = percent(ends - at(true).filter(complete).count(), ends);
            format!("{wrong} / {} / {missed}", percent(clips.len(), ends))
        });
        println!("| {threshold} | {} |", cells.join(" | "));
    }
}

fn ends_open(said: &str) -> bool {
    let last = plain(said);
    last.rsplit(' ').next().is_some_and(|word| OPEN.contains(&word))
}

/// When Silero notices the true ends and pauses, and what it takes for speech afterwards.
fn silero_tables(config: &Config, store: &Store, runtime: &Runtime, material: &Material) -> Result<()> {
    const CHUNK: usize = 512;
    let factory = voce_turn::build_vad_factory(&config.turn, store, runtime)?;
    let mut late: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    let mut after: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut unseen: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for clip in &material.clips {
        let mut detector = factory()?;
        let mut heard = vec![];
        for (number, window) in clip.samples.chunks_exact(CHUNK).enumerate() {
            let at = MediaTime::of_samples((number * CHUNK) as u64, MICROPHONE_RATE_HZ);
            let frame = AudioFrame { at, rate_hz: MICROPHONE_RATE_HZ, samples: window.to_vec() };
            let end = ((number + 1) * CHUNK) as f64 / f64::from(RATE);
            heard.push((end, detector.speech_probability(&frame)?));
        }
        let name = condition(clip.noise, clip.noise_db);
        // The end of the last chunk that is still speech, as the assistant counts it.
        let last = heard.iter().rev().find(|(end, probability)| {
            *probability >= config.listening.quiet_threshold && *end < clip.speech_end + 1.0
        });
        if let Some((end, _)) = last {
            late.entry(format!("{name} | end")).or_default().push(((end - clip.speech_end) * 1_000.0) as f32);
        }
        for (start, end) in &clip.pauses {
            let inside = heard.iter().filter(|(at, _)| at > start && at < end);
            let quiet: Vec<f64> = inside
                .filter(|(_, probability)| *probability < config.listening.quiet_threshold)
                .map(|(at, _)| *at)
                .collect();
            if let Some(first) = quiet.first() {
                late.entry(format!("{name} | pause")).or_default().push(((first - start) * 1_000.0) as f32);
            }
            let seen = unseen.entry(name.clone()).or_default();
            seen.1 += 1;
            seen.0 += usize::from(quiet.len() * CHUNK < (0.1 * RATE) as usize);
        }
        let false_speech = heard
            .iter()
            .filter(|(end, probability)| {
                *end > clip.speech_end + 0.5 && *probability >= config.listening.speech_threshold
            })
            .count();
        let sum = after.entry(name).or_default();
        sum.0 += usize::from(false_speech >= 3);
        sum.1 += 1;
    }
    println!("## Silero: milliseconds from the true silence to what Silero calls quiet\n");
    println!("| condition | where | n | p10 | p25 | median | p75 | p90 |\n|---|---|---|---|---|---|---|---|");
    for (name, values) in late {
        row_of(&name, values, 0);
    }
    println!(
        "\n## Silero: clips with at least 96 ms of \"speech\" more than 0.5 s after the end; pauses not seen\n"
    );
    println!("| condition | clips | of | pauses without 100 ms of quiet | of |\n|---|---|---|---|---|");
    for (name, (wrong, of)) in after {
        let (missed, pauses) = unseen.get(&name).copied().unwrap_or_default();
        println!("| {name} | {wrong} | {of} | {missed} | {pauses} |");
    }
    println!();
    Ok(())
}

/// What the recogniser hears in backchannels of every voice, quiet and in noise, and in the other overlaps.
fn recogniser_tables(config: &Config, store: &Store, runtime: &Runtime, material: &Material) -> Result<()> {
    let recogniser = voce_stt::load(&config.stt, store, runtime)?;
    let voice = Kokoro::load(&config.tts, store, runtime)?;
    let talk: Vec<&[f32]> = material
        .overlaps
        .iter()
        .filter(|overlap| overlap.kind == OverlapKind::Interruption && overlap.noise == Noise::Quiet)
        .map(|overlap| overlap.samples.as_slice())
        .collect();
    let conditions = [
        (Noise::Quiet, None),
        (Noise::White, Some(10.0)),
        (Noise::Pink, Some(15.0)),
        (Noise::Pink, Some(10.0)),
        (Noise::Babble, Some(15.0)),
    ];
    let mut heard: BTreeMap<(&str, String), BTreeMap<String, usize>> = BTreeMap::new();
    for (number, (text, name)) in pairs(texts::BACKCHANNELS).into_iter().enumerate() {
        let said = Track::of(&voice.with_voice(store, name, 1.05)?.synthesize(text)?)?.samples;
        let mut sound = vec![0.0; (0.3 * RATE) as usize];
        sound.extend(said);
        sound.resize(sound.len() + (0.2 * RATE) as usize, 0.0);
        for condition in conditions {
            let mut dice = Dice::of(99, number as u64);
            let samples = beside(sound.clone(), -23.0, condition, &talk, &mut dice);
            let transcript = recogniser.transcribe_samples(&samples)?.text;
            let place = if condition.0 == Noise::Quiet { "quiet" } else { "noise" };
            *heard.entry((text, place.into())).or_default().entry(transcript).or_default() += 1;
        }
    }
    println!("## Recogniser: backchannels as heard (times)\n");
    println!("| said | where | heard |\n|---|---|---|");
    for ((text, place), transcripts) in &heard {
        println!("| {text} | {place} | {} |", listed(transcripts));
    }
    let mut all: BTreeMap<String, usize> = BTreeMap::new();
    for (transcript, times) in heard.values().flatten() {
        *all.entry(plain(transcript)).or_default() += times;
    }
    println!("\nDistinct, without case and marks: {}\n", listed(&all));
    println!(
        "## Recogniser: the other overlaps as heard\n\n| kind | said | noise | heard |\n|---|---|---|---|"
    );
    for overlap in material.overlaps.iter().filter(|overlap| overlap.kind != OverlapKind::Backchannel) {
        let from = place((overlap.onset - 0.3).max(0.0));
        let until = place(overlap.end + 0.2).min(overlap.samples.len());
        let transcript = recogniser.transcribe_samples(&overlap.samples[from..until])?.text;
        let noise = condition(overlap.noise, overlap.noise_db);
        println!("| {:?} | {} | {noise} | {transcript} |", overlap.kind, overlap.text);
    }
    Ok(())
}

/// Without case and punctuation.
fn plain(text: &str) -> String {
    let kept = |c: char| c.is_alphanumeric() || " '-".contains(c);
    text.to_lowercase().chars().filter(|c| kept(*c)).collect::<String>().trim().to_owned()
}

fn listed(times: &BTreeMap<String, usize>) -> String {
    let mut times: Vec<(&String, &usize)> = times.iter().collect();
    times.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    let words: Vec<String> = times.iter().map(|(text, count)| format!("{text:?} {count}")).collect();
    words.join(", ")
}

fn condition(noise: Noise, noise_db: Option<f32>) -> String {
    match noise_db {
        Some(decibels) => format!("{noise:?} {decibels:.0} dB"),
        None => format!("{noise:?}"),
    }
}

fn row(name: &str, values: Vec<f32>) {
    row_of(name, values, 2);
}

fn row_of(name: &str, mut values: Vec<f32>, digits: usize) {
    if values.is_empty() {
        return;
    }
    values.sort_by(f32::total_cmp);
    let at = |share: f32| values[((values.len() - 1) as f32 * share).round() as usize];
    let cells = [0.1, 0.25, 0.5, 0.75, 0.9].map(|share| format!("{:.digits$}", at(share)));
    println!("| {name} | {} | {} |", values.len(), cells.join(" | "));
}

fn percent(part: usize, whole: usize) -> String {
    format!("{:.1}", 100.0 * part as f32 / whole.max(1) as f32)
}

fn place(seconds: f64) -> usize {
    (seconds * f64::from(RATE)) as usize
}
