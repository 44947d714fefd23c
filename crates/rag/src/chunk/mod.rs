//! Documents are cut into passages short enough for a small language model to read before it answers: at their headings,
//! then between paragraphs, lists, tables and code where these fit, and within them only where they do not.
mod blocks;

use text_splitter::{ChunkCapacity, ChunkConfig, ChunkSizer, MarkdownSplitter, TextSplitter};

use crate::documents::Document;
use blocks::{Block, Piece};

/// A chunk grows to this many words, and to the second where that keeps a paragraph whole.
const WORDS: (usize, usize) = (60, 90);

/// Stands between headings.
const BETWEEN: &str = " > ";

/// Part of the content hash: a new number makes every file count as changed.
pub const CHUNKING: &str = "voce-chunks-2";

/// A word of a usual text is not longer than this, bytes. What has no spaces (some languages, tables of digits) is
/// measured by it.
const LONG_WORD: usize = 12;

/// A passage of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Headings above it, outermost first, joined by " > "; may be empty.
    pub heading: String,
    /// The words, Markdown as written.
    pub text: String,
}

impl Chunk {
    /// What is embedded: the passage under its headings, as these often hold the word that a question uses.
    pub fn embedded_text(&self) -> String {
        if self.heading.is_empty() { self.text.clone() } else { format!("{}\n{}", self.heading, self.text) }
    }
}

/// Cuts a document, all of it under its title.
pub fn chunks_of(document: &Document) -> Vec<Chunk> {
    let mut chunks = match document.is_markdown {
        true => chunks_of_markdown(&document.text),
        false => chunks_of_text(&document.text),
    };
    if !document.title.is_empty() {
        for chunk in &mut chunks {
            chunk.heading = under(&document.title, &chunk.heading);
        }
    }
    chunks
}

fn under(title: &str, heading: &str) -> String {
    match heading.strip_prefix(title) {
        _ if heading.is_empty() => title.to_owned(),
        Some(rest) if rest.is_empty() || rest.starts_with(BETWEEN) => heading.to_owned(),
        _ => format!("{title}{BETWEEN}{heading}"),
    }
}

/// Cuts a Markdown document. No chunk holds text of two headings.
pub fn chunks_of_markdown(document: &str) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for Section { heading, body } in sections(document) {
        let texts = texts_of(&body).into_iter().filter(|text| text.contains(char::is_alphanumeric));
        chunks.extend(texts.map(|text| Chunk { heading: heading.clone(), text }));
    }
    chunks
}

/// Cuts what stands under one heading.
fn texts_of(body: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for block in blocks::of(body) {
        match block {
            Block::Prose(text) => parts.extend(cut_markdown(text).iter().map(|text| Piece::prose(text))),
            Block::List(_) | Block::Table(_) | Block::Code(_) => parts.extend(block.pieces()),
        }
    }
    blocks::join(parts)
}

/// Cuts a plain text.
pub fn chunks_of_text(document: &str) -> Vec<Chunk> {
    let splitter = TextSplitter::new(config());
    let texts = splitter.chunks(document).filter(|text| text.contains(char::is_alphanumeric));
    texts.map(|text| Chunk { heading: String::new(), text: text.to_owned() }).collect()
}

/// Cuts Markdown as the splitter sees fit.
fn cut_markdown(text: &str) -> Vec<String> {
    MarkdownSplitter::new(config()).chunks(text).map(str::to_owned).collect()
}

/// Cuts what is too long for one chunk and has no structure that is known.
fn pieces(text: &str) -> Vec<String> {
    TextSplitter::new(config()).chunks(text).map(str::to_owned).collect()
}

fn config() -> ChunkConfig<Words> {
    let capacity = ChunkCapacity::new(WORDS.0).with_max(WORDS.1).expect("the larger bound is the second");
    ChunkConfig::new(capacity).with_sizer(Words)
}

/// Sizes in words, as speech is.
struct Words;

impl ChunkSizer for Words {
    fn size(&self, chunk: &str) -> usize {
        size(chunk)
    }
}

/// In words, and not less than the bytes of so many long ones.
fn size(text: &str) -> usize {
    text.split_whitespace().count().max(text.len() / LONG_WORD)
}

struct Section {
    heading: String,
    body: String,
}

/// The document cut at its headings, each body under the path of headings above it.
fn sections(document: &str) -> Vec<Section> {
    let mut sections = vec![Section { heading: String::new(), body: String::new() }];
    let mut path: Vec<(usize, String)> = Vec::new();
    let mut fence: Option<&str> = None;
    let mut lines = document.lines().peekable();
    let mut after_blank = true;
    while let Some(line) = lines.next() {
        fence = blocks::fence_after(fence, line);
        let mut heading = if fence.is_none() { heading_of(line) } else { None };
        if fence.is_none() && heading.is_none() && after_blank {
            heading = lines.peek().and_then(|below| underlined(line, below));
            lines.next_if(|_| heading.is_some());
        }
        after_blank = line.trim().is_empty() || heading.is_some();
        if let Some((level, title)) = heading {
            path.retain(|(above, _)| *above < level);
            path.push((level, title.to_owned()));
            let titles: Vec<&str> = path.iter().map(|(_, title)| title.as_str()).collect();
            sections.push(Section { heading: titles.join(BETWEEN), body: String::new() });
        } else if let Some(section) = sections.last_mut() {
            section.body.push_str(line);
            section.body.push('\n');
        }
    }
    sections
}

/// The level and title of "## Title ##".
fn heading_of(line: &str) -> Option<(usize, &str)> {
    let title = line.trim_start_matches('#');
    let level = line.len() - title.len();
    let is_heading = (1..=6).contains(&level) && title.starts_with([' ', '\t']);
    is_heading.then(|| (level, title.trim().trim_end_matches('#').trim_end()))
}

/// The level and title of a line that is underlined with `=` or `-`.
fn underlined<'a>(line: &'a str, below: &str) -> Option<(usize, &'a str)> {
    let below = below.trim_end();
    let is_text = line.starts_with(|letter: char| letter.is_alphanumeric()) && !line.contains('|');
    let of = |mark: char| below.len() >= 3 && below.chars().all(|letter| letter == mark);
    let level = if of('=') { 1 } else { 2 };
    (is_text && (of('=') || of('-'))).then(|| (level, line.trim()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_chunk_stands_under_its_own_headings() {
        let document =
            "Intro.\n\n# Pump\n\n## Warranty ##\nTwo years.\n\n## Filter\nClean it.\n\n# Hours\nEight.\n";
        let chunks = chunks_of_markdown(document);
        let found: Vec<_> =
            chunks.iter().map(|chunk| (chunk.heading.as_str(), chunk.text.as_str())).collect();
        let expected = [
            ("", "Intro."),
            ("Pump > Warranty", "Two years."),
            ("Pump > Filter", "Clean it."),
            ("Hours", "Eight."),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_comment_in_code_is_no_heading() {
        let chunks = chunks_of_markdown("# Code\n```\n# not a heading\n```\nText.");
        assert!(chunks.iter().all(|chunk| chunk.heading == "Code"), "{chunks:?}");
    }

    #[test]
    fn long_sections_are_cut_at_sentences_within_the_word_limit() {
        let sentence = "The pump runs for as long as there is water in the tank. ";
        for chunks in [chunks_of_markdown(&sentence.repeat(40)), chunks_of_text(&sentence.repeat(40))] {
            assert!(chunks.len() > 5);
            for chunk in &chunks {
                assert!(chunk.text.split_whitespace().count() <= WORDS.1);
                assert!(chunk.text.ends_with('.'), "{}", chunk.text);
            }
        }
    }

    #[test]
    fn underlined_lines_are_headings_too() {
        let chunks = chunks_of_markdown("Pump\n====\nBlue.\n\nUse\n---\nEasy.\n\nNot\na heading\n---\nText.");
        let headings: Vec<_> = chunks.iter().map(|chunk| chunk.heading.as_str()).collect();
        assert_eq!(headings, ["Pump", "Pump > Use"]);
    }

    #[test]
    fn a_title_stands_above_headings_that_do_not_say_it() {
        let chunks = |title: &str, text: &str| {
            chunks_of(&Document {
                text: text.into(),
                is_markdown: true,
                title: title.into(),
                ..Document::default()
            })
        };
        assert_eq!(chunks("Pump", "# Use\nEasy.")[0].heading, "Pump > Use");
        assert_eq!(chunks("Pump", "# Pump\n## Use\nEasy.")[0].heading, "Pump > Use");
        assert_eq!(chunks("Pump", "# Pumps\nMany.")[0].heading, "Pump > Pumps");
        assert_eq!(chunks("Pump", "Easy.")[0].heading, "Pump");
    }

    #[test]
    fn lists_and_tables_that_fit_are_kept_whole() {
        let list = "- take the hose\n- put it on\n- turn it until it clicks\n".repeat(5);
        let table = format!("| Model | Price |\n|---|---|\n{}", "| P1 | 59 dollars |\n".repeat(10));
        let prose = "The pump runs for as long as there is water in the tank. ".repeat(4);
        let chunks = chunks_of_markdown(&format!("{prose}\n\n{list}\n{prose}\n\n{table}\n{prose}"));
        for block in [list.trim(), table.trim()] {
            assert!(chunks.iter().any(|chunk| chunk.text.contains(block)), "{block}: {chunks:#?}");
        }
    }

    #[test]
    fn text_without_spaces_is_cut_all_the_same() {
        let chunks = chunks_of_text(&"水泵在水箱里有水的时候一直运转。".repeat(200));
        assert!(chunks.iter().all(|chunk| chunk.text.len() <= (WORDS.1 + 1) * LONG_WORD), "{chunks:?}");
    }

    /// Paragraphs, lists, tables and code of any size under headings of any level.
    fn documents() -> impl Strategy<Value = String> {
        let words = |most: usize| prop::collection::vec("[a-zé水]{1,9}[.,]?", 1..most);
        let prose = words(150).prop_map(|words| words.join(" "));
        let list = prop::collection::vec(words(40), 1..20).prop_map(|items| {
            items.iter().map(|item| format!("- {}", item.join(" "))).collect::<Vec<_>>().join("\n")
        });
        let table = (words(4), prop::collection::vec(words(60), 1..30)).prop_map(|(head, rows)| {
            let columns = head.len();
            let rows =
                rows.iter().map(|row| format!("| {} |\n", row.join(if columns > 1 { " | " } else { " " })));
            format!("| {} |\n|{}\n{}", head.join(" | "), " --- |".repeat(columns), rows.collect::<String>())
        });
        let code = prop::collection::vec(words(30), 1..40).prop_map(|lines| {
            format!("```sh\n{}\n```", lines.iter().map(|line| line.join(" ")).collect::<Vec<_>>().join("\n"))
        });
        let heading =
            (1..4_usize, "[a-z]{1,9}").prop_map(|(level, title)| format!("{} {title}", "#".repeat(level)));
        let block = prop_oneof![3 => prose, 1 => list, 1 => table, 1 => code, 2 => heading];
        prop::collection::vec(block, 0..12).prop_map(|blocks| blocks.join("\n\n"))
    }

    /// Words, with what Markdown puts around them taken off.
    fn words_of(text: &str) -> Vec<String> {
        let words = text.split(|letter: char| !letter.is_alphanumeric());
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn chunks_hold_all_words_in_order_and_none_is_too_long(document in documents()) {
            let chunks = chunks_of_markdown(&document);
            let body: Vec<&str> = document.lines().filter(|line| heading_of(line).is_none()).collect();
            let mut found = chunks.iter().flat_map(|chunk| words_of(&chunk.text));
            for word in words_of(&body.join("\n")) {
                // Heads of tables and of code are repeated, so there may be more.
                prop_assert!(found.any(|other| other == word), "{word} is missing");
            }
            for chunk in &chunks {
                prop_assert!(size(&chunk.text) <= 3 * WORDS.1, "{}", chunk.text);
            }
        }

        #[test]
        fn any_text_is_cut_without_a_panic(document in "(?s)[a-z#|`~\\-=\n <>*\\[\\]0-9]{0,300}") {
            let whole = words_of(&document);
            let found: Vec<String> =
                chunks_of_text(&document).iter().flat_map(|chunk| words_of(&chunk.text)).collect();
            prop_assert_eq!(found, whole);
            chunks_of_markdown(&document);
        }
    }

    #[test]
    fn a_document_without_words_has_no_chunks() {
        assert!(chunks_of_markdown("# Title only\n\n---\n").is_empty());
        assert!(chunks_of_text(" \n ").is_empty());
    }
}
