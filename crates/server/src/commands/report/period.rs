//! Lengths of time as people write them.
use anyhow::{Context, Result};

/// Milliseconds of `90s`, `30m`, `24h` or `7d`.
pub fn millis(text: &str) -> Result<u64> {
    let expected = || format!("--since {text}: expected a number with s, m, h or d, e.g. 24h");
    let (digits, unit) =
        text.trim().split_at_checked(text.trim().len().saturating_sub(1)).with_context(expected)?;
    let unit_ms = match unit {
        "s" => 1_000_u64,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => anyhow::bail!(expected()),
    };
    let number: u64 = digits.parse().ok().with_context(expected)?;
    number.checked_mul(unit_ms).filter(|millis| *millis > 0).with_context(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_a_number_with_a_unit() {
        assert_eq!(millis("90s").unwrap(), 90_000);
        assert_eq!(millis("7d").unwrap(), 604_800_000);
        for bad in ["", "h", "24", "-1h", "1.5h", "0h", "24hours", "99999999999999999999d", "1é"] {
            assert!(millis(bad).unwrap_err().to_string().contains("e.g. 24h"), "{bad}");
        }
    }
}
