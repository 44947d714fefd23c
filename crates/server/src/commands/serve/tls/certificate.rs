//! The one thing of a certificate that an operator has to know beforehand: when it ends. X.509 is read as far as that
//! stands in it, RFC 5280, 4.1.

/// Seconds since 1970 at which the certificate ends; none where it is none.
pub fn end(der: &[u8]) -> Option<i64> {
    let (_, certificate, _) = element(der)?;
    let (_, to_be_signed, _) = element(certificate)?;
    let (tag, _, mut rest) = element(to_be_signed)?;
    // The version is the only part that may be missing in front of the serial number.
    let before = if tag == VERSION { 3 } else { 2 };
    // Serial number, signature, issuer.
    for _ in 0..before {
        (_, _, rest) = element(rest)?;
    }
    let (tag, validity, _) = element(rest)?;
    if tag != SEQUENCE {
        return None;
    }
    let (_, _, end) = element(validity)?;
    let (tag, time, _) = element(end)?;
    moment(tag, std::str::from_utf8(time).ok()?)
}

/// `2026-11-26` of seconds since 1970.
pub fn date(seconds: i64) -> String {
    let since = std::time::Duration::from_secs(seconds.max(0).unsigned_abs());
    voce_transport::utc(std::time::UNIX_EPOCH + since)[..10].to_owned()
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Tag and content of the first element, and what stands behind it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // Longer than four bytes no certificate is.
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn moment(tag: u8, text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year: i64 = digits[..2].parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let part = |place: usize| rest[place..place + 2].parse::<i64>().ok();
    let (month, day) = (part(0)?, part(2)?);
    Some(days(year, month, day) * 86_400 + part(4)? * 3_600 + part(6)? * 60 + part(8)?)
}

/// Days since 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_time_are_read() {
        assert_eq!(moment(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(moment(UTC_TIME, "210101000000Z"), Some(1_609_459_200));
        assert_eq!(moment(GENERALIZED_TIME, "20000229235959Z"), Some(951_868_799));
        for nonsense in ["", "Z", "2101010000Z", "21010100000aZ", "210101000000"] {
            assert_eq!(moment(UTC_TIME, nonsense), None, "{nonsense}");
        }
        assert_eq!(date(1_609_459_200), "2021-01-01");
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        for nonsense in [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x02\x30\x00", &[0x30; 64]] {
            assert_eq!(end(nonsense), None);
        }
    }
}
