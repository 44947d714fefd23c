//! Web addresses, e-mail addresses, telephone numbers and version numbers as words. Pure.
use std::sync::LazyLock;

use regex::Regex;

use super::{
    Accent,
    numbers::{cardinal, digits},
};

static EMAIL: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:mailto:)?([A-Za-z0-9._%+-]+)@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)$"));
static LINK: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(?i:https?|ftp|file)://(\S+)$"));
static SITE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:www\.\S+|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.(?:com|org|net|io|dev|ai|app|edu|gov|info|eu|uk|de|fr|co|us|rs|local)(?:[:/?#]\S*)?)$",
    )
});
static PHONE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^(?:(?:\+?\d{1,3}[-. ])?\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}|\d{3}-\d{4}|\+\d{1,3}(?:[-. ]?\(?\d{1,5}\)?){2,6}|0\d{2,5}[-/ ]\d{3,9}|\d-\d{3}-\d{3}-\d{4})$",
    )
});
static VERSION: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"^([vV]?)(\d+(?:\.\d+){2,}|\d+(?:\.\d+)+)(?:[-+]?(alpha|beta|rc|dev)\.?(\d*))?$")
});

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("the pattern is a constant")
}

/// A web or e-mail address: "example dot com slash help", "bob at acme dot com".
pub fn address(text: &str, accent: Accent) -> Option<String> {
    if let Some(parts) = EMAIL.captures(text) {
        return Some(format!("{} at {}", spell_path(&parts[1], accent), spell_path(&parts[2], accent)));
    }
    let rest = match LINK.captures(text) {
        Some(link) => link.get(1).map(|rest| rest.as_str().to_owned())?,
        None if SITE.is_match(text) => text.to_owned(),
        None => return None,
    };
    let rest = rest.strip_prefix("www.").unwrap_or(&rest);
    Some(spell_path(rest.trim_end_matches('/'), accent))
}

fn spell_path(path: &str, accent: Accent) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut run = String::new();
    for c in path.chars().chain(['\0']) {
        let joins = run.chars().last().is_none_or(|last| c.is_ascii_digit() == last.is_ascii_digit());
        if c.is_alphanumeric() && joins {
            run.push(c);
            continue;
        }
        if !run.is_empty() {
            words.push(spell_run(&run, accent));
            run.clear();
        }
        match c {
            '.' => words.push("dot".into()),
            '/' => words.push("slash".into()),
            '-' => words.push("dash".into()),
            '_' => words.push("underscore".into()),
            ':' => words.push("colon".into()),
            '@' => words.push("at".into()),
            '?' => words.push("question mark".into()),
            '=' => words.push("equals".into()),
            '&' => words.push("and".into()),
            '#' => words.push("hash".into()),
            '%' => words.push("percent".into()),
            '+' => words.push("plus".into()),
            '~' => words.push("tilde".into()),
            c if c.is_alphanumeric() => run.push(c),
            _ => {}
        }
    }
    words.join(" ")
}

fn spell_run(run: &str, accent: Accent) -> String {
    match run.parse::<u64>() {
        Ok(number) if run.len() <= 3 && !run.starts_with('0') => cardinal(number, accent),
        Ok(_) => digits(run),
        Err(_) => run.to_owned(),
    }
}

/// A telephone number digit by digit, groups parted by commas.
pub fn phone(text: &str) -> Option<String> {
    let count = text.chars().filter(char::is_ascii_digit).count();
    if !PHONE.is_match(text) || !(7..=15).contains(&count) {
        return None;
    }
    let groups: Vec<String> =
        text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).map(digits).collect();
    let plus = if text.starts_with('+') { "plus " } else { "" };
    Some(format!("{plus}{}", groups.join(", ")))
}

/// "v1.2" or "1.2.3" or "2.0.0-rc.15"; a plain decimal is none. Also network addresses ("192.168.0.1").
pub fn version(text: &str, accent: Accent) -> Option<String> {
    let parts = VERSION.captures(text)?;
    let dots = parts[2].matches('.').count();
    let marked = !parts[1].is_empty() || parts.get(3).is_some();
    if dots < 2 && !marked {
        return None;
    }
    let join = if dots == 3 && !marked { " dot " } else { " point " };
    let groups: Vec<String> = parts[2].split('.').map(|group| spell_run(group, accent)).collect();
    let mut words = groups.join(join);
    if !parts[1].is_empty() {
        words.insert_str(0, "version ");
    }
    if let Some(stage) = parts.get(3) {
        let stage = if stage.as_str() == "rc" { "RC" } else { stage.as_str() };
        words.push_str(&format!(" {stage} {}", spell_run(&parts[4], accent)));
    }
    Some(words.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_aloud() {
        let cases = [
            ("https://example.com/help", "example dot com slash help"),
            ("www.acme.co.uk", "acme dot co dot uk"),
            ("bob@acme.com", "bob at acme dot com"),
            ("docs.rs/ort", "docs dot rs slash ort"),
            (
                "http://localhost:8080/a_b?x=1",
                "localhost colon eight zero eight zero slash a underscore b question mark x equals one",
            ),
            ("first.last@my-site.org", "first dot last at my dash site dot org"),
        ];
        for (written, spoken) in cases {
            assert_eq!(address(written, Accent::American).as_deref(), Some(spoken), "{written}");
        }
        for plain in ["e.g", "U.S", "3.5", "word", "a@b", "and/or"] {
            assert_eq!(address(plain, Accent::American), None, "{plain}");
        }
    }

    #[test]
    fn telephone_numbers_are_read_digit_by_digit() {
        let spoken = "one, eight zero zero, five five five, zero one nine nine";
        assert_eq!(phone("1-800-555-0199").as_deref(), Some(spoken));
        assert_eq!(phone("555-0199").as_deref(), Some("five five five, zero one nine nine"));
        assert_eq!(
            phone("(555) 123-4567").as_deref(),
            Some("five five five, one two three, four five six seven")
        );
        assert_eq!(
            phone("+49 30 1234567").as_deref(),
            Some("plus four nine, three zero, one two three four five six seven")
        );
        for other in ["10-20", "2024-05-01", "1,000", "12345678"] {
            assert_eq!(phone(other), None, "{other}");
        }
    }

    #[test]
    fn versions_are_read_by_their_parts() {
        let cases = [
            ("v1.2", "version one point two"),
            ("1.12.3", "one point twelve point three"),
            ("2.0.0-rc.15", "two point zero point zero RC fifteen"),
            ("192.168.0.1", "one hundred ninety-two dot one hundred sixty-eight dot zero dot one"),
        ];
        for (written, spoken) in cases {
            assert_eq!(version(written, Accent::American).as_deref(), Some(spoken), "{written}");
        }
        assert_eq!(version("3.5", Accent::American), None);
    }
}
