//! What one written word says by itself, whatever stands in it.
use super::{
    Accent, Word,
    addresses::{address, version},
    dates::{clock, date, half_of_day},
    letters::{latin, symbol},
    numbers::{cardinal, digits, fraction, ordinal, parse, plural, year},
    units::{money, number_and_rest, unit},
};

/// Abbreviations with a full stop, without it here. The stop belongs to them.
const ABBREVIATIONS: &[(&str, &str)] = &[
    ("Dr", "Doctor"),
    ("Mr", "Mister"),
    ("Mrs", "Mrs"),
    ("Ms", "Ms"),
    ("Prof", "Professor"),
    ("Jr", "Junior"),
    ("Sr", "Senior"),
    ("Gen", "General"),
    ("Sgt", "Sergeant"),
    ("Capt", "Captain"),
    ("Rev", "Reverend"),
    ("Hon", "Honorable"),
    ("e.g", "for example"),
    ("i.e", "that is"),
    ("etc", "etcetera"),
    ("vs", "versus"),
    ("cf", "compare"),
    ("approx", "approximately"),
    ("ca", "circa"),
    ("resp", "respectively"),
    ("incl", "including"),
    ("excl", "excluding"),
    ("max", "maximum"),
    ("min", "minimum"),
    ("dept", "department"),
    ("Dept", "Department"),
    ("est", "established"),
    ("Ave", "Avenue"),
    ("Blvd", "Boulevard"),
    ("Rd", "Road"),
    ("Ltd", "Limited"),
    ("Inc", "Incorporated"),
    ("Co", "Company"),
    ("Corp", "Corporation"),
    ("tel", "telephone"),
    ("Tel", "Telephone"),
    ("Mon", "Monday"),
    ("Tue", "Tuesday"),
    ("Wed", "Wednesday"),
    ("Thu", "Thursday"),
    ("Fri", "Friday"),
    ("Sat", "Saturday"),
    ("Sun", "Sunday"),
];

/// Short forms that need no full stop.
const SHORT: &[(&str, &str)] = &[
    ("vs", "versus"),
    ("Dr", "Doctor"),
    ("Mr", "Mister"),
    ("Mrs", "Mrs"),
    ("Ms", "Ms"),
    ("w/", "with"),
    ("w/o", "without"),
    ("24/7", "twenty-four seven"),
    ("and/or", "and or"),
    ("C++", "C plus plus"),
    ("C#", "C sharp"),
    ("F#", "F sharp"),
    ("->", "to"),
    ("=>", "to"),
    ("Wi-Fi", "Wi-Fi"),
    ("WiFi", "Wi-Fi"),
    ("kWh", "kilowatt hours"),
    ("km/h", "kilometers per hour"),
    ("°C", "degrees Celsius"),
    ("°F", "degrees Fahrenheit"),
    ("wifi", "Wi-Fi"),
    ("résumé", "rezoomay"),
];

/// Words after which a number of four digits is a year.
const BEFORE_A_YEAR: &[&str] = &[
    "in",
    "since",
    "from",
    "until",
    "till",
    "by",
    "before",
    "after",
    "during",
    "around",
    "circa",
    "year",
    "of",
    "early",
    "late",
    "mid",
    "summer",
    "winter",
    "spring",
    "autumn",
    "fall",
    "copyright",
    "©",
    "and",
    "to",
];

/// The longest word that is tried as a number, bytes.
const LONGEST_NUMBER: usize = 48;

/// What is said for `word`. Ends in U+0002 when the full stop behind it belongs to an abbreviation.
pub(super) fn word(word: Word, before: Option<Word>, after: Option<Word>, accent: Accent) -> String {
    let core = word.core;
    if core.is_empty() {
        return String::new();
    }
    if word.after.starts_with('.')
        && let Some(said) = abbreviation(word, after)
    {
        return format!("{said}\u{2}");
    }
    // "U.S." and "a.m.": the lexicon reads letters with points between them as letters.
    if core.len() > 2 && core.split('.').all(|letter| letter.len() == 1 && letter.is_ascii() && letter != "'")
    {
        let letters = core.chars().all(|c| c == '.' || c.is_ascii_alphabetic());
        if letters {
            let mark = if word.after.starts_with('.') { "\u{2}" } else { "" };
            return format!("{core}{mark}");
        }
    }
    if let Some((_, said)) = SHORT.iter().find(|(short, _)| *short == core) {
        return (*said).to_owned();
    }
    if core.chars().all(|c| c.is_ascii_alphabetic() || c == '\'') {
        return core.to_owned();
    }
    address(core, accent)
        .or_else(|| date(core, accent))
        .or_else(|| clock(core, false, accent))
        .or_else(|| version(core, accent))
        .or_else(|| money(core, None, accent).map(|(said, _)| said))
        .or_else(|| year_in_context(core, before, after, accent))
        .or_else(|| number(core, accent))
        .unwrap_or_else(|| spell(core, before, after, accent))
}

fn abbreviation(word: Word, after: Option<Word>) -> Option<&'static str> {
    let core = word.core;
    if core == "St" {
        // "St. Mary" is a saint, "Main St." a street.
        let name = after.is_some_and(|next| next.core.starts_with(|c: char| c.is_ascii_uppercase()));
        return Some(if name { "Saint" } else { "Street" });
    }
    let day = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "min", "max", "Co"].contains(&core);
    // A sentence may end with "max." or "sun."; within one they are short for something.
    if day && after.is_none_or(|next| core != "Co" && next.core.starts_with(|c: char| c.is_ascii_uppercase()))
    {
        return None;
    }
    ABBREVIATIONS.iter().find(|(short, _)| *short == core).map(|(_, said)| *said)
}

fn year_in_context(core: &str, before: Option<Word>, after: Option<Word>, accent: Accent) -> Option<String> {
    if core.len() != 4 {
        return None;
    }
    let number = core.parse::<u64>().ok().filter(|year| (1100..=2099).contains(year))?;
    let introduced =
        before.is_some_and(|before| BEFORE_A_YEAR.contains(&before.core.to_ascii_lowercase().as_str()));
    // "1999 pumps" counts pumps; "2024." and "the 2024 model" are years.
    let counts =
        after.is_some_and(|next| next.before.is_empty() && next.core.len() > 3 && next.core.ends_with('s'));
    let modern = (1900..=2099).contains(&number);
    (introduced || modern && !counts).then(|| year(number, accent))
}

/// Everything that begins with digits: numbers, percentages, ordinals, fractions, ranges, decades, units.
fn number(core: &str, accent: Accent) -> Option<String> {
    // The rules call each other on parts; no number is this long, and no text may exhaust the stack.
    if core.len() > LONGEST_NUMBER {
        return None;
    }
    if let Some(rest) = core.strip_prefix(['~', '≈']) {
        return Some(format!("about {}", number(rest, accent)?));
    }
    if let Some(rest) = core.strip_prefix('±') {
        return Some(format!("plus or minus {}", number(rest, accent)?));
    }
    if let Some(rest) = core.strip_prefix('#') {
        return Some(format!("number {}", parse(rest)?.words(accent)));
    }
    for (sign, words) in [
        ("<=", "at most"),
        (">=", "at least"),
        ("≤", "at most"),
        ("≥", "at least"),
        ("<", "less than"),
        (">", "more than"),
    ] {
        if let Some(rest) = core.strip_prefix(sign) {
            return Some(format!("{words} {}", number(rest, accent)?));
        }
    }
    if let Some(number) = parse(core) {
        return Some(number.words(accent));
    }
    vulgar(core, accent)
        .or_else(|| simple_fraction(core, accent))
        .or_else(|| range(core, accent))
        .or_else(|| dimension(core, accent))
        .or_else(|| suffixed(core, accent))
        .or_else(|| per(core, accent))
}

/// "½", "2½".
fn vulgar(core: &str, accent: Accent) -> Option<String> {
    const VULGAR: &[(char, u64, u64)] = &[
        ('½', 1, 2),
        ('¼', 1, 4),
        ('¾', 3, 4),
        ('⅓', 1, 3),
        ('⅔', 2, 3),
        ('⅛', 1, 8),
        ('⅜', 3, 8),
        ('⅝', 5, 8),
        ('⅞', 7, 8),
        ('⅕', 1, 5),
    ];
    let last = core.chars().last()?;
    let &(_, top, bottom) = VULGAR.iter().find(|(sign, ..)| *sign == last)?;
    let part = fraction(top, bottom, accent);
    match &core[..core.len() - last.len_utf8()] {
        "" => Some(part),
        whole => {
            let part = part.strip_prefix("one ").map_or(part.clone(), |rest| format!("a {rest}"));
            Some(format!("{} and {part}", parse(whole)?.words(accent)))
        }
    }
}

fn simple_fraction(core: &str, accent: Accent) -> Option<String> {
    let (top, bottom) = core.split_once('/')?;
    let (top, bottom) = (parse(top)?.integer()?, parse(bottom)?.integer()?);
    if (1..bottom).contains(&top) && bottom <= 100 {
        return Some(fraction(top, bottom, accent));
    }
    Some(format!("{} slash {}", cardinal(top, accent), cardinal(bottom, accent)))
}

/// "10-20", "5–10kg", "2019-2024".
fn range(core: &str, accent: Accent) -> Option<String> {
    let (low, high) = core.split_once(['–', '—']).or_else(|| {
        let (at, _) = core.char_indices().skip(1).find(|(_, c)| *c == '-')?;
        Some((&core[..at], &core[at + 1..]))
    })?;
    if let (Some(low), Some(high)) = (clock(low, false, accent), clock(high, false, accent)) {
        return Some(format!("{low} to {high}"));
    }
    let (first, rest) = number_and_rest(low)?;
    let years =
        |text: &str| text.len() == 4 && text.parse().is_ok_and(|year: u64| (1900..=2099).contains(&year));
    if years(low) && years(high) {
        let spoken = |text: &str| text.parse().map(|number| year(number, accent)).unwrap_or_default();
        return Some(format!("{} to {}", spoken(low), spoken(high)));
    }
    number_and_rest(high)?;
    let low = if rest.is_empty() { first.words(accent) } else { number(low, accent)? };
    Some(format!("{low} to {}", number(high, accent)?))
}

/// "10x20", "3×4 m".
fn dimension(core: &str, accent: Accent) -> Option<String> {
    let parts: Vec<&str> = core.split(['x', '×']).collect();
    match parts.as_slice() {
        [times, ""] => Some(format!("{} times", parse(times)?.words(accent))),
        [_, _] | [_, _, _] => {
            let said: Option<Vec<String>> = parts.iter().map(|part| number(part, accent)).collect();
            Some(said?.join(" by "))
        }
        _ => None,
    }
}

/// "1st", "1990s", "7pm", "5kg", "50%", "3k", "5-year".
fn suffixed(core: &str, accent: Accent) -> Option<String> {
    let (number, rest) = number_and_rest(core)?;
    let ordinal_end = ["st", "nd", "rd", "th"].contains(&rest.to_ascii_lowercase().as_str());
    if let Some(half) = half_of_day(rest) {
        return Some(format!("{} {half}", number.words(accent)));
    }
    match (number.integer(), rest) {
        (Some(value), _) if ordinal_end => Some(ordinal(value, accent)),
        (Some(value), "s" | "'s" | "’s")
            if (1000..3000).contains(&value) && value % 10 == 0 && !number.grouped =>
        {
            Some(plural(&year(value, accent)))
        }
        (Some(value), "s" | "'s" | "’s") if value % 10 == 0 && (20..100).contains(&value) => {
            Some(plural(&cardinal(value, accent)))
        }
        (_, rest) => match unit(rest, &number, true) {
            Some(unit) => Some(format!("{} {unit}", number.words(accent))),
            None if matches!(rest, "k" | "K") => Some(format!("{} thousand", number.words(accent))),
            None if rest == "M" => Some(format!("{} million", number.words(accent))),
            None => None,
        },
    }
}

/// "230V/50Hz".
fn per(core: &str, accent: Accent) -> Option<String> {
    let (left, right) = core.split_once('/')?;
    if !right.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    Some(format!("{}, {}", number(left, accent)?, number(right, accent)?))
}

/// The last resort: the word taken apart into letters, digits and symbols.
fn spell(core: &str, before: Option<Word>, after: Option<Word>, accent: Accent) -> String {
    if let Some(said) = lone_symbol(core, before, after) {
        return said;
    }
    let core = latin(core);
    let mut said: Vec<String> = Vec::new();
    let mut run = String::new();
    let mut after_digits = false;
    for c in core.chars().chain(['\0']) {
        let joins = run.chars().last().is_none_or(|last| c.is_ascii_digit() == last.is_ascii_digit());
        if (c.is_ascii_alphanumeric() || c == '\'') && joins {
            run.push(c);
            continue;
        }
        // "e-mail" and "follow-up" are one word; "X-200" is two.
        if c == '-' && run.chars().all(|c| c.is_ascii_alphabetic()) && !run.is_empty() {
            run.push(c);
            continue;
        }
        match (run.as_str(), said.last_mut()) {
            // "MP3s": several of them.
            ("s" | "'s", Some(last)) if after_digits && c == '\0' => *last = plural(last),
            _ => said.extend(spell_run(&run, accent)),
        }
        after_digits = run.ends_with(|c: char| c.is_ascii_digit());
        run.clear();
        match c {
            c if c.is_ascii_alphanumeric() || c == '\'' => run.push(c),
            ' ' | '_' | '|' | '*' | '\0' => {}
            ',' | ';' | ':' | '—' | '–' | '!' | '?' | '…' => said.push(",".into()),
            '.' => {}
            c => said.extend(symbol(c).filter(|word| !word.is_empty()).map(str::to_owned)),
        }
    }
    said.join(" ")
}

fn spell_run(run: &str, accent: Accent) -> Option<String> {
    let run = run.trim_matches('-');
    if run.is_empty() {
        return None;
    }
    if !run.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(run.to_owned());
    }
    let short = run.len() <= 3 && !run.starts_with('0') || run == "0";
    let round = run.len() == 4 && run.ends_with("00") && !run.starts_with('0');
    Some(match run.parse::<u64>() {
        Ok(number) if short => cardinal(number, accent),
        Ok(number) if round => year(number, accent),
        _ => digits(run),
    })
}

/// A symbol that stands alone between spaces.
fn lone_symbol(core: &str, before: Option<Word>, after: Option<Word>) -> Option<String> {
    let number =
        |word: Option<Word>| word.is_some_and(|word| word.core.starts_with(|c: char| c.is_ascii_digit()));
    let between_numbers = number(before) && number(after);
    match core {
        "*" | "x" | "×" if between_numbers => Some("times".into()),
        "-" | "−" if between_numbers => Some("minus".into()),
        "/" if between_numbers => Some("divided by".into()),
        "/" => Some("or".into()),
        // A heading or a list mark at the start of a line is markup.
        "#" | "+" | ">" if before.is_none() => Some(String::new()),
        _ => None,
    }
}
