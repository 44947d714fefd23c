//! Names that somebody who mistyped one may have meant.

/// Names at most.
const SHOWN: usize = 3;

/// Those of `there` that hold `wanted`, end alike, or differ by few letters; the nearest first.
pub fn names(wanted: &str, there: &[String]) -> Vec<String> {
    let lower = wanted.to_lowercase();
    let mut near: Vec<(usize, &String)> = there
        .iter()
        .filter_map(|name| {
            let other = name.to_lowercase();
            let distance = distance(&lower, &other).min(distance(last(&lower), last(&other)) + 1);
            let holds = other.contains(lower.as_str()) || lower.contains(other.as_str());
            let is_near = holds || distance <= 1 + last(&lower).chars().count() / 4;
            is_near.then_some((distance, name))
        })
        .collect();
    near.sort();
    near.into_iter().take(SHOWN).map(|(_, name)| name.clone()).collect()
}

/// The last part of a path.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// Letters to put in, take out or exchange between the two.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, letter) in one.chars().enumerate() {
        let mut corner = row[0];
        row[0] = above + 1;
        for (place, against) in other.iter().enumerate() {
            let exchanged = corner + usize::from(letter != *against);
            corner = row[place + 1];
            row[place + 1] = exchanged.min(corner + 1).min(row[place] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_come_first_and_far_ones_not_at_all() {
        let there: Vec<String> =
            ["docs/pump.md", "docs/pumps.md", "docs/returns.md", "https://example.org/faq"]
                .map(Into::into)
                .into();
        assert_eq!(names("pump.md", &there), ["docs/pump.md", "docs/pumps.md"]);
        assert_eq!(names("docs/retruns.md", &there), ["docs/returns.md"]);
        assert_eq!(names("example.org", &there), ["https://example.org/faq"]);
        assert!(names("something-else.pdf", &there).is_empty());
        assert_eq!((distance("", "abc"), distance("kitten", "sitting"), distance("a", "a")), (3, 3, 0));
    }
}
