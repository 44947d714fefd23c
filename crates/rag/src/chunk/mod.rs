//! Documents are cut into passages short enough for a small language model to read before it answers.
use text_splitter::{ChunkCapacity, ChunkConfig, ChunkSizer, MarkdownSplitter, TextSplitter};

/// A chunk grows to this many words, and to the second where that keeps a paragraph whole.
const WORDS: (usize, usize) = (60, 90);

/// Part of the content hash: a new number makes every file count as changed.
pub const CHUNKING: &str = "voce-chunks-1";

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

/// Cuts a Markdown document. No chunk holds text of two headings.
pub fn chunks_of_markdown(document: &str) -> Vec<Chunk> {
    let splitter = MarkdownSplitter::new(config());
    let mut chunks = Vec::new();
    for Section { heading, body } in sections(document) {
        let texts = splitter.chunks(&body).filter(|text| text.contains(char::is_alphanumeric));
        chunks.extend(texts.map(|text| Chunk { heading: heading.clone(), text: text.to_owned() }));
    }
    chunks
}

/// Cuts a plain text.
pub fn chunks_of_text(document: &str) -> Vec<Chunk> {
    let splitter = TextSplitter::new(config());
    let texts = splitter.chunks(document).filter(|text| text.contains(char::is_alphanumeric));
    texts.map(|text| Chunk { heading: String::new(), text: text.to_owned() }).collect()
}

fn config() -> ChunkConfig<Words> {
    let capacity = ChunkCapacity::new(WORDS.0).with_max(WORDS.1).expect("the larger bound is the second");
    ChunkConfig::new(capacity).with_sizer(Words)
}

/// Sizes in words, as speech is.
struct Words;

impl ChunkSizer for Words {
    fn size(&self, chunk: &str) -> usize {
        chunk.split_whitespace().count()
    }
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
    for line in document.lines() {
        let trimmed = line.trim_start();
        match fence {
            Some(mark) if trimmed.starts_with(mark) => fence = None,
            Some(_) => {}
            None => fence = ["```", "~~~"].into_iter().find(|mark| trimmed.starts_with(mark)),
        }
        let heading = if fence.is_none() { heading_of(line) } else { None };
        if let Some((level, title)) = heading {
            path.retain(|(above, _)| *above < level);
            path.push((level, title.to_owned()));
            let titles: Vec<&str> = path.iter().map(|(_, title)| title.as_str()).collect();
            sections.push(Section { heading: titles.join(" > "), body: String::new() });
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

#[cfg(test)]
mod tests {
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
    fn a_document_without_words_has_no_chunks() {
        assert!(chunks_of_markdown("# Title only\n\n---\n").is_empty());
        assert!(chunks_of_text(" \n ").is_empty());
    }
}
