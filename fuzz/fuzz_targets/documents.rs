//! Arbitrary bytes as a document; the first byte says of which kind. The parsers for HTML, Markdown, text and CSV must not
//! panic. Those for PDF and DOCX may, which costs the document only; they are not fuzzed here.
#![no_main]
use libfuzzer_sys::fuzz_target;
use voce_rag::strangers::{Document, Format, Raw, chunks_of};

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = data.split_first() else { return };
    let format = [Format::Html, Format::Markdown, Format::Text, Format::Csv][usize::from(kind % 4)];
    if bytes.starts_with(b"%PDF-") || bytes.starts_with(b"PK\x03\x04") {
        return;
    }
    let raw = Raw { bytes: bytes.to_vec(), format: Some(format), stem: "fuzz".into(), ..Raw::default() };
    if let Ok(document) = Document::read(&raw) {
        for chunk in chunks_of(&document) {
            assert!(!chunk.embedded_text().trim().is_empty(), "an empty chunk of {document:?}");
        }
    }
});
