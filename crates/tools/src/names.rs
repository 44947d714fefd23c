//! Names of tools: what OpenAI's interface takes, each one once.

/// The longest that servers of language models take.
pub const LONGEST: usize = 64;

/// Whether a name can be used as it is.
pub fn is_valid(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST && name.chars().all(is_plain)
}

/// `prefix` and `name` with `_` for what cannot stand in a name, cut, and changed where `taken` has it already.
pub fn unique(prefix: &str, name: &str, taken: impl Fn(&str) -> bool) -> String {
    let plain = |one: char| if is_plain(one) { one } else { '_' };
    let full: String = prefix.chars().chain(name.chars()).map(plain).take(LONGEST).collect();
    let full = if full.is_empty() { "tool".to_owned() } else { full };
    if !taken(&full) {
        return full;
    }
    // There are never as many tools as numbers.
    (2_u32..)
        .map(|number| {
            let end = format!("_{number}");
            let begin = full.get(..LONGEST.saturating_sub(end.len()).min(full.len())).unwrap_or_default();
            format!("{begin}{end}")
        })
        .find(|other| !taken(other))
        .unwrap_or(full)
}

fn is_plain(one: char) -> bool {
    one.is_ascii_alphanumeric() || one == '_' || one == '-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_valid_and_different() {
        let mut taken: Vec<String> = vec![];
        let long = "x".repeat(100);
        for name in ["get time", "get.time", "get_time", "", "größe", &long, &long] {
            let own = unique("shop_", name, |other| taken.iter().any(|one| one == other));
            assert!(is_valid(&own), "{own}");
            assert!(!taken.contains(&own), "{own}");
            taken.push(own);
        }
        assert_eq!(taken[..3], ["shop_get_time", "shop_get_time_2", "shop_get_time_3"]);
        assert!(taken[6].ends_with("x_2"));
        assert_eq!(unique("", "", |_| false), "tool");
    }
}
