//! Facts that are expected of answers: words, patterns, documents, tools. Pure.
use voce_core::{ToolOutcome, TurnReport};

use crate::{ToolUse, check::Place, fields::Pattern};

/// What is expected of answers and their sources.
pub struct Facts<'a> {
    pub contains: &'a [String],
    pub contains_any: &'a [String],
    pub matches: &'a [Pattern],
    pub lacks: &'a [String],
    pub sources: &'a [String],
    pub tools: &'a [String],
}

impl Facts<'_> {
    /// Looks for them in the answers of these turns, and in what was called for them.
    pub fn check(&self, place: &mut Place, turns: &[TurnReport], tools: &[ToolUse]) {
        let heard = turns.iter().map(|turn| turn.heard.as_str()).collect::<Vec<_>>().join("\n");
        let text = plain(&heard);
        let said = || match heard.is_empty() {
            true => "the assistant said nothing".to_owned(),
            false => format!("the assistant said {heard:?}"),
        };
        if !self.contains.is_empty() {
            let missing: Vec<&String> = self.contains.iter().filter(|fact| !holds(&text, fact)).collect();
            let found = || format!("{} missing; {}", quoted(&missing, " and "), said());
            place.add("contains", missing.is_empty(), || quoted(self.contains, " and "), found);
        }
        if !self.contains_any.is_empty() {
            let passed = self.contains_any.iter().any(|fact| holds(&text, fact));
            place.add("contains_any", passed, || quoted(self.contains_any, " or "), said);
        }
        for Pattern(pattern) in self.matches {
            let passed = pattern.is_match(&heard);
            place.add("matches", passed, || format!("a match of {:?}", pattern.as_str()), said);
        }
        if !self.lacks.is_empty() {
            let there: Vec<&String> = self.lacks.iter().filter(|fact| holds(&text, fact)).collect();
            let found = || format!("{} is there; {}", quoted(&there, " and "), said());
            place.add("lacks", there.is_empty(), || format!("no {}", quoted(self.lacks, " and no ")), found);
        }
        if !self.sources.is_empty() {
            let passages = turns.iter().flat_map(|turn| &turn.passages);
            let sources: Vec<&String> = passages.map(|passage| &passage.source).collect();
            let is_there = |wanted: &&String| sources.iter().any(|source| source.ends_with(wanted.as_str()));
            let missing: Vec<&String> = self.sources.iter().filter(|wanted| !is_there(wanted)).collect();
            let found = || match sources.is_empty() {
                true => "nothing was retrieved".into(),
                false => format!("{} missing among {}", quoted(&missing, " and "), quoted(&sources, ", ")),
            };
            place.add("sources", missing.is_empty(), || quoted(self.sources, " and "), found);
        }
        if !self.tools.is_empty() {
            // A tool that gave nothing was of no use to the caller.
            let answered = |wanted: &&String| {
                tools.iter().any(|tool| tool.name == **wanted && tool.outcome == ToolOutcome::Done)
            };
            let missing = self.tools.iter().any(|wanted| !answered(&wanted));
            let expected = || format!("a call of {}", quoted(self.tools, " and "));
            let found = || match tools.is_empty() {
                true => "no tool was called".into(),
                false => tools.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            };
            place.add("tools", !missing, expected, found);
        }
    }
}

/// The texts in quotation marks.
pub fn quoted(texts: &[impl AsRef<str>], between: &str) -> String {
    texts.iter().map(|text| format!("{:?}", text.as_ref())).collect::<Vec<_>>().join(between)
}

/// Small letters and single spaces; hyphens and other signs are spaces.
pub fn plain(text: &str) -> String {
    let spaced: String = text.chars().map(|sign| if sign.is_alphanumeric() { sign } else { ' ' }).collect();
    spaced.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the words of `fact` stand in `text` (plain), the last perhaps with an ending: "two year" in "two years".
pub fn holds(text: &str, fact: &str) -> bool {
    format!(" {text}").contains(&format!(" {}", plain(fact)))
}
