//! Web addresses, compared as a browser would understand them and refused where a person might not.

/// The address of a page, in the form in which two are compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// In small letters, without `www.`.
    pub host: String,
    /// None for the scheme's own.
    pub port: Option<u16>,
    /// Path and query, without a slash at the end and without a fragment.
    pub rest: String,
    /// As it is shown and opened.
    pub url: String,
}

impl Address {
    /// Reads what a model or a document wrote; `https` is meant where no scheme stands. None for anything but a plain
    /// web address: other schemes, credentials, hosts in other letters than these (`xn--` too, which hides them),
    /// numbers in the place of a name.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.contains(|c: char| c.is_whitespace() || c.is_control() || "\\<>\"`{}|^".contains(c)) {
            return None;
        }
        let (scheme, behind) = match text.split_once("://") {
            Some((scheme, behind)) if scheme.eq_ignore_ascii_case("https") => ("https", behind),
            Some((scheme, behind)) if scheme.eq_ignore_ascii_case("http") => ("http", behind),
            // The address of another page in a query is no scheme.
            Some((before, _)) if !before.contains(['/', '?', '#']) => return None,
            _ => ("https", text),
        };
        let end = behind.find(['/', '?', '#']).unwrap_or(behind.len());
        let (authority, rest) = behind.split_at(end);
        let (name, port) = match authority.split_once(':') {
            Some((name, port)) => (name, Some(port.parse::<u16>().ok()?)),
            None => (authority, None),
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        if !is_host(&name) {
            return None;
        }
        let usual = if scheme == "https" { 443 } else { 80 };
        let port = port.filter(|&port| port != usual);
        let host = name.strip_prefix("www.").unwrap_or(&name).to_owned();
        let compared = rest.split('#').next().unwrap_or_default();
        let compared = compared.strip_suffix('/').unwrap_or(compared).to_owned();
        let shown_port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let url = format!("{scheme}://{name}{shown_port}{rest}");
        Some(Self { host, port, rest: compared, url })
    }

    /// Whether both lead to the same page.
    pub fn is(&self, other: &Self) -> bool {
        (&self.host, self.port, &self.rest) == (&other.host, other.port, &other.rest)
    }
}

/// Letters, digits and hyphens in at least two parts, the last of letters.
fn is_host(name: &str) -> bool {
    let part = |part: &str| {
        let plain = part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (1..=63).contains(&part.len()) && plain && !part.starts_with(['-']) && !part.starts_with("xn--")
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253
        && name.contains('.')
        && name.split('.').all(part)
        && last.len() >= 2
        && last.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn the_same_page_is_the_same_however_it_is_written() {
        let page = Address::read("https://example.com/help").unwrap();
        for same in [
            "http://example.com/help",
            "HTTPS://WWW.Example.COM/help/",
            "example.com/help",
            "https://example.com:443/help#top",
            "  https://example.com./help ",
        ] {
            assert!(Address::read(same).unwrap().is(&page), "{same}");
        }
        for other in [
            "https://example.com/Help",
            "https://example.com/help?x=1",
            "https://example.com:8443/help",
            "https://example.com.evil.org/help",
            "https://help.example.com/help",
        ] {
            assert!(!Address::read(other).unwrap().is(&page), "{other}");
        }
        assert!(Address::read("https://example.com/").unwrap().is(&Address::read("example.com").unwrap()));
    }

    #[test]
    fn what_may_deceive_is_no_address() {
        for refused in [
            "",
            "manual.",
            "javascript:alert(1)",
            "javascript://example.com/%0aalert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "ftp://example.com",
            "mailto:a@example.com",
            "https://user:secret@example.com/",
            "https://example.com@evil.org/",
            "https://xn--exmple-cua.com/",
            "https://sub.xn--80ak6aa92e.com/",
            "https://exаmple.com/",
            "https://example.com\\@evil.org/",
            "https://example.com/a b",
            "https://exam\nple.com/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://localhost/",
            "https://example.com:99999/",
            "https://-a.com/",
            "https://a..com/",
            "//example.com",
        ] {
            assert_eq!(Address::read(refused), None, "{refused:?}");
        }
    }
}
