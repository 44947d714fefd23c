//! Times and lengths of time as protobuf's JSON writes them.

/// Milliseconds since 1970 of a time such as `2026-11-24T17:35:46.123Z`; `None` for anything else.
pub(crate) fn millis(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let mut time = time.splitn(3, ':');
    let (hour, minute) = (time.next()?.parse::<u64>().ok()?, time.next()?.parse::<u64>().ok()?);
    let seconds = time.next()?.parse::<f64>().ok()?;
    let fits = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60;
    if !fits || !(0.0..=61.0).contains(&seconds) {
        return None;
    }
    let days = u64::try_from(days_since_1970(year, month, day)).ok()?;
    let whole = (days * 86_400 + hour * 3_600 + minute * 60) * 1_000;
    Some(whole + (seconds * 1_000.0).round() as u64)
}

/// Seconds of a length such as `1.234s`.
pub(crate) fn seconds(text: &str) -> Option<f64> {
    text.strip_suffix('s')?.parse().ok()
}

/// Years are counted from March, so that the leap day is the last of its year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_milliseconds_since_1970() {
        assert_eq!(millis("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(millis("2000-02-29T12:00:00.5Z"), Some(951_825_600_500));
        assert_eq!(millis("2026-11-24T17:35:46.123Z"), Some(1_795_541_746_123));
        for bad in ["", "yesterday", "2026-11-24", "2026-13-01T00:00:00Z", "2026-11-24T25:00:00Z"] {
            assert_eq!(millis(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_length_ends_with_s() {
        assert_eq!(seconds("1.5s"), Some(1.5));
        assert_eq!(seconds("1.5"), None);
    }
}
