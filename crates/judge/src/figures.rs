//! The figures of a turn: where each stands in its trace. A figure that a judge file may name stands here.
use std::collections::BTreeMap;

use voce_mlflow::{Span, Trace};

/// Which of several spans of one name counts.
#[derive(Clone, Copy)]
enum Of {
    First,
    Last,
    /// The highest value; of flags, whether any is set.
    Most,
}

/// A figure of a turn.
pub struct Figure {
    /// Its name in judge files and for the model.
    pub name: &'static str,
    /// What it is, with its unit.
    pub meaning: &'static str,
    source: Source,
}

enum Source {
    Attribute(&'static str, &'static str, Of),
    /// Pauses of the caller that were judged and were not the end.
    Pauses,
    Words,
}

const fn attribute(
    name: &'static str,
    meaning: &'static str,
    span: &'static str,
    attribute: &'static str,
    of: Of,
) -> Figure {
    Figure { name, meaning, source: Source::Attribute(span, attribute, of) }
}

/// All of them.
#[rustfmt::skip]
pub const FIGURES: &[Figure] = &[
    attribute("voice_to_voice_seconds", "end of the caller's speech to the first sound of the answer, seconds", "turn", "turn.user_bot_latency_seconds", Of::Last),
    attribute("end_to_end_seconds", "the whole turn, seconds", "turn", "turn.duration_seconds", Of::Last),
    attribute("turn_number", "which turn of the call", "turn", "turn.number", Of::Last),
    attribute("interruptions", "times that the caller cut this answer off", "turn", "voce.interruptions", Of::Last),
    attribute("overlaps", "times that the caller spoke into this answer without interrupting it", "turn", "voce.overlaps", Of::Last),
    attribute("early", "1 if the answer was begun before the turn was over", "turn", "voce.speculation.early", Of::Last),
    attribute("early_dropped", "answers that were begun early and dropped, unheard, because the caller went on", "turn", "voce.speculation.dropped", Of::Last),
    attribute("wasted_seconds", "time that went into dropped answers, seconds", "turn", "voce.speculation.wasted_seconds", Of::Last),
    attribute("speech_seconds", "length of the caller's speech, seconds", "listen", "voce.speech_seconds", Of::Last),
    attribute("end_of_turn_probability", "how sure the end-of-turn model was that the caller had finished, 0 to 1", "end_of_turn", "voce.end_of_turn.probability", Of::Last),
    attribute("end_of_turn_waited_ms", "quiet before the turn was taken for over, milliseconds", "end_of_turn", "voce.end_of_turn.waited_ms", Of::Last),
    attribute("end_of_turn_needed_ms", "quiet that was demanded, milliseconds", "end_of_turn", "voce.end_of_turn.needed_ms", Of::Last),
    attribute("reopened", "1 if the turn was taken for over and the caller went on before the answer was heard", "end_of_turn", "voce.end_of_turn.reopened", Of::Most),
    attribute("best_passage_score", "how well the best passage fits, as the search says", "rag", "voce.rag.best_score", Of::Last),
    attribute("llm_first_token_seconds", "request to the first token, seconds", "llm", "voce.llm.first_token_seconds", Of::Last),
    attribute("prompt_tokens", "tokens of the prompt", "llm", "gen_ai.usage.input_tokens", Of::Last),
    attribute("completion_tokens", "tokens of the answer", "llm", "gen_ai.usage.output_tokens", Of::Last),
    attribute("tts_first_audio_seconds", "first line to its first sound, seconds", "tts", "voce.tts.first_audio_seconds", Of::First),
    attribute("heard_seconds", "length of the answer that was heard, seconds", "playout", "voce.playout.heard_seconds", Of::Last),
    attribute("late_frames", "20 ms pieces of the answer that came too late", "playout", "voce.playout.late_frames", Of::Last),
    attribute("stop_ms", "time from the caller's speech into the answer to silence, milliseconds; the longest", "overlap", "voce.overlap.stop_ms", Of::Most),
    Figure { name: "pauses", meaning: "pauses of the caller that were judged and were not the end", source: Source::Pauses },
    Figure { name: "answer_words", meaning: "words of the answer that were heard", source: Source::Words },
];

/// The figures that a trace has.
pub(crate) fn of(trace: &Trace, answer: &str) -> BTreeMap<String, f64> {
    let found = FIGURES.iter().filter_map(|figure| {
        let value = match figure.source {
            Source::Attribute(span, attribute, of) => of_spans(trace, span, attribute, of),
            Source::Pauses => pauses(trace),
            Source::Words => Some(answer.split_whitespace().count() as f64),
        };
        Some((figure.name.to_owned(), value?))
    });
    found.collect()
}

fn of_spans(trace: &Trace, span: &str, attribute: &str, of: Of) -> Option<f64> {
    let value = |span: &Span| {
        span.figure(attribute).or_else(|| span.flag(attribute).map(|flag| f64::from(u8::from(flag))))
    };
    let mut values = trace.named(span).filter_map(value).filter(|value| value.is_finite());
    match of {
        Of::First => values.next(),
        Of::Last => values.last(),
        Of::Most => values.max_by(f64::total_cmp),
    }
}

fn pauses(trace: &Trace) -> Option<f64> {
    let mut ends = trace.named("end_of_turn").peekable();
    ends.peek()?;
    let candidates = ends.flat_map(|end| &end.events).filter(|event| event.name == "candidate");
    let resumed = candidates.filter(|event| {
        event.attributes.get("outcome").and_then(serde_json::Value::as_str) == Some("resumed")
    });
    Some(resumed.count() as f64)
}
