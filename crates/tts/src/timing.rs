//! When each phoneme and each word sounds, from the model's own durations. Pure.
use voce_core::{Phoneme, SpokenWord};

use crate::{
    phonemes::Sound,
    text::{PAUSES, Phrase},
};

/// Seconds a frame of the durations lasts: 600 samples at 24 kHz.
pub const FRAME_SECONDS: f64 = 0.025;

/// The sound comes this many frames before the durations say: measured on onsets, and what Kokoro's own Python
/// pipeline takes off before the first word.
const EARLY_FRAMES: i64 = 3;

/// Start and end of each sound in seconds, from the frames of each token. `durations` has one more at both
/// ends, for the marks around the text. `cut` frames are missing in front of the sound.
pub fn spans(durations: &[i64], cut: i64) -> Vec<(f64, f64)> {
    let mut at = -cut - EARLY_FRAMES;
    let mut spans = Vec::with_capacity(durations.len());
    for frames in durations {
        spans.push((at as f64 * FRAME_SECONDS, (at + frames) as f64 * FRAME_SECONDS));
        at += frames;
    }
    spans.pop();
    spans.into_iter().skip(1).collect()
}

/// The same without durations: every sound by its usual share of `start` to `end`. An estimate.
pub fn estimated_spans(sounds: &[Sound], start: f64, end: f64) -> Vec<(f64, f64)> {
    let weight = |sound: &Sound| match sound.symbol {
        'ˈ' | 'ˌ' => 0.0,
        ' ' => 0.5,
        c if PAUSES.contains(c) => 3.0,
        c if "AIOQWY".contains(c) => 2.5,
        c if "aiuæɑɐɒɔəɛɜɪʊʌᵻ".contains(c) => 1.6,
        _ => 1.0,
    };
    let all: f64 = sounds.iter().map(weight).sum::<f64>().max(1.0);
    let mut at = start;
    let share = |sound: &Sound| weight(sound) / all * (end - start);
    sounds
        .iter()
        .map(|sound| {
            let from = at;
            at += share(sound);
            (from, at)
        })
        .collect()
}

/// The phonemes with their times, spaces left out, within 0 and `end` seconds.
pub fn phonemes(sounds: &[Sound], spans: &[(f64, f64)], end: f64) -> Vec<Phoneme> {
    let heard = sounds.iter().zip(spans).filter(|(sound, _)| sound.symbol != ' ');
    heard
        .map(|(sound, (from, to))| Phoneme {
            symbol: sound.symbol.to_string(),
            start_seconds: from.clamp(0.0, end),
            end_seconds: to.clamp(0.0, end),
        })
        .collect()
}

/// The written words with their times, in order; one that has no sound takes none, where the word before it
/// ended. `first..` are the phrases that `sounds` may hold; phrases beyond are not returned.
pub fn words(phrases: &[Phrase], sounds: &[Sound], spans: &[(f64, f64)], end: f64) -> Vec<SpokenWord> {
    let mut words = Vec::new();
    let mut at = 0.0_f64;
    for (index, phrase) in phrases.iter().enumerate() {
        let own = sounds
            .iter()
            .zip(spans)
            .filter(|(sound, _)| sound.phrase == Some(index) && !PAUSES.contains(sound.symbol));
        let (from, to) = own.fold((f64::MAX, at), |(from, to), (_, span)| (from.min(span.0), to.max(span.1)));
        let from = if from == f64::MAX { at } else { from.clamp(at, end.max(at)) };
        let to = to.clamp(from, end.max(from));
        words.extend(shared(&phrase.written, from, to));
        at = to;
    }
    words
}

/// Several written words that are one phrase share its time by their length.
fn shared(written: &[String], from: f64, to: f64) -> Vec<SpokenWord> {
    let all = written.iter().map(|word| word.chars().count()).sum::<usize>().max(1) as f64;
    let mut done = 0;
    written
        .iter()
        .map(|word| {
            let start = from + (to - from) * done as f64 / all;
            done += word.chars().count();
            let end = from + (to - from) * done as f64 / all;
            SpokenWord { text: word.clone(), start_seconds: start, end_seconds: end }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(symbol: char, phrase: Option<usize>) -> Sound {
        Sound { symbol, phrase }
    }

    #[test]
    fn words_follow_the_frames_of_their_symbols() {
        let phrases = [("7 p.m.", "x"), ("🎉", ""), ("now", "x")].map(|(written, spoken)| Phrase {
            written: written.split(' ').map(str::to_owned).collect(),
            spoken: spoken.into(),
        });
        let sounds = [
            sound('a', Some(0)),
            sound('b', Some(0)),
            sound(' ', None),
            sound('n', Some(2)),
            sound('.', Some(2)),
        ];
        let spans = spans(&[10, 4, 4, 2, 8, 6, 1], 3);
        assert_eq!(spans[0], (0.1, 0.2));
        let words = words(&phrases, &sounds, &spans, 1.0);
        let texts: Vec<&str> = words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(texts, ["7", "p.m.", "🎉", "now"]);
        assert!((words[1].end_seconds - 0.3).abs() < 1e-9 && words[2].start_seconds == words[2].end_seconds);
        assert!((words[3].start_seconds - 0.35).abs() < 1e-9 && (words[3].end_seconds - 0.55).abs() < 1e-9);
        let phonemes = phonemes(&sounds, &spans, 0.5);
        assert_eq!(phonemes.len(), 4);
        assert!(phonemes.iter().all(|phoneme| phoneme.end_seconds <= 0.5));
    }

    #[test]
    fn an_estimate_fills_the_speech_in_order() {
        let sounds = [sound('a', Some(0)), sound('t', Some(0)), sound('.', Some(0))];
        let spans = estimated_spans(&sounds, 0.1, 1.0);
        assert!((spans[0].0 - 0.1).abs() < 1e-9 && (spans[2].1 - 1.0).abs() < 1e-9);
        assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0 + 1e-9));
    }
}
