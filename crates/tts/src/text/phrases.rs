//! What several written words say together: "May 1st", "7 p.m.", "$5 million", "230 V", "No. 5",
//! "(555) 123-4567".
use super::{
    Accent, Word,
    addresses::phone,
    dates::{clock, day, half_of_day, month, spoken_date},
    letters,
    numbers::{cardinal, fraction, parse},
    units::{money, money_behind, number_and_rest, unit},
};

/// The longest phrase that `words` begin with, if there is one: how many words it takes and what is said.
pub(super) fn phrase(words: &[Word], accent: Accent) -> Option<(usize, String)> {
    telephone(words)
        .or_else(|| date(words, accent))
        .or_else(|| time(words, accent))
        .or_else(|| amount(words, accent))
        .or_else(|| mixed_number(words, accent))
        .or_else(|| measure(words, accent))
        .or_else(|| numbered(words, accent))
}

/// The next word, if nothing but a space stands between.
fn next<'a>(words: &[Word<'a>]) -> Option<Word<'a>> {
    let (first, second) = (words.first()?, words.get(1)?);
    (first.after.is_empty() && second.before.is_empty()).then_some(*second)
}

fn telephone(words: &[Word]) -> Option<(usize, String)> {
    let digits = |word: &Word| {
        word.core.chars().any(|c| c.is_ascii_digit())
            && word.core.chars().all(|c| c.is_ascii_digit() || "+-.()/".contains(c))
    };
    let run = words.iter().take(6).take_while(|word| digits(word)).count();
    (1..=run).rev().find_map(|length| {
        let joined: Vec<String> = words[..length]
            .iter()
            .map(|word| {
                let open = if word.before.ends_with('(') { "(" } else { "" };
                let close = if word.after.starts_with(')') { ")" } else { "" };
                format!("{open}{}{close}", word.core)
            })
            .collect();
        // Only brackets may stand between the groups: a comma means that these are several numbers.
        let glued = words[..length - 1].iter().all(|word| word.after.is_empty() || word.after == ")");
        phone(&joined.join(" ")).filter(|_| glued).map(|said| (length, said))
    })
}

fn date(words: &[Word], accent: Accent) -> Option<(usize, String)> {
    let first = words[0];
    let of_year = |at: usize| -> Option<u64> {
        let word = words.get(at).filter(|word| word.before.is_empty() && word.core.len() == 4)?;
        word.core.parse().ok().filter(|year| (1000..=2999).contains(year))
    };
    let comma_or_nothing = |word: &Word| word.after.is_empty() || word.after == ",";
    if let Some(name) = month(first.core) {
        // "May" and "March" are words too: only a number behind them makes a date. "Jan." has its own stop.
        if !(first.after.is_empty() || first.after == ".") {
            return None;
        }
        if let Some(number) =
            words.get(1).filter(|word| word.before.is_empty()).and_then(|word| day(word.core))
        {
            let year = of_year(2).filter(|_| comma_or_nothing(&words[1]));
            return Some((if year.is_some() { 3 } else { 2 }, spoken_date(name, Some(number), year, accent)));
        }
        let year = of_year(1)?;
        return Some((2, spoken_date(name, None, Some(year), accent)));
    }
    let number = day(first.core)?;
    let name = next(words).and_then(|word| month(word.core))?;
    let ordinal = !first.core.bytes().all(|byte| byte.is_ascii_digit());
    // "on 3 May": in the American order too, since it was written this way round.
    let (length, year) = match of_year(2).filter(|_| comma_or_nothing(&words[1])) {
        Some(year) => (3, Some(year)),
        None if ordinal || words[1].core != "May" => (2, None),
        None => (2, None),
    };
    Some((length, spoken_date(name, Some(number), year, accent)))
}

fn time(words: &[Word], accent: Accent) -> Option<(usize, String)> {
    let following = next(words)?;
    let half = half_of_day(following.core)?;
    let hour = words[0].core.parse::<u64>().ok().filter(|hour| (1..=12).contains(hour));
    let spoken = match hour {
        Some(hour) => cardinal(hour, accent),
        None => clock(words[0].core, true, accent)?,
    };
    // The full stop behind "p.m." belongs to it.
    let mark = if following.after.starts_with('.') && following.core.contains('.') { "\u{2}" } else { "" };
    Some((2, format!("{spoken} {half}{mark}")))
}

fn amount(words: &[Word], accent: Accent) -> Option<(usize, String)> {
    let following = next(words).map(|word| word.core);
    if let Some((said, true)) = money(words[0].core, following, accent) {
        return Some((2, said));
    }
    let number = parse(words[0].core)?;
    Some((2, money_behind(&number, following?, accent)?))
}

fn mixed_number(words: &[Word], accent: Accent) -> Option<(usize, String)> {
    let whole = parse(words[0].core)?.integer()?;
    let (top, bottom) = next(words)?.core.split_once('/')?;
    let (top, bottom) = (top.parse::<u64>().ok()?, bottom.parse::<u64>().ok()?);
    if !(1..bottom).contains(&top) || !(2..=100).contains(&bottom) {
        return None;
    }
    let part = fraction(top, bottom, accent);
    let part = part.strip_prefix("one ").map_or(part.clone(), |rest| format!("a {rest}"));
    Some((2, format!("{} and {part}", cardinal(whole, accent))))
}

fn measure(words: &[Word], accent: Accent) -> Option<(usize, String)> {
    let following = next(words)?;
    let named = |number| unit(following.core, number, false);
    if let Some(number) = parse(words[0].core) {
        return Some((2, format!("{} {}", number.words(accent), named(&number)?)));
    }
    if let Some((left, right)) = words[0].core.split_once(['x', '×']) {
        let (left, right) = (parse(left)?, parse(right)?);
        return Some((2, format!("{} by {} {}", left.words(accent), right.words(accent), named(&right)?)));
    }
    let (low, high) = words[0].core.split_once(['-', '–'])?;
    let (low, high) = (parse(low)?, parse(high)?);
    Some((2, format!("{} to {} {}", low.words(accent), high.words(accent), named(&high)?)))
}

fn numbered(words: &[Word], accent: Accent) -> Option<(usize, String)> {
    let first = words[0];
    let second = words.get(1).filter(|word| word.before.is_empty())?;
    let said = match first.core {
        "No" | "no" | "Nr" | "Nos" if first.after == "." => "number",
        "Fig" | "fig" if first.after == "." => "figure",
        "p" | "P" if first.after == "." => "page",
        "pp" if first.after == "." => "pages",
        "Vol" | "vol" if first.after == "." => "volume",
        "Ch" | "ch" if first.after == "." => "chapter",
        "Sec" | "sec" if first.after == "." => "section",
        "Art" | "art" if first.after == "." => "article",
        "№" => "number",
        _ => return None,
    };
    let (number, rest) = number_and_rest(second.core)?;
    let tail = if rest.is_empty() { String::new() } else { format!(" {}", letters::latin(rest)) };
    Some((2, format!("{said} {}{tail}", number.words(accent))))
}
