//! DOCX to Markdown: headings, lists and tables keep their shape.
use std::io::{Cursor, Read};

use docx_rs::{
    DocumentChild, Docx, InsertChild, Paragraph, ParagraphChild, ParagraphProperty, RunChild,
    StructuredDataTag, StructuredDataTagChild, Table, TableCell, TableCellContent, TableChild, TableRowChild,
};
use zip::ZipArchive;

use super::guard;

/// The most that an archive may hold once it is unpacked, bytes.
const UNPACKED: u64 = 256 << 20;
/// The largest of its texts, bytes.
const XML: u64 = 64 << 20;

/// Reads a DOCX. May panic on broken ones: run it in [`super::guard`].
pub fn read(bytes: &[u8]) -> Result<String, String> {
    check(bytes)?;
    let docx = docx_rs::read_docx(bytes)
        .map_err(|error| format!("it is no DOCX that can be read ({error}); save it again"))?;
    let mut writer = Writer { headings: Headings::of(&docx), markdown: String::new() };
    for child in &docx.document.children {
        match child {
            DocumentChild::Paragraph(paragraph) => writer.paragraph(paragraph),
            DocumentChild::Table(table) => writer.table(table),
            DocumentChild::StructuredDataTag(tag) => writer.tag(tag),
            // A table of contents repeats the headings.
            DocumentChild::TableOfContents(_)
            | DocumentChild::BookmarkStart(_)
            | DocumentChild::BookmarkEnd(_)
            | DocumentChild::CommentStart(_)
            | DocumentChild::CommentEnd(_)
            | DocumentChild::Section(_) => {}
        }
    }
    Ok(writer.markdown)
}

/// Unpacks all of it into nothing: a small archive may hold more than memory does, whatever it says of itself.
fn check(bytes: &[u8]) -> Result<(), String> {
    let broken = |error: &dyn std::fmt::Display| {
        format!("it is no DOCX that can be read ({error}); it may be cut short or damaged")
    };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(&error))?;
    let mut left = UNPACKED;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|error| broken(&error))?;
        let is_xml = entry.name().is_ok_and(|name| name.ends_with(".xml"));
        let most = if is_xml { left.min(XML) } else { left };
        let mut content = Vec::new();
        let mut entry = entry.take(most + 1);
        let size = if is_xml {
            entry.read_to_end(&mut content).map(|size| size as u64)
        } else {
            std::io::copy(&mut entry, &mut std::io::sink())
        };
        let size = size.map_err(|error| broken(&error))?;
        if size > most {
            return Err(format!(
                "it unpacks to more than {} MiB",
                (if is_xml { XML } else { UNPACKED }) >> 20
            ));
        }
        guard::check_depth(&String::from_utf8_lossy(&content), |_, is_closed| is_closed)?;
        left -= size;
    }
    Ok(())
}

/// Which paragraph styles are headings, and of which level. Their ids are translated in other languages' files; their
/// names and outline levels are not.
struct Headings(Vec<(String, usize)>);

impl Headings {
    fn of(docx: &Docx) -> Self {
        let styles = docx.styles.styles.iter().filter_map(|style| {
            // The name can be read only as JSON.
            let name = serde_json::to_value(&style.name).ok()?;
            let name = name.as_str().unwrap_or_default().to_lowercase();
            let outline = style.paragraph_property.outline_lvl.as_ref().map(|level| level.v + 1);
            let level = level_of(&name).or_else(|| level_of(&style.style_id.to_lowercase())).or(outline)?;
            Some((style.style_id.clone(), level))
        });
        Self(styles.collect())
    }

    fn level(&self, property: &ParagraphProperty) -> Option<usize> {
        let by_outline = property.outline_lvl.as_ref().map(|level| level.v + 1);
        let style = property.style.as_ref()?;
        let by_style = self.0.iter().find(|(id, _)| *id == style.val).map(|(_, level)| *level);
        // Documents may use styles that they do not describe.
        by_style.or_else(|| level_of(&style.val.to_lowercase())).or(by_outline).filter(|level| *level <= 6)
    }
}

fn level_of(name: &str) -> Option<usize> {
    if name == "title" {
        return Some(1);
    }
    name.strip_prefix("heading")?.trim().parse().ok().filter(|level| (1..=6).contains(level))
}

struct Writer {
    headings: Headings,
    markdown: String,
}

impl Writer {
    fn paragraph(&mut self, paragraph: &Paragraph) {
        let text = text_of(paragraph);
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        if let Some(level) = self.headings.level(&paragraph.property) {
            let title = text.split_whitespace().collect::<Vec<_>>().join(" ");
            self.markdown.push_str(&format!("\n{} {title}\n\n", "#".repeat(level)));
            return;
        }
        let list = paragraph.property.numbering_property.as_ref();
        let style =
            paragraph.property.style.as_ref().map(|style| style.val.to_lowercase()).unwrap_or_default();
        if list.is_some() || style.starts_with("list") {
            let depth = list.and_then(|list| list.level.as_ref()).map_or(0, |level| level.val.min(8));
            self.markdown.push_str(&format!("{}- {}\n", "  ".repeat(depth), text.replace('\n', " ")));
            return;
        }
        // After a list, a paragraph would go on with its last item.
        if !self.markdown.ends_with("\n\n") && !self.markdown.is_empty() {
            self.markdown.push('\n');
        }
        self.markdown.push_str(text);
        self.markdown.push_str("\n\n");
    }

    fn table(&mut self, table: &Table) {
        let rows: Vec<Vec<String>> = table
            .rows
            .iter()
            .map(|TableChild::TableRow(row)| {
                row.cells.iter().map(|TableRowChild::TableCell(cell)| cell_text(cell)).collect()
            })
            .collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
        if columns == 0 {
            return;
        }
        self.markdown.push('\n');
        for (place, mut row) in rows.into_iter().enumerate() {
            row.resize(columns, String::new());
            self.markdown.push_str(&format!("| {} |\n", row.join(" | ")));
            if place == 0 {
                self.markdown.push_str(&format!("|{}\n", " --- |".repeat(columns)));
            }
        }
        self.markdown.push('\n');
    }

    fn tag(&mut self, tag: &StructuredDataTag) {
        for child in &tag.children {
            match child {
                StructuredDataTagChild::Paragraph(paragraph) => self.paragraph(paragraph),
                StructuredDataTagChild::Table(table) => self.table(table),
                StructuredDataTagChild::StructuredDataTag(tag) => self.tag(tag),
                _ => {}
            }
        }
    }
}

fn cell_text(cell: &TableCell) -> String {
    let mut words = Vec::new();
    for content in &cell.children {
        match content {
            TableCellContent::Paragraph(paragraph) => words.push(text_of(paragraph)),
            TableCellContent::Table(table) => {
                for TableChild::TableRow(row) in &table.rows {
                    words.extend(row.cells.iter().map(|TableRowChild::TableCell(cell)| cell_text(cell)));
                }
            }
            TableCellContent::StructuredDataTag(_) | TableCellContent::TableOfContents(_) => {}
        }
    }
    words.join(" ").split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn text_of(paragraph: &Paragraph) -> String {
    let mut text = String::new();
    children(&paragraph.children, &mut text);
    text
}

fn children(all: &[ParagraphChild], text: &mut String) {
    for child in all {
        match child {
            ParagraphChild::Run(run) => runs(&run.children, text),
            ParagraphChild::Hyperlink(link) => children(&link.children, text),
            ParagraphChild::Insert(insert) => {
                for child in &insert.children {
                    if let InsertChild::Run(run) = child {
                        runs(&run.children, text);
                    }
                }
            }
            ParagraphChild::StructuredDataTag(tag) => {
                for child in &tag.children {
                    if let StructuredDataTagChild::Run(run) = child {
                        runs(&run.children, text);
                    }
                }
            }
            // What was deleted or moved away is not there.
            _ => {}
        }
    }
}

fn runs(all: &[RunChild], text: &mut String) {
    for child in all {
        match child {
            RunChild::Text(words) => text.push_str(&words.text),
            RunChild::Tab(_) | RunChild::PTab(_) => text.push(' '),
            RunChild::Break(_) | RunChild::CarriageReturn(_) => text.push('\n'),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use docx_rs::{IndentLevel, NumberingId, Run, Style, StyleType, TableRow};
    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    fn paragraph(text: &str) -> Paragraph {
        Paragraph::new().add_run(Run::new().add_text(text))
    }

    fn packed(docx: Docx) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        docx.build().pack(&mut file).unwrap();
        file.into_inner()
    }

    #[test]
    fn headings_lists_and_tables_keep_their_shape() {
        let cell = |text: &str| TableCell::new().add_paragraph(paragraph(text));
        let row = |one: &str, two: &str| TableRow::new(vec![cell(one), cell(two)]);
        let bytes = packed(
            Docx::new()
                .add_style(Style::new("berschrift2", StyleType::Paragraph).name("heading 2"))
                .add_paragraph(paragraph("The pump").style("Heading1"))
                .add_paragraph(paragraph("It is blue & small."))
                .add_paragraph(paragraph("Parts").style("berschrift2"))
                .add_paragraph(paragraph("hose").numbering(NumberingId::new(1), IndentLevel::new(0)))
                .add_paragraph(paragraph("clamp").numbering(NumberingId::new(1), IndentLevel::new(1)))
                .add_table(Table::new(vec![row("Model", "Price"), row("P1", "5|9")])),
        );
        let expected = "\n# The pump\n\nIt is blue & small.\n\n\n## Parts\n\n- hose\n  - clamp\n\n\
            | Model | Price |\n| --- | --- |\n| P1 | 5\\|9 |\n\n";
        assert_eq!(read(&bytes).unwrap(), expected);
    }

    #[test]
    fn what_is_cut_short_or_unpacks_without_end_is_refused() {
        let whole = packed(Docx::new().add_paragraph(paragraph("Text.")));
        for bytes in [&whole[..whole.len() / 2], b"PK\x03\x04", b""] {
            assert!(read(bytes).unwrap_err().contains("no DOCX"));
        }
        let bomb = |name: &str, content: &[u8], times: usize| {
            let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
            archive.start_file(name, SimpleFileOptions::default()).unwrap();
            (0..times).for_each(|_| archive.write_all(content).unwrap());
            archive.finish().unwrap().into_inner()
        };
        let error = read(&bomb("word/document.xml", &[b' '; 1 << 20], 65)).unwrap_err();
        assert!(error.contains("more than 64 MiB"), "{error}");
        let error = read(&bomb("word/document.xml", b"<w:tbl>", 2_000)).unwrap_err();
        assert!(error.contains("deep"), "{error}");
    }
}
