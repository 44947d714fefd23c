//! What a caller makes of what happens in a call. Pure: looks at a list of events.
use std::time::Duration;

use voce_core::{EndReason, Event, TurnId, TurnReport};

use crate::{phone::Seen, scenario::When};

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
    let heard = after.iter().filter(|seen| matches!(seen.event, Event::WordHeard { turn: of, .. } if of == turn));
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

/// Whether every turn that was begun is over.
pub fn is_quiet(seen: &[Seen]) -> bool {
    let begun = seen.iter().filter_map(|seen| match seen.event {
        Event::UserSaid { turn, .. } | Event::BotStartedSpeaking { turn } => Some(turn),
        _ => None,
    });
    begun.max().is_none_or(|last| reports(seen).any(|report| report.turn >= last))
}
