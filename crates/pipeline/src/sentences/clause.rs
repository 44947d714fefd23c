//! Where a line may end inside a sentence, and how much it hurts.
use super::{
    boundary::Verdict,
    gap::{Gap, has_word},
    words::{AFTER_NAMES, CONJUNCTIONS, LEANING, PHRASE_STARTS, holds, may_become},
};

/// How badly a pause at a space would sound. Lower is better; `None` from [`harm`] means never.
pub type Harm = u32;

/// A pause that a listener expects: behind a comma, before a conjunction.
pub const CLAUSE: Harm = 1;

/// Whether a clause ends at `gap`; a pause there sounds natural.
pub fn ends_clause(gap: &Gap) -> Verdict {
    if is_tight(gap) {
        return Verdict::No;
    }
    let last = gap.last();
    if is_dash(last) || last.ends_with([';', '—']) {
        return Verdict::Yes;
    }
    if last.ends_with(':') {
        return Verdict::Yes;
    }
    if last.trim_end_matches(['"', '”', '’']).ends_with(',') {
        return goes_on_name(gap);
    }
    starts_conjunction(gap)
}

/// How much a pause at `gap` hurts; `None`: it must not be there.
pub fn harm(gap: &Gap) -> Option<Harm> {
    if is_tight(gap) {
        return None;
    }
    if ends_clause(gap) == Verdict::Yes {
        return Some(CLAUSE);
    }
    let last = gap.bare_last().to_lowercase();
    let next = gap.next_word();
    let next_lower = next.to_lowercase();
    // Two capitals in a row are a name.
    let name = capital(gap.bare_last()) && capital(next);
    match () {
        () if holds(LEANING, last.as_str()) || name => Some(50),
        () if gap.next_is_whole && holds(PHRASE_STARTS, next_lower.as_str()) => Some(5),
        () => Some(15),
    }
}

/// Places inside a number, a name with initials or an abbreviation: never a pause.
fn is_tight(gap: &Gap) -> bool {
    let last = gap.last();
    let first_of_next = gap.next.chars().next();
    let word_follows = first_of_next.is_some_and(char::is_alphanumeric);
    let dotted = last.ends_with('.') || last.ends_with('…');
    // A number holds on to its unit, a date to its year, a sign to its number.
    let ends_in_digit = last.ends_with(|c: char| c.is_numeric());
    let number_follows = first_of_next.is_some_and(char::is_numeric) && !last.ends_with([';', ':']);
    let sign = !has_word(last) && !is_dash(last);
    !word_follows || dotted || ends_in_digit || number_follows || sign
}

/// "Smith, Jr." is one name.
fn goes_on_name(gap: &Gap) -> Verdict {
    let next = gap.next_word();
    if gap.next_is_whole {
        return (!holds(AFTER_NAMES, next)).into();
    }
    if may_become(AFTER_NAMES, next) { Verdict::Wait } else { Verdict::Yes }
}

fn starts_conjunction(gap: &Gap) -> Verdict {
    if holds(LEANING, gap.bare_last().to_lowercase().as_str()) {
        return Verdict::No;
    }
    let next = gap.next;
    if gap.next_is_whole {
        return holds(CONJUNCTIONS, next.trim_end_matches(',')).into();
    }
    if may_become(CONJUNCTIONS, next) { Verdict::Wait } else { Verdict::No }
}

fn is_dash(token: &str) -> bool {
    matches!(token, "-" | "–" | "—" | "--")
}

fn capital(word: &str) -> bool {
    word.starts_with(|c: char| c.is_uppercase())
}
