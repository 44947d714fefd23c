//! What of an answer is shown beside its words: links whose address is known, code, tables, and the passages that it
//! rests on. Pure; nothing is fetched.
mod address;
mod citations;
mod links;

use voce_core::{Part, Passage};

use crate::sentences::{Aside, site_name};
use citations::Citations;
use links::Links;

/// How much of an answer is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Blocks of code.
    pub code_blocks: u64,
    /// Links.
    pub links: u64,
    /// Links whose address is known from nowhere.
    pub links_refused: u64,
    /// Tables.
    pub tables: u64,
    /// Passages.
    pub citations: u64,
}

/// Decides what is shown of one answer.
#[derive(Debug)]
pub struct Shown {
    passages: Vec<Passage>,
    links: Links,
    citations: Citations,
    counts: Counts,
}

impl Shown {
    /// For an answer from `passages`. Links may also lead to the hosts of `allowed`.
    pub fn new(passages: Vec<Passage>, allowed: &[String]) -> Self {
        let links = Links::new(&passages, allowed);
        Self { passages, links, citations: Citations::default(), counts: Counts::default() }
    }

    /// What is shown for `aside`.
    pub fn aside(&mut self, aside: Aside) -> Vec<Part> {
        match aside {
            Aside::Code { language, text } => {
                self.counts.code_blocks += 1;
                vec![Part::Code { language, text }]
            }
            Aside::Table { header, rows } => {
                self.counts.tables += 1;
                vec![Part::Table { header, rows }]
            }
            Aside::Link { text, url } => match self.links.checked(&url) {
                links::Checked::Known(url) => {
                    self.counts.links += 1;
                    let text = if text.trim().is_empty() { site_name(&url).to_owned() } else { text };
                    vec![Part::Link { text, url }]
                }
                links::Checked::Again => vec![],
                links::Checked::Refused => {
                    self.counts.links_refused += 1;
                    vec![]
                }
            },
            Aside::Citation { numbers } => {
                let places = self.citations.marked(&numbers, self.passages.len());
                self.cited(&places)
            }
        }
    }

    /// Takes a line that is spoken: it may repeat a passage.
    pub fn line(&mut self, text: &str, ends_sentence: bool) {
        self.citations.line(text, ends_sentence);
    }

    /// What is shown when the answer is over: the passages that it rests on, if it marked none itself.
    pub fn finish(&mut self) -> Vec<Part> {
        let places = self.citations.unmarked(&self.passages);
        self.cited(&places)
    }

    /// What was shown so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn cited(&mut self, places: &[usize]) -> Vec<Part> {
        self.counts.citations += places.len() as u64;
        let passages = places.iter().filter_map(|&place| self.passages.get(place).cloned());
        passages.map(|passage| Part::Citation { passage }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_shown_once_and_counted() {
        let passage = |text: &str, source: &str| Passage {
            text: text.into(),
            source: source.into(),
            ..Passage::default()
        };
        let passages =
            vec![passage("See https://shop.org/pump.", "manual.md"), passage("Two.", "https://a.org/b")];
        let mut shown = Shown::new(passages.clone(), &[]);
        let link = |url: &str| Aside::Link { text: String::new(), url: url.into() };
        assert_eq!(
            shown.aside(link("https://shop.org/pump")),
            [Part::Link { text: "shop.org".into(), url: "https://shop.org/pump".into() }]
        );
        assert!(shown.aside(link("http://www.shop.org/pump/")).is_empty(), "the same again");
        assert!(shown.aside(link("https://evil.org/pump")).is_empty());
        assert_eq!(shown.aside(link("a.org/b")).len(), 1);
        assert_eq!(
            shown.aside(Aside::Citation { numbers: vec![2, 7, 2] }),
            [Part::Citation { passage: passages[1].clone() }]
        );
        assert!(shown.aside(Aside::Citation { numbers: vec![2] }).is_empty());
        assert!(shown.finish().is_empty());
        let counts = Counts { links: 2, links_refused: 1, citations: 1, ..Counts::default() };
        assert_eq!(shown.counts(), counts);
    }
}
