//! What a caller makes of what happens in a call. Pure: looks at a list of events.
use std::time::Duration;

use voce_core::{EndReason, Event, TurnId, TurnReport};

use crate::{ToolUse, phone::Seen, scenario::When};

/// After the answer that was spoken into has ended by itself, another turn begins within this time, or the words were
/// not taken for one.
const NEW_TURN: Duration = Duration::from_secs(5);

/// A moment of an answer that was waited for.
#[derive(Clone, Debug, PartialEq)]
pub enum Chance {
    /// It is there.
    Now(TurnId),
    /// The answer was over before.
    Missed(TurnId),
}

/// The answer to what was said up to event number `from`; if that was said into the answer of turn `into`, the turn
/// after. An answer that was cut short by the rest of what the caller said is none.
pub fn answer(seen: &[Seen], from: usize, into: Option<TurnId>) -> Option<TurnId> {
    let spoken = |turn: TurnId| {
        seen.iter().any(|seen| matches!(&seen.event, Event::UserSaid { turn: said, .. } if *said == turn))
    };
    seen.iter().skip(from).find_map(|seen| match &seen.event {
        Event::TurnEnded(report)
            if report.end_reason != EndReason::Interrupted
                && into.is_none_or(|into| report.turn > into)
                && spoken(report.turn) =>
        {
            Some(report.turn)
        }
        _ => None,
    })
}

/// Whether what was said into the answer of turn `into` changed nothing.
pub fn ignored(seen: &[Seen], into: TurnId, now: Duration) -> bool {
    let ended = seen.iter().position(|seen| match &seen.event {
        Event::TurnEnded(report) => report.turn == into && report.end_reason != EndReason::Interrupted,
        _ => false,
    });
    let Some(ended) = ended else { return false };
    let goes_on = seen[ended..].iter().any(|seen| match &seen.event {
        Event::UserStartedSpeaking => true,
        Event::UserSaid { turn, .. } => *turn > into,
        _ => false,
    });
    !goes_on && now > seen[ended].at + NEW_TURN
}

/// Whether the moment has come to say something into the answer that began after event number `from`.
pub fn chance(seen: &[Seen], from: usize, when: When, now: Duration) -> Option<Chance> {
    let after = &seen[from.min(seen.len())..];
    let (began, turn) = after.iter().find_map(|seen| match seen.event {
        Event::BotStartedSpeaking { turn } => Some((seen.at, turn)),
        _ => None,
    })?;
    let over = after.iter().any(|seen| match &seen.event {
        Event::TurnEnded(report) => report.turn == turn,
        _ => false,
    });
    let heard =
        after.iter().filter(|seen| matches!(seen.event, Event::WordHeard { turn: of, .. } if of == turn));
    let is_now = match when {
        When::Words(words) => heard.count() >= words as usize,
        When::Seconds(seconds) => now >= began + Duration::from_secs_f64(seconds),
    };
    match (over, is_now) {
        (true, _) => Some(Chance::Missed(turn)),
        (false, true) => Some(Chance::Now(turn)),
        (false, false) => None,
    }
}

/// The figures of a turn that is over.
pub fn report(seen: &[Seen], turn: TurnId) -> Option<&TurnReport> {
    reports(seen).find(|report| report.turn == turn)
}

/// The figures of all turns that are over.
pub fn reports(seen: &[Seen]) -> impl Iterator<Item = &TurnReport> {
    seen.iter().filter_map(|seen| match &seen.event {
        Event::TurnEnded(report) => Some(report),
        _ => None,
    })
}

/// Calls of tools that are over: those of a turn, or all.
pub fn tools(seen: &[Seen], of: Option<TurnId>) -> Vec<ToolUse> {
    let ended = seen.iter().filter_map(|seen| match &seen.event {
        Event::ToolEnded { turn, step, .. } if of.is_none_or(|of| of == *turn) => Some(step),
        _ => None,
    });
    ended.map(|step| ToolUse { name: step.call.name.clone(), outcome: step.outcome }).collect()
}

/// Whether every turn that was begun is over.
pub fn is_quiet(seen: &[Seen]) -> bool {
    let begun = seen.iter().filter_map(|seen| match seen.event {
        Event::UserSaid { turn, .. } | Event::BotStartedSpeaking { turn } => Some(turn),
        _ => None,
    });
    begun.max().is_none_or(|last| reports(seen).any(|report| report.turn >= last))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: TurnId = TurnId(1);
    const TWO: TurnId = TurnId(2);

    fn ended(turn: TurnId, end_reason: EndReason) -> Event {
        Event::TurnEnded(TurnReport { turn, end_reason, ..TurnReport::default() })
    }

    fn said(turn: TurnId) -> Event {
        Event::UserSaid { turn, text: "words".into() }
    }

    /// The events, one a second.
    fn seen(events: impl IntoIterator<Item = Event>) -> Vec<Seen> {
        (1..).map(Duration::from_secs).zip(events).map(|(at, event)| Seen { at, event }).collect()
    }

    #[test]
    fn an_answer_that_the_rest_of_the_question_cut_short_is_none() {
        let mut events = vec![said(ONE), ended(ONE, EndReason::Interrupted)];
        assert_eq!(answer(&seen(events.clone()), 1, None), None);
        events.extend([said(TWO), ended(TWO, EndReason::Completed)]);
        assert_eq!(answer(&seen(events), 1, None), Some(TWO));
    }

    #[test]
    fn what_the_assistant_says_of_itself_is_no_answer() {
        assert_eq!(answer(&seen([ended(ONE, EndReason::Completed)]), 0, None), None);
    }

    #[test]
    fn the_answer_to_an_interruption_is_that_of_the_turn_after() {
        let events = [said(ONE), ended(ONE, EndReason::Completed), said(TWO), ended(TWO, EndReason::Failed)];
        assert_eq!(answer(&seen(events.clone()), 0, Some(ONE)), Some(TWO));
        assert!(!ignored(&seen(events.clone()), ONE, Duration::from_secs(60)));
        let alone = seen(events[..2].iter().cloned());
        assert!(!ignored(&alone, ONE, Duration::from_secs(6)), "it may yet come");
        assert!(ignored(&alone, ONE, Duration::from_secs(8)));
    }

    #[test]
    fn a_moment_comes_by_words_or_by_time_or_is_missed() {
        let word = || Event::WordHeard { turn: ONE, text: "so".into() };
        let began = Event::BotStartedSpeaking { turn: ONE };
        let mut events = vec![said(ONE), began, word()];
        let after = |events: &[Event], when, now| {
            chance(&seen(events.iter().cloned()), 1, when, Duration::from_secs(now))
        };
        assert_eq!(after(&events, When::Words(2), 9), None);
        assert_eq!(after(&events, When::Words(1), 9), Some(Chance::Now(ONE)));
        assert_eq!(after(&events, When::Seconds(3.0), 4), None);
        assert_eq!(after(&events, When::Seconds(3.0), 5), Some(Chance::Now(ONE)));
        assert!(!is_quiet(&seen(events.clone())));
        events.push(ended(ONE, EndReason::Completed));
        assert_eq!(after(&events, When::Words(1), 9), Some(Chance::Missed(ONE)));
        assert!(is_quiet(&seen(events)) && is_quiet(&[]));
    }
}
