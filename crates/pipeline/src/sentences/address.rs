//! Addresses that stand bare in the text: said as the site's name, shown as a link.
use super::inline::{Context, Found};

/// Characters after which an address is taken as it is.
const LONGEST_ADDRESS: usize = 2_000;
const BEGINNINGS: [&str; 3] = ["https://", "http://", "www."];

/// The address that `text` begins with; `Wait` while it may become one, nothing if it is none.
pub fn bare(text: &str, context: &Context, is_end: bool) -> Option<Found> {
    if context.before().is_alphanumeric() || context.in_address() {
        return None;
    }
    let begins = |beginning: &&&str| {
        let common = text.len().min(beginning.len());
        text.get(..common).is_some_and(|start| start.eq_ignore_ascii_case(&beginning[..common]))
    };
    let beginning = BEGINNINGS.iter().find(begins)?;
    if text.len() < beginning.len() {
        return (!is_end).then_some(Found::Wait);
    }
    let ends = |c: char| c.is_whitespace() || c.is_control() || "<>\"|`\\^{}【】「」".contains(c);
    let end = match text.find(ends) {
        Some(end) => end,
        None if is_end || text.len() > LONGEST_ADDRESS => text.len(),
        None => return Some(Found::Wait),
    };
    let address = without_trailing_marks(&text[..end]);
    let name = site_name(address);
    if !name.contains(|c: char| c.is_alphanumeric()) {
        return None;
    }
    let url = if beginning.ends_with('/') { address.to_owned() } else { format!("https://{address}") };
    Some(Found::Link { length: address.len(), text: name.to_owned(), url, is_spoken: true })
}

/// What belongs to the sentence around the address and not to it.
fn without_trailing_marks(address: &str) -> &str {
    let mut rest = address;
    loop {
        let before = rest.len();
        rest = rest.trim_end_matches(|c: char| ".,;:!?'*_~…”’»。，".contains(c));
        for (open, close) in [('(', ')'), ('[', ']')] {
            let more = rest.matches(close).count() > rest.matches(open).count();
            if more && let Some(shorter) = rest.strip_suffix(close) {
                rest = shorter;
            }
        }
        if rest.len() == before {
            return rest;
        }
    }
}

/// `example.com` of `https://www.example.com/help?page=2`: what a person would call it.
pub fn site_name(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
    match host.get(..4) {
        Some(www) if www.eq_ignore_ascii_case("www.") => &host[4..],
        _ => host,
    }
}
