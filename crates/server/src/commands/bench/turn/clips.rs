//! Single turns: a text, the pauses cut into it, and what sounds beside it.
use anyhow::{Context, Result, ensure};

use voce_simulate::Track;

use super::{
    marks::Marked,
    material::{Clip, Kind, Noise, Recipe, Say, VOICES},
    noise::{Dice, RATE, amplitude, at_level, babble, pink, rms, room, white},
    texts,
};

/// Shares of the kinds.
const SHARES: [(Kind, f32, &[&str]); 5] = [
    (Kind::Plain, 0.34, texts::PLAIN),
    (Kind::Pause, 0.24, texts::PAUSE),
    (Kind::Hesitation, 0.18, texts::HESITATION),
    (Kind::Numbers, 0.16, texts::NUMBERS),
    (Kind::TwoSentences, 0.08, texts::TWO_SENTENCES),
];
/// How much louder than the noise people speak, decibels.
const NOISE_DB: [f32; 3] = [25.0, 15.0, 10.0];
/// Seconds of a pause inside a turn.
const PAUSE_SECONDS: (f32, f32) = (0.25, 1.4);
/// Seconds of room after a turn.
const AFTER_SECONDS: f32 = 3.0;
/// Loudness of speech, dBFS.
const SPEECH_DB: (f32, f32) = (-28.0, -18.0);
/// Talkers in a babble.
const TALKERS: usize = 5;

/// Speaks all clips. Babble is made of the other clips and of `voices`.
pub fn speak(recipe: Recipe, voices: &[&[f32]], say: &mut Say) -> Result<Vec<Clip>> {
    let mut planned = vec![];
    for (number, plan) in plan(recipe).into_iter().enumerate() {
        let mut dice = Dice::of(recipe.seed, number as u64);
        let marked = Marked::read(plan.marked);
        let said = say(plan.voice, &marked.text, dice.between(0.92, 1.15))
            .and_then(|speech| Ok(Track::of(&speech)?))
            .and_then(|track| with_pauses(track, plan.kind, &marked, &mut dice))
            .with_context(|| format!("speaking {:?}", marked.text))?;
        planned.push((plan, marked.text, said, dice));
    }
    let tracks: Vec<Track> = planned.iter().map(|(_, _, track, _)| track.clone()).collect();
    let clips = planned.into_iter().enumerate().map(|(number, (plan, text, track, mut dice))| {
        let others = tracks.iter().enumerate().filter(|(other, _)| *other != number);
        let mut talkers: Vec<&[f32]> = others.map(|(_, track)| track.samples.as_slice()).collect();
        talkers.extend(voices);
        finish(number, &plan, text, &track, &talkers, &mut dice)
    });
    clips.collect()
}

/// What one clip shall be.
struct Plan {
    kind: Kind,
    marked: &'static str,
    voice: &'static str,
    noise: Noise,
    noise_db: Option<f32>,
}

fn plan(recipe: Recipe) -> Vec<Plan> {
    let mut dice = Dice::new(recipe.seed);
    let mut texts: Vec<Deck<&'static str>> = SHARES.iter().map(|(_, _, texts)| Deck::new(texts)).collect();
    let mut voices = Deck::new(&VOICES);
    let mut noises = noises();
    // A babble is made of other clips.
    noises.retain(|(noise, _)| recipe.clips > 1 || *noise != Noise::Babble);
    let mut noises = Deck::new(&noises);
    let mut given = [0.0_f32; SHARES.len()];
    (1..=recipe.clips)
        .map(|count| {
            // Whichever kind lags most behind its share: every kind is there early, none in a block.
            let lag = |kind: &usize| SHARES[*kind].1 * count as f32 - given[*kind];
            let next = (0..SHARES.len()).max_by(|a, b| lag(a).total_cmp(&lag(b))).unwrap_or(0);
            given[next] += 1.0;
            let (noise, noise_db) = noises.draw(&mut dice);
            let (marked, voice) = (texts[next].draw(&mut dice), voices.draw(&mut dice));
            Plan { kind: SHARES[next].0, marked, voice, noise, noise_db }
        })
        .collect()
}

/// Every noise at every level, and quiet for two clips of five.
pub fn noises() -> Vec<(Noise, Option<f32>)> {
    let loud = [Noise::White, Noise::Pink, Noise::Babble];
    let loud = loud.into_iter().flat_map(|noise| NOISE_DB.map(|decibels| (noise, Some(decibels))));
    std::iter::repeat_n((Noise::Quiet, None), 6).chain(loud).collect()
}

/// Cards that are shuffled whenever all have been drawn.
pub struct Deck<T> {
    cards: Vec<T>,
    next: usize,
}

impl<T: Copy> Deck<T> {
    pub fn new(cards: &[T]) -> Self {
        Self { cards: cards.to_vec(), next: 0 }
    }

    pub fn draw(&mut self, dice: &mut Dice) -> T {
        if self.next == 0 {
            dice.shuffle(&mut self.cards);
        }
        let card = self.cards[self.next];
        self.next = (self.next + 1) % self.cards.len();
        card
    }
}

/// `track` with pauses at some of its marks, as the kind of turn has them.
fn with_pauses(mut track: Track, kind: Kind, marked: &Marked, dice: &mut Dice) -> Result<Track> {
    let words = marked.text.split(' ').count();
    ensure!(track.words.len() == words, "the voice gave {} words for {words}", track.words.len());
    for place in chosen(kind, &marked.places, dice) {
        let pause = dice.by_ratio(PAUSE_SECONDS.0, PAUSE_SECONDS.1);
        let stretch = match marked.drawn.contains(&(place - 1)) {
            true => dice.between(1.8, 2.6),
            false if kind == Kind::TwoSentences => 1.0,
            false => dice.between(1.0, 1.5),
        };
        track.pause(place, pause.into(), stretch.into())?;
    }
    Ok(track)
}

/// Which of the marked places become pauses.
fn chosen(kind: Kind, places: &[usize], dice: &mut Dice) -> Vec<usize> {
    let mut places = places.to_vec();
    let count = match kind {
        Kind::Plain => 0,
        Kind::Hesitation | Kind::TwoSentences => places.len(),
        Kind::Pause => match dice.below(10) {
            0..=4 => 1,
            5..=7 => 2,
            _ => 3,
        },
        Kind::Numbers => 1 + dice.below(places.len()),
    };
    dice.shuffle(&mut places);
    places.truncate(count);
    places.sort_unstable();
    places
}

fn finish(
    number: usize,
    plan: &Plan,
    text: String,
    track: &Track,
    talkers: &[&[f32]],
    dice: &mut Dice,
) -> Result<Clip> {
    let (start, end) = track.speech().context("the voice said nothing")?;
    let lead = dice.between(0.4, 0.8);
    let lead_samples = (lead * RATE) as usize;
    let later = lead_samples as f64 / f64::from(RATE);
    let level = dice.between(SPEECH_DB.0, SPEECH_DB.1);
    let length = lead_samples + (end * f64::from(RATE)) as usize + (AFTER_SECONDS * RATE) as usize;
    let mut sound = vec![0.0; lead_samples];
    sound.extend(&track.samples);
    sound.resize(length, 0.0);
    let samples = beside(sound, level, (plan.noise, plan.noise_db), talkers, dice);
    let shifted = |seconds: f64| seconds + later;
    Ok(Clip {
        name: format!("clip-{number:03}"),
        kind: plan.kind,
        text,
        voice: plan.voice.into(),
        noise: plan.noise,
        noise_db: plan.noise_db,
        speech_start: shifted(start),
        speech_end: shifted(end),
        pauses: track.pauses().into_iter().map(|(from, to)| (shifted(from), shifted(to))).collect(),
        words: track.words.iter().map(|(from, to)| (shifted(*from), shifted(*to))).collect(),
        samples,
    })
}

/// `speech`, brought to `level_db`, in a room and with `noise` so many decibels softer.
pub fn beside(
    speech: Vec<f32>,
    level_db: f32,
    (noise, noise_db): (Noise, Option<f32>),
    talkers: &[&[f32]],
    dice: &mut Dice,
) -> Vec<f32> {
    let length = speech.len();
    let gain = amplitude(level_db) / loudness(&speech);
    let room = room(length, dice);
    let noise = match noise {
        Noise::Quiet => vec![0.0; length],
        Noise::White => white(length, dice),
        Noise::Pink => pink(length, dice),
        Noise::Babble => {
            let some: Vec<&[f32]> = (0..TALKERS).map(|_| talkers[dice.below(talkers.len())]).collect();
            babble(length, &some, dice)
        }
    };
    let noise = match noise_db {
        Some(decibels) => at_level(noise, amplitude(level_db - decibels)),
        None => noise,
    };
    let mixed =
        speech.iter().zip(room).zip(noise).map(|((speech, room), noise)| speech * gain + room + noise);
    mixed.map(|sample| sample.clamp(-1.0, 1.0)).collect()
}

/// The level of a sound where it is not silent, as an amplitude.
pub fn loudness(sound: &[f32]) -> f32 {
    let loud: Vec<f32> = sound.chunks(80).filter(|window| rms(window) > 0.003).flatten().copied().collect();
    rms(&loud).max(1e-6)
}
