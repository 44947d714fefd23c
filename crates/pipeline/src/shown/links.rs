//! Whether a link is shown: only where its address stands in a source or its host on the list of allowed ones.
//! A model invents addresses, and a document may want callers to be sent somewhere.
use voce_core::Passage;

use super::address::Address;

/// What is known of addresses, for one answer.
#[derive(Debug)]
pub struct Links {
    known: Vec<Address>,
    allowed: Vec<String>,
    shown: Vec<Address>,
}

/// What became of a link.
#[derive(Debug, PartialEq, Eq)]
pub enum Checked {
    /// It is shown, under this address.
    Known(String),
    /// It was shown before.
    Again,
    /// It is not shown.
    Refused,
}

impl Links {
    /// Addresses in the texts and names of `passages`, and hosts: `example.com`, or `*.example.com` for all below it.
    pub fn new(passages: &[Passage], allowed: &[String]) -> Self {
        let known = passages
            .iter()
            .flat_map(|passage| addresses(&passage.text).chain(Address::read(&passage.source)));
        let allowed = allowed.iter().map(|host| host.trim().to_ascii_lowercase()).collect();
        Self { known: known.collect(), allowed, shown: Vec::new() }
    }

    /// Looks at one link of the answer.
    pub fn checked(&mut self, url: &str) -> Checked {
        let Some(address) = Address::read(url) else { return Checked::Refused };
        if self.shown.iter().any(|shown| shown.is(&address)) {
            return Checked::Again;
        }
        if !self.known.iter().any(|known| known.is(&address)) && !self.allows(&address) {
            return Checked::Refused;
        }
        let url = address.url.clone();
        self.shown.push(address);
        Checked::Known(url)
    }

    fn allows(&self, address: &Address) -> bool {
        address.port.is_none()
            && self.allowed.iter().any(|allowed| match allowed.strip_prefix("*.") {
                Some(above) => address.host.strip_suffix(above).is_some_and(|below| below.ends_with('.')),
                None => allowed.strip_prefix("www.").unwrap_or(allowed) == address.host,
            })
    }
}

/// All addresses that stand in `text`, also those without a scheme.
fn addresses(text: &str) -> impl Iterator<Item = Address> {
    let splits = |c: char| c.is_whitespace() || "<>\"'`|()[]{}“”„»«".contains(c);
    text.split(splits)
        .map(|word| word.trim_matches(|c: char| ".,;:!?*_…".contains(c)))
        .filter(|word| word.contains('.'))
        .filter_map(Address::read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(text: &str, allowed: &[&str]) -> Links {
        let passage =
            Passage { text: text.into(), source: "docs.org/manual.html".into(), ..Passage::default() };
        Links::new(&[passage], &allowed.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_link_is_shown_only_if_a_source_holds_it() {
        let text =
            "Order at [our shop](https://shop.org/pump?size=2), or see www.help.org/faq. Mail a@b.org.";
        let mut links = links(text, &[]);
        for shown in ["https://shop.org/pump?size=2", "https://help.org/faq", "https://docs.org/manual.html"]
        {
            assert!(matches!(links.checked(shown), Checked::Known(_)), "{shown}");
        }
        for refused in
            ["https://shop.org/", "https://shop.org/pump?size=3", "https://b.org", "javascript:alert(1)"]
        {
            assert_eq!(links.checked(refused), Checked::Refused, "{refused}");
        }
        assert_eq!(links.checked("http://www.help.org/faq/"), Checked::Again);
    }

    #[test]
    fn hosts_may_be_allowed_with_or_without_what_is_below_them() {
        let mut links = links("", &["example.com", "*.example.org"]);
        for shown in ["https://example.com/x", "https://www.example.com/y", "https://a.b.example.org/"] {
            assert!(matches!(links.checked(shown), Checked::Known(_)), "{shown}");
        }
        for refused in [
            "https://a.example.com/",
            "https://example.org/",
            "https://badexample.org/",
            "https://example.com.evil.net/",
            "https://example.com:8080/",
            "https://evil.net/?https://example.com/",
            "https://evil.net/example.com",
        ] {
            assert_eq!(links.checked(refused), Checked::Refused, "{refused}");
        }
    }
}
