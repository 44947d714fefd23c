//! One finished turn as the page shows it, made of its spans and its recording. Pure.
use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Map, Value};
use voce_telemetry::{Redactor, SeenSpan};

use super::recorder::{Decision, HeardWord, Recording};

/// Points of a waveform for each second.
const PEAKS_PER_SECOND: u32 = 50;

/// What `GET /api/turns/{trace_id}` answers. Times are seconds from the turn's beginning.
#[derive(Clone, Debug, Serialize)]
pub struct TurnView {
    pub trace_id: String,
    pub call: String,
    pub turn: u64,
    /// `full`, or `none`: then there are neither words nor sound.
    pub content: &'static str,
    /// RFC 3339, UTC.
    pub started_at: String,
    pub seconds: f64,
    pub end_of_speech_seconds: Option<f64>,
    pub voice_to_voice_seconds: Option<f64>,
    pub sides: Vec<SideView>,
    pub words: Vec<WordView>,
    pub stages: Vec<StageView>,
    pub decisions: Vec<DecisionView>,
    pub scores: Vec<Score>,
    pub trace_url: Option<String>,
}

/// The sound of one side.
#[derive(Clone, Debug, Serialize)]
pub struct SideView {
    /// `caller` or `bot`.
    pub side: &'static str,
    pub seconds: f64,
    /// Loudness, 0 to 255; empty when nothing is kept.
    pub peaks: Vec<u8>,
    pub peaks_per_second: u32,
    /// Address of the sound as WAV.
    pub audio: Option<String>,
}

/// A word, or where the recogniser gives no times, a whole utterance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WordView {
    pub side: &'static str,
    pub text: String,
    pub start_seconds: f64,
    pub end_seconds: f64,
}

/// A span.
#[derive(Clone, Debug, Serialize)]
pub struct StageView {
    pub id: String,
    pub parent: Option<String>,
    pub name: String,
    pub start_seconds: f64,
    pub end_seconds: f64,
    pub failed: Option<String>,
    pub facts: Map<String, Value>,
}

/// A judged pause.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DecisionView {
    pub at_seconds: f64,
    pub outcome: String,
    pub probability: Option<f64>,
    pub waited_ms: f64,
    pub needed_ms: Option<f64>,
}

/// What a judge or a person said of the answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    #[serde(skip)]
    pub id: String,
    pub name: String,
    pub value: f64,
    pub rationale: String,
    /// `LLM_JUDGE`, `HUMAN` or `CODE`.
    pub source: String,
    /// The judge's name; a person's is not shown.
    #[serde(skip)]
    pub by: String,
}

/// Puts a turn together. `spans` hold its root. What was said is left out or replaced as `redactor` says.
pub fn view(spans: &[SeenSpan], recording: &Recording, redactor: &Redactor) -> Option<TurnView> {
    let root = spans.iter().find(|span| span.parent_id.is_none())?;
    let clock = Clock { start: root.start };
    let named = |name: &str| spans.iter().find(|span| span.name == name);
    let text = |name: &str| root.attributes.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut stages: Vec<StageView> =
        spans.iter().filter(|span| span.parent_id.is_some()).map(|span| clock.stage(span, root)).collect();
    stages.sort_by(|one, other| one.start_seconds.total_cmp(&other.start_seconds));
    let side = |side, sound: &super::sound::Sound| SideView {
        side,
        seconds: sound.seconds(),
        peaks: sound.peaks(PEAKS_PER_SECOND),
        peaks_per_second: PEAKS_PER_SECOND,
        audio: (sound.bytes() > 0).then(|| format!("/api/turns/{}/{side}.wav", root.trace_id)),
    };
    let (content, words) = match redactor.is_silent() {
        true => ("none", vec![]),
        false => ("full", words(&clock, spans, &redacted(&recording.words, redactor))),
    };
    Some(TurnView {
        trace_id: root.trace_id.clone(),
        call: text("session.id"),
        turn: root.attributes.get("turn.number").and_then(Value::as_u64).unwrap_or_default(),
        content,
        started_at: voce_transport::utc(root.start),
        seconds: clock.seconds(root.end),
        end_of_speech_seconds: named("listen").map(|span| clock.seconds(span.end)),
        voice_to_voice_seconds: root.attributes.get("turn.user_bot_latency_seconds").and_then(Value::as_f64),
        sides: vec![side("caller", &recording.caller), side("bot", &recording.bot)],
        words,
        stages,
        decisions: decisions(spans, &recording.decisions),
        scores: vec![],
        trace_url: None,
    })
}

struct Clock {
    start: SystemTime,
}

impl Clock {
    fn seconds(&self, time: SystemTime) -> f64 {
        let seconds = match time.duration_since(self.start) {
            Ok(after) => after.as_secs_f64(),
            Err(before) => -before.duration().as_secs_f64(),
        };
        (seconds * 10_000.0).round() / 10_000.0
    }

    fn stage(&self, span: &SeenSpan, root: &SeenSpan) -> StageView {
        StageView {
            id: span.span_id.clone(),
            parent: span.parent_id.clone().filter(|parent| *parent != root.span_id),
            name: span.name.clone(),
            start_seconds: self.seconds(span.start),
            end_seconds: self.seconds(span.end),
            failed: span.failed.clone(),
            facts: span.attributes.clone(),
        }
    }
}

/// The caller's words by the recogniser, the bot's as they were heard.
fn words(clock: &Clock, spans: &[SeenSpan], heard: &[HeardWord]) -> Vec<WordView> {
    let mut words = vec![];
    for span in spans.iter().filter(|span| span.name == "stt") {
        // The sound that was transcribed ends where the transcription begins.
        let ends = clock.seconds(span.start);
        let lasts = span.attributes.get("voce.audio_seconds").and_then(Value::as_f64).unwrap_or_default();
        let starts = ends - lasts;
        match timed(span) {
            Some(timed) => words.extend(timed.into_iter().map(|(text, start, end)| WordView {
                side: "caller",
                text,
                start_seconds: starts + start,
                end_seconds: starts + end,
            })),
            None => {
                let text = span.attributes.get("mlflow.spanOutputs").and_then(Value::as_str);
                words.extend(text.filter(|text| !text.is_empty()).map(|text| WordView {
                    side: "caller",
                    text: text.to_owned(),
                    start_seconds: starts.max(0.0),
                    end_seconds: ends,
                }));
            }
        }
    }
    words.extend(heard.iter().map(|word| WordView {
        side: "bot",
        text: word.text.clone(),
        start_seconds: word.start.as_secs_f64(),
        end_seconds: word.end.as_secs_f64(),
    }));
    words
}

/// The same words, with those that must not be shown replaced. A number is many words, so they are looked at together.
fn redacted(words: &[HeardWord], redactor: &Redactor) -> Vec<HeardWord> {
    let joined = words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
    let shown = redactor.text(&joined);
    if shown == joined {
        return words.to_vec();
    }
    let shown: Vec<&str> = shown.split(' ').collect();
    let same = |(word, shown): &(&HeardWord, &&str)| word.text == **shown;
    let before = words.iter().zip(&shown).take_while(same).count();
    let rest = words.len().min(shown.len()) - before;
    let after = words.iter().rev().zip(shown.iter().rev()).take(rest).take_while(same).count();
    let (hidden, last) = (&words[before..words.len() - after], &words[words.len() - after..]);
    let mut kept = words[..before].to_vec();
    if let (Some(first), Some(end)) = (hidden.first(), hidden.last()) {
        let text = shown[before..shown.len() - after].join(" ");
        kept.push(HeardWord { text, start: first.start, end: end.end });
    }
    kept.extend_from_slice(last);
    kept
}

/// Words with their times within the transcribed sound, seconds, where the recogniser gives them.
fn timed(span: &SeenSpan) -> Option<Vec<(String, f64, f64)>> {
    serde_json::from_str(span.attributes.get("voce.stt.words")?.as_str()?).ok()
}

/// Every pause in the order of time. How much quiet was asked for stands in the span, when in the recording.
fn decisions(spans: &[SeenSpan], noted: &[Decision]) -> Vec<DecisionView> {
    let judged = spans.iter().filter(|span| span.name == "end_of_turn");
    let needed: Vec<Option<f64>> = judged
        .flat_map(|span| span.events.iter().filter(|event| event.name == "candidate"))
        .map(|event| event.attributes.get("needed_ms").and_then(Value::as_f64))
        .collect();
    let is_complete = needed.len() == noted.len();
    let view = |(at, decision): (usize, &Decision)| DecisionView {
        at_seconds: decision.at.as_secs_f64(),
        outcome: decision.outcome.to_owned(),
        probability: decision.probability,
        waited_ms: decision.waited_ms,
        needed_ms: needed.get(at).copied().flatten().filter(|_| is_complete),
    };
    noted.iter().enumerate().map(view).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use voce_telemetry::Config;

    use super::*;

    fn words(text: &str) -> Vec<HeardWord> {
        let word = |(at, text): (usize, &str)| HeardWord {
            text: text.to_owned(),
            start: Duration::from_secs(at as u64),
            end: Duration::from_secs(at as u64 + 1),
        };
        text.split(' ').enumerate().map(word).collect()
    }

    #[test]
    fn a_number_over_many_words_is_replaced_as_one() {
        let redactor = Redactor::new(&Config::default()).unwrap();
        let shown = redacted(&words("Your card 4111 1111 1111 1111 is charged."), &redactor);
        let texts: Vec<&str> = shown.iter().map(|word| word.text.as_str()).collect();
        assert_eq!(texts, ["Your", "card", "[card]", "is", "charged."]);
        assert_eq!((shown[2].start, shown[2].end), (Duration::from_secs(2), Duration::from_secs(6)));
        let plain = words("The warranty is two years.");
        assert_eq!(redacted(&plain, &redactor), plain);
    }
}
