//! Then and now side by side. Pure.
use serde::Serialize;

use super::{
    turn::{Found, Turn},
    words::{Difference, difference},
};

/// One stretch of the caller's speech, and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Replayed {
    /// Place among those that were spoken, from 1.
    pub number: usize,
    /// Where the caller's sound came from: `recorded`, or the voice that spoke the words.
    pub sound: String,
    /// Whether it was spoken into the answer before, as it was then.
    pub interrupts: bool,
    /// As it went; absent for a recording without a trace.
    pub then: Option<Turn>,
    /// As it went this time; absent where no turn came of it.
    pub now: Option<Turn>,
    /// Turns that came of it this time: more than one where a pause was taken for the end.
    pub turns: usize,
    /// The difference, where both are known.
    pub compared: Option<Comparison>,
}

/// The difference between two turns. What is absent is not known of one of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// How the question was understood.
    pub question: Option<Difference>,
    /// The answer of the language model.
    pub answer: Option<Answer>,
    /// What retrieval found.
    pub passages: Option<Passages>,
    /// Whether it ended as it did then.
    pub same_end: bool,
}

/// Whether the answer is the same, word by word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Same,
    Changed,
}

/// Passages as `source#chunk`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Passages {
    pub kept: Vec<String>,
    pub lost: Vec<String>,
    pub new: Vec<String>,
}

/// All turns together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    pub turns: usize,
    /// Those that got an answer, or that the caller interrupted.
    pub answered: usize,
    /// Questions that could be compared, and those that were understood the same.
    pub questions: usize,
    pub understood_the_same: usize,
    /// Answers that could be compared, and those that are the same.
    pub answers: usize,
    pub answered_the_same: usize,
    /// Over all turns.
    pub passages_kept: usize,
    pub passages_lost: usize,
    pub passages_new: usize,
    /// Median of the seconds from the end of speech to the first sound, over the turns that have both.
    pub voice_to_voice_then: Option<f64>,
    pub voice_to_voice_now: Option<f64>,
}

/// What differs between two turns.
pub fn compare(then: &Turn, now: &Turn) -> Comparison {
    let both = |then: &Option<String>, now: &Option<String>| {
        then.as_deref().zip(now.as_deref()).map(|(then, now)| difference(then, now))
    };
    let answer = both(&then.answer, &now.answer).map(|answer| match answer.count {
        0 => Answer::Same,
        _ => Answer::Changed,
    });
    Comparison {
        question: both(&then.question, &now.question),
        answer,
        passages: then.passages.as_ref().zip(now.passages.as_ref()).map(|(then, now)| passages(then, now)),
        same_end: then.end_reason == now.end_reason,
    }
}

fn passages(then: &[Found], now: &[Found]) -> Passages {
    let is_in = |found: &Found, list: &[Found]| list.iter().any(|other| found.is(other));
    let names = |list: &[Found], wanted: &dyn Fn(&Found) -> bool| {
        list.iter().filter(|found| wanted(found)).map(|found| found.name.clone()).collect()
    };
    Passages {
        kept: names(now, &|found| is_in(found, then)),
        lost: names(then, &|found| !is_in(found, now)),
        new: names(now, &|found| !is_in(found, then)),
    }
}

impl Summary {
    pub fn of(turns: &[Replayed]) -> Self {
        let mut summary = Self { turns: turns.len(), ..Self::default() };
        let (mut then, mut now) = (vec![], vec![]);
        for turn in turns {
            summary.answered += usize::from(turn.now.as_ref().is_some_and(Turn::is_answered));
            let both = turn.then.as_ref().zip(turn.now.as_ref());
            if let Some(times) =
                both.and_then(|(then, now)| then.seconds.voice_to_voice.zip(now.seconds.voice_to_voice))
            {
                then.push(times.0);
                now.push(times.1);
            }
            let Some(compared) = &turn.compared else { continue };
            if let Some(question) = &compared.question {
                summary.questions += 1;
                summary.understood_the_same += usize::from(question.count == 0);
            }
            if let Some(answer) = compared.answer {
                summary.answers += 1;
                summary.answered_the_same += usize::from(answer == Answer::Same);
            }
            if let Some(passages) = &compared.passages {
                summary.passages_kept += passages.kept.len();
                summary.passages_lost += passages.lost.len();
                summary.passages_new += passages.new.len();
            }
        }
        (summary.voice_to_voice_then, summary.voice_to_voice_now) = (median(then), median(now));
        summary
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        _ if values.is_empty() => None,
        0 => Some(f64::midpoint(values[middle - 1], values[middle])),
        _ => Some(values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(question: &str, answer: &str, passages: &[&str], voice_to_voice: f64) -> Turn {
        let mut turn = Turn {
            question: Some(question.into()),
            answer: Some(answer.into()),
            passages: Some(
                passages.iter().map(|name| Found { name: (*name).into(), text: String::new() }).collect(),
            ),
            end_reason: "completed".into(),
            ..Turn::default()
        };
        turn.seconds.voice_to_voice = Some(voice_to_voice);
        turn
    }

    #[test]
    fn questions_answers_and_passages_are_compared() {
        let then = turn("What is the warranty?", "Two years.", &["a#0", "b#1"], 1.0);
        let now = turn("what is the warranty", "It is two years.", &["b#1", "c#2"], 0.5);
        let compared = compare(&then, &now);
        assert_eq!(compared.question.unwrap().count, 0);
        assert_eq!(compared.answer, Some(Answer::Changed));
        let passages = compared.passages.unwrap();
        assert_eq!(
            (&passages.kept[..], &passages.lost[..], &passages.new[..]),
            (&["b#1".to_owned()][..], &["a#0".to_owned()][..], &["c#2".to_owned()][..])
        );
        assert!(compared.same_end);
    }

    #[test]
    fn what_the_trace_does_not_hold_is_not_compared() {
        let then = Turn { end_reason: "interrupted".into(), ..Turn::default() };
        let compared = compare(&then, &turn("a", "b", &[], 1.0));
        assert_eq!(compared, Comparison { question: None, answer: None, passages: None, same_end: false });
    }

    #[test]
    fn the_summary_counts_what_could_be_compared() {
        let replayed = |then: Option<Turn>, now: Option<Turn>| Replayed {
            number: 1,
            sound: "recorded".into(),
            interrupts: false,
            compared: then.as_ref().zip(now.as_ref()).map(|(then, now)| compare(then, now)),
            turns: usize::from(now.is_some()),
            then,
            now,
        };
        let then = turn("a", "b", &["x#0"], 1.0);
        let summary = Summary::of(&[
            replayed(Some(then.clone()), Some(turn("a", "c", &["x#0"], 2.0))),
            replayed(Some(then.clone()), Some(turn("a d", "b", &["y#0"], 4.0))),
            replayed(Some(then), None),
            replayed(None, Some(Turn { end_reason: "failed".into(), ..turn("a", "b", &[], 9.0) })),
        ]);
        let expected = Summary {
            turns: 4,
            answered: 2,
            questions: 2,
            understood_the_same: 1,
            answers: 2,
            answered_the_same: 1,
            passages_kept: 1,
            passages_lost: 1,
            passages_new: 1,
            voice_to_voice_then: Some(1.0),
            voice_to_voice_now: Some(3.0),
        };
        assert_eq!(summary, expected);
    }
}
