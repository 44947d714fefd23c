//! What stands in a document, whatever its format: Markdown or plain text, read from bytes.
pub mod apart;
mod csv;
mod decode;
mod docx;
mod front_matter;
pub mod guard;
mod html;
mod pdf;

use std::{collections::BTreeMap, path::Path};

/// Endings of the files that are taken from folders. A file that is named itself may end as it likes.
const ENDINGS: &[(&str, Format)] = &[
    ("md", Format::Markdown),
    ("markdown", Format::Markdown),
    ("txt", Format::Text),
    ("text", Format::Text),
    ("html", Format::Html),
    ("htm", Format::Html),
    ("xhtml", Format::Html),
    ("pdf", Format::Pdf),
    ("docx", Format::Docx),
    ("csv", Format::Csv),
    ("tsv", Format::Csv),
];
/// The same, for messages.
pub const KNOWN: &str = ".md, .txt, .html, .pdf, .docx or .csv";

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Markdown, maybe with a front matter.
    Markdown,
    /// Words alone.
    Text,
    /// A page.
    Html,
    /// Portable Document Format.
    Pdf,
    /// Word's XML.
    Docx,
    /// Values with commas or the like between them.
    Csv,
}

impl Format {
    /// By the ending of a file's name.
    pub fn of_name(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_string_lossy().to_lowercase();
        ENDINGS.iter().find(|(known, _)| *known == ending).map(|(_, format)| *format)
    }

    /// By a media type, as servers send it.
    pub fn of_type(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        Some(match essence.as_str() {
            "text/html" | "application/xhtml+xml" => Self::Html,
            "text/markdown" | "text/x-markdown" => Self::Markdown,
            "text/csv" | "text/tab-separated-values" => Self::Csv,
            "application/pdf" => Self::Pdf,
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => Self::Docx,
            "text/plain" => Self::Text,
            _ => return None,
        })
    }

    /// By the first bytes, where these leave no doubt.
    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"%PDF-") {
            return Some(Self::Pdf);
        }
        // Any archive that calls itself text is better told that it is no DOCX.
        bytes.starts_with(b"PK\x03\x04").then_some(Self::Docx)
    }
}

/// A document as it came.
#[derive(Clone, Debug, Default)]
pub struct Raw {
    /// All of it.
    pub bytes: Vec<u8>,
    /// What its name or its server says that it is.
    pub format: Option<Format>,
    /// The encoding that its server named.
    pub charset: Option<String>,
    /// Words to know it by, where it has no title of its own.
    pub stem: String,
}

/// A document, read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Its words.
    pub text: String,
    /// Whether these are Markdown.
    pub is_markdown: bool,
    /// What it calls itself, where no heading says it; may be empty.
    pub title: String,
    /// What it says of itself.
    pub tags: BTreeMap<String, String>,
}

impl Document {
    /// Whether it is a PDF, whatever it calls itself.
    pub fn is_pdf(raw: &Raw) -> bool {
        Format::of_bytes(&raw.bytes).or(raw.format) == Some(Format::Pdf)
    }

    /// Reads it. May panic on broken documents: run it in [`guard`]. The error says why it cannot be used.
    pub fn read(raw: &Raw) -> Result<Self, String> {
        let bytes = raw.bytes.as_slice();
        if bytes.starts_with(b"\xd0\xcf\x11\xe0") {
            return Err(
                "it is an old or encrypted Office file; save it as .docx or .pdf without a password".into()
            );
        }
        let text = |declared: Option<&str>| decode::text(bytes, declared);
        let markdown =
            |text: String, title: String| Self { text, is_markdown: true, title, ..Self::default() };
        match Format::of_bytes(bytes).or(raw.format).unwrap_or(Format::Text) {
            Format::Markdown => {
                let text = text(raw.charset.as_deref())?;
                let (front, body) = front_matter::split(&text);
                Ok(Self { text: body.to_owned(), is_markdown: true, title: front.title, tags: front.tags })
            }
            Format::Text => Ok(Self { text: text(raw.charset.as_deref())?, ..Self::default() }),
            Format::Html => {
                let declared = raw.charset.clone().or_else(|| html::declared_encoding(bytes));
                let page = html::read(&text(declared.as_deref())?)?;
                Ok(markdown(page.markdown, page.title))
            }
            Format::Csv => Ok(markdown(csv::read(&text(raw.charset.as_deref())?)?, raw.stem.clone())),
            Format::Pdf => Ok(Self { text: pdf::read(bytes)?, ..Self::default() }),
            Format::Docx => Ok(markdown(docx::read(bytes)?, String::new())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(format: Option<Format>, bytes: &[u8]) -> Result<Document, String> {
        Document::read(&Raw { bytes: bytes.to_vec(), format, stem: "price list".into(), ..Raw::default() })
    }

    #[test]
    fn the_content_tells_where_the_name_is_wrong() {
        let pdf = pdf::tests::pdf(&["The reservoir is large."]);
        assert_eq!(read(Some(Format::Markdown), &pdf).unwrap().text, "The reservoir is large.");
        assert!(read(Some(Format::Markdown), b"PK\x03\x04rest").unwrap_err().contains("no DOCX"));
        assert!(read(None, b"\xd0\xcf\x11\xe0").unwrap_err().contains("old or encrypted Office"));
        assert!(read(Some(Format::Docx), b"words").unwrap_err().contains("no DOCX"));
        assert!(read(None, b"\x7fELF\x02\0\0").unwrap_err().contains("not a text file"));
    }

    #[test]
    fn every_format_is_read() {
        let document = read(Some(Format::Markdown), b"---\ntitle: T\n---\n# H\n").unwrap();
        assert_eq!(
            (document.title.as_str(), document.text.as_str(), document.is_markdown),
            ("T", "# H\n", true)
        );
        let document = read(Some(Format::Html), b"<meta charset=latin1><p>Caf\xe9").unwrap();
        assert_eq!(document.text, "Café");
        let document = read(Some(Format::Csv), b"a,b\n1,2\n").unwrap();
        assert_eq!((document.title.as_str(), document.text.as_str()), ("price list", "a: 1; b: 2\n\n"));
        assert!(!read(None, b"# no heading").unwrap().is_markdown);
    }

    #[test]
    fn names_and_types_are_known() {
        assert_eq!(Format::of_name(Path::new("a/B.PDF")), Some(Format::Pdf));
        assert_eq!(Format::of_name(Path::new("a/b.png")), None);
        assert_eq!(Format::of_type("Text/HTML; charset=utf-8"), Some(Format::Html));
        assert_eq!(Format::of_type("image/png"), None);
    }
}
