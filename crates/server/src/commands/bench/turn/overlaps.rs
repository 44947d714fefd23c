//! What falls into the bot's voice: backchannels, coughs, its own echo, noises and true interruptions.
use anyhow::{Context, Result};
use voce_simulate::Track;

use super::{
    clips::{Deck, beside, loudness, noises},
    material::{BOT_VOICE, Noise, Overlap, OverlapKind, Recipe, Say, VOICES},
    noise::{self, Dice, RATE},
    texts,
};

/// Seconds of room before and after.
const AROUND_SECONDS: (f32, f32) = (0.3, 1.5);

/// A clean sound and what it is.
pub struct Planned {
    kind: OverlapKind,
    text: String,
    voice: String,
    sound: Vec<f32>,
    dice: Dice,
}

/// The clean sounds of all overlaps.
pub fn plan(recipe: Recipe, say: &mut Say) -> Result<Vec<Planned>> {
    let mut dice = Dice::of(recipe.seed, 1 << 32);
    let mut backchannels = Deck::new(&pairs(texts::BACKCHANNELS));
    let mut interruptions = Deck::new(&pairs(texts::INTERRUPTIONS));
    let mut answers = Deck::new(texts::ANSWERS);
    (0..recipe.overlaps)
        .map(|number| {
            let mut own = Dice::of(recipe.seed, (1 << 33) + number as u64);
            // Of ten: four backchannels, four interruptions, a cough or noise, an echo.
            let (kind, (text, voice)) = match number % 10 {
                0 | 3 | 5 | 8 => (OverlapKind::Backchannel, backchannels.draw(&mut dice)),
                1 | 4 | 6 | 9 => (OverlapKind::Interruption, interruptions.draw(&mut dice)),
                2 => (OverlapKind::Echo, (answers.draw(&mut dice), BOT_VOICE)),
                _ if number / 10 % 2 == 0 => (OverlapKind::Cough, ("", "")),
                _ => (OverlapKind::Noise, ("", "")),
            };
            let sound = match kind {
                OverlapKind::Backchannel | OverlapKind::Interruption => {
                    spoken(text, voice, own.between(0.95, 1.2), say)?
                }
                OverlapKind::Echo => {
                    let speech = spoken(text, voice, 1.0, say)?;
                    let (delay, decibels) = (own.between(0.08, 0.25), own.between(-25.0, -12.0));
                    noise::echo(&speech, delay, decibels, &mut own)
                }
                OverlapKind::Cough if own.below(3) == 0 => noise::throat(&mut own),
                OverlapKind::Cough => noise::cough(&mut own),
                OverlapKind::Noise if own.below(2) == 0 => noise::knocks(&mut own),
                OverlapKind::Noise => noise::clicks(&mut own),
            };
            Ok(Planned { kind, text: text.into(), voice: voice.into(), sound, dice: own })
        })
        .collect()
}

/// The human voices among them.
pub fn voices(planned: &[Planned]) -> Vec<&[f32]> {
    let human = |planned: &&Planned| planned.kind == OverlapKind::Interruption;
    planned.iter().filter(human).map(|planned| planned.sound.as_slice()).collect()
}

/// Puts a room around each, and noise beside two of five.
pub fn finish(recipe: Recipe, planned: Vec<Planned>) -> Vec<Overlap> {
    let talk: Vec<Vec<f32>> = voices(&planned).into_iter().map(<[f32]>::to_vec).collect();
    let talkers: Vec<&[f32]> = talk.iter().map(Vec::as_slice).collect();
    let mut dice = Dice::of(recipe.seed, 1 << 34);
    let mut noises = Deck::new(&noises());
    let overlaps = planned.into_iter().enumerate();
    overlaps.map(|(number, planned)| around(number, planned, noises.draw(&mut dice), &talkers)).collect()
}

fn spoken(text: &str, voice: &str, speed: f32, say: &mut Say) -> Result<Vec<f32>> {
    let speech = say(voice, text, speed).with_context(|| format!("speaking {text:?}"))?;
    Ok(Track::of(&speech).with_context(|| format!("speaking {text:?}"))?.samples)
}

/// Every text with every voice.
pub fn pairs(texts: &[&'static str]) -> Vec<(&'static str, &'static str)> {
    texts.iter().flat_map(|text| VOICES.map(|voice| (*text, voice))).collect()
}

fn around(number: usize, planned: Planned, noise: (Noise, Option<f32>), talkers: &[&[f32]]) -> Overlap {
    let Planned { kind, text, voice, sound, mut dice } = planned;
    // An echo is as loud as its way makes it; all else is as loud as people are.
    let level = match kind {
        OverlapKind::Echo => 20.0 * loudness(&sound).log10(),
        _ => dice.between(-28.0, -18.0),
    };
    // Other voices would be a second kind of overlap.
    let noise = match (kind, noise) {
        (OverlapKind::Echo, _) => (Noise::Quiet, None),
        (_, (Noise::Babble, _)) if talkers.is_empty() => (Noise::Quiet, None),
        (_, noise) => noise,
    };
    let first = sound.iter().position(|sample| sample.abs() > AUDIBLE).unwrap_or(0);
    let last = sound.iter().rposition(|sample| sample.abs() > AUDIBLE).unwrap_or(0) + 1;
    let before = (AROUND_SECONDS.0 * RATE) as usize;
    let mut all = vec![0.0; before];
    all.extend(&sound);
    all.resize(before + last + (AROUND_SECONDS.1 * RATE) as usize, 0.0);
    let seconds = |samples: usize| samples as f64 / f64::from(RATE);
    Overlap {
        name: format!("overlap-{number:03}"),
        kind,
        text,
        voice,
        noise: noise.0,
        noise_db: noise.1,
        onset: seconds(before + first),
        end: seconds(before + last),
        samples: beside(all, level, noise, talkers, &mut dice),
    }
}

/// The smallest amplitude that counts as a sound: -54 dBFS.
const AUDIBLE: f32 = 0.002;
