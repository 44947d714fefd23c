//! Dates and times of day as words. Pure; the caller decides that something is one.
use super::{
    Accent,
    numbers::{cardinal, ordinal, year},
};

const MONTHS: [(&str, &str); 12] = [
    ("January", "Jan"),
    ("February", "Feb"),
    ("March", "Mar"),
    ("April", "Apr"),
    ("May", "May"),
    ("June", "Jun"),
    ("July", "Jul"),
    ("August", "Aug"),
    ("September", "Sep"),
    ("October", "Oct"),
    ("November", "Nov"),
    ("December", "Dec"),
];

/// The month named by `word`, in full or by its first three letters (or "Sept").
pub fn month(word: &str) -> Option<&'static str> {
    let found = MONTHS.iter().find(|(full, short)| *full == word || *short == word);
    found.map(|(full, _)| *full).or_else(|| (word == "Sept").then_some("September"))
}

/// The day of the month in `word`: "1", "1st", "31".
pub fn day(word: &str) -> Option<u64> {
    let digits = ["st", "nd", "rd", "th"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
    short_number(digits).filter(|day| (1..=31).contains(day))
}

/// "2024-05-01" and "3/4/2025" (month first for an American voice, day first for a British one).
pub fn date(text: &str, accent: Accent) -> Option<String> {
    let parts: Vec<&str> = text.split(['-', '/', '.']).collect();
    let &[first, second, third] = parts.as_slice() else { return None };
    let separator = text.chars().find(|c| !c.is_ascii_digit())?;
    if text.chars().filter(|c| *c == separator).count() != 2 {
        return None;
    }
    let (a, b, c) = (short_number(first)?, short_number(second)?, short_number(third)?);
    let (year, month, day) = match separator {
        '-' | '/' if first.len() == 4 => (a, b, c),
        '/' if third.len() == 4 || third.len() == 2 => {
            let year = if third.len() == 2 { 2000 + c } else { c };
            let american = accent == Accent::American;
            match if american { (a, b) } else { (b, a) } {
                (month, day) if month <= 12 => (year, month, day),
                (day, month) => (year, month, day),
            }
        }
        // Dots are the continental order, day first.
        '.' if third.len() == 4 => (c, b, a),
        _ => return None,
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(1000..=2999).contains(&year) {
        return None;
    }
    Some(spoken_date(MONTHS[month as usize - 1].0, Some(day), Some(year), accent))
}

/// "May first, twenty twenty-four".
pub fn spoken_date(month: &str, day: Option<u64>, of_year: Option<u64>, accent: Accent) -> String {
    let mut words = match (day, accent) {
        (None, _) => month.to_owned(),
        (Some(day), Accent::American) => format!("{month} {}", ordinal(day, accent)),
        (Some(day), Accent::British) => format!("the {} of {month}", ordinal(day, accent)),
    };
    if let Some(number) = of_year {
        words.push_str(if day.is_some() { ", " } else { " " });
        words.push_str(&year(number, accent));
    }
    words
}

/// "10:30" as "ten thirty", "18:05" as "eighteen oh five", "7:00" as "seven o'clock", "00:15" as "zero
/// fifteen". `half`: whether "a.m." or "p.m." follows, so that nobody says "seven o'clock p m".
pub fn clock(text: &str, half: bool, accent: Accent) -> Option<String> {
    let mut parts = text.split(':');
    let (hours, minutes) = (parts.next()?, parts.next()?);
    let seconds = parts.next();
    let right = parts.next().is_none()
        && (1..=2).contains(&hours.len())
        && minutes.len() == 2
        && seconds.is_none_or(|seconds| seconds.len() == 2);
    let (hour, minute) = (short_number(hours)?, short_number(minutes)?);
    if !right || hour > 24 || minute > 59 {
        return None;
    }
    let hour_words = cardinal(hour, accent);
    let words = match minute {
        0 if half => hour_words,
        0 if (1..=12).contains(&hour) => format!("{hour_words} o'clock"),
        0 => format!("{hour_words} hundred"),
        1..=9 => format!("{hour_words} oh {}", cardinal(minute, accent)),
        _ => format!("{hour_words} {}", cardinal(minute, accent)),
    };
    match seconds {
        None => Some(words),
        Some(seconds) => {
            let seconds = short_number(seconds).filter(|seconds| *seconds <= 59)?;
            Some(format!("{words} and {} seconds", cardinal(seconds, accent)))
        }
    }
}

/// "a.m." in any writing, as two letters. The point between them tells the lexicon that they are letters.
pub fn half_of_day(word: &str) -> Option<&'static str> {
    match word.to_ascii_lowercase().as_str() {
        "am" | "a.m" | "a.m." => Some("A.M"),
        "pm" | "p.m" | "p.m." => Some("P.M"),
        _ => None,
    }
}

fn short_number(digits: &str) -> Option<u64> {
    let short = (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if short { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_the_order_of_the_accent() {
        let american = [
            ("2024-05-01", "May first, twenty twenty-four"),
            ("3/4/2025", "March fourth, twenty twenty-five"),
            ("12/31/99", "December thirty-first, twenty ninety-nine"),
            ("25/12/2024", "December twenty-fifth, twenty twenty-four"),
            ("24.12.2024", "December twenty-fourth, twenty twenty-four"),
        ];
        for (written, spoken) in american {
            assert_eq!(date(written, Accent::American).as_deref(), Some(spoken), "{written}");
        }
        let british = date("3/4/2025", Accent::British);
        assert_eq!(british.as_deref(), Some("the third of April, twenty twenty-five"));
        for no_date in ["1/2", "1.2.3", "2024-13-01", "99/99/2024", "1-2-3", "3/4-2025"] {
            assert_eq!(date(no_date, Accent::American), None, "{no_date}");
        }
    }

    #[test]
    fn times_of_day_are_read_as_clocks_are() {
        let cases = [
            ("10:30", "ten thirty"),
            ("18:05", "eighteen oh five"),
            ("7:00", "seven o'clock"),
            ("18:00", "eighteen hundred"),
            ("10:30:15", "ten thirty and fifteen seconds"),
        ];
        for (written, spoken) in cases {
            assert_eq!(clock(written, false, Accent::American).as_deref(), Some(spoken), "{written}");
        }
        assert_eq!(clock("7:00", true, Accent::American).as_deref(), Some("seven"));
        assert_eq!(clock("10:75", false, Accent::American), None);
        assert_eq!(clock("16:9", false, Accent::American), None);
        assert_eq!(half_of_day("p.m."), Some("P.M"));
    }
}
