//! The blocks of a section that lose their sense when they are cut like prose: lists, tables and code.
use super::{WORDS, cut_markdown, pieces, size};

/// A part of a section.
#[derive(Debug, PartialEq, Eq)]
pub enum Block<'a> {
    /// What may be cut as the splitter sees fit.
    Prose(&'a str),
    /// A list, with all that belongs to its items.
    List(&'a str),
    /// A table: its two head lines and its rows.
    Table(Vec<&'a str>),
    /// Code, its fences included.
    Code(Vec<&'a str>),
}

impl Block<'_> {
    /// The block as pieces that make sense alone, one if it fits; none if it is prose.
    pub fn pieces(&self) -> Vec<Piece> {
        let whole = match self {
            Self::Prose(_) => return vec![],
            Self::List(text) => (*text).trim_end().to_owned(),
            Self::Table(lines) | Self::Code(lines) => lines.join("\n"),
        };
        let texts = match self {
            _ if size_of(&whole) <= WORDS.1 => vec![whole],
            Self::Prose(text) | Self::List(text) => cut_markdown(text),
            Self::Table(lines) => cut_table(lines),
            Self::Code(lines) => cut_code(lines),
        };
        texts.into_iter().map(|text| Piece { size: size_of(&text), text, is_block: true }).collect()
    }
}

/// A part of a section that may become a chunk.
#[derive(Debug)]
pub struct Piece {
    /// It.
    pub text: String,
    /// Its size in words, without what only draws tables.
    pub size: usize,
    /// Whether it is a list, a table or code.
    pub is_block: bool,
}

impl Piece {
    /// Prose.
    pub fn prose(text: &str) -> Self {
        Self { text: text.to_owned(), size: size(text), is_block: false }
    }
}

/// Puts together what fits: a list, a table or code with what introduces it, and small ones with what follows.
pub fn join(pieces: Vec<Piece>) -> Vec<String> {
    let mut joined: Vec<Piece> = vec![];
    for piece in pieces {
        match joined.last_mut() {
            Some(last) if last.size + piece.size <= most_of(last, &piece) => {
                last.text.push_str("\n\n");
                last.text.push_str(&piece.text);
                last.size += piece.size;
                last.is_block |= piece.is_block;
            }
            _ => joined.push(piece),
        }
    }
    joined.into_iter().map(|piece| piece.text).collect()
}

/// Words that the two may have together.
fn most_of(before: &Piece, after: &Piece) -> usize {
    match (before.is_block, after.is_block) {
        (false, true) => WORDS.1,
        (true, _) => WORDS.0,
        // The splitter had its reasons.
        (false, false) => 0,
    }
}

/// The fence that is open after `line`, if `open` was before it.
pub fn fence_after<'a>(open: Option<&'a str>, line: &str) -> Option<&'a str> {
    let line = line.trim_start();
    match open {
        Some(mark) if line.starts_with(mark) => None,
        Some(mark) => Some(mark),
        None => ["```", "~~~"].into_iter().find(|mark| line.starts_with(mark)),
    }
}

/// The blocks of `body` in order; nothing is left out.
pub fn of(body: &str) -> Vec<Block<'_>> {
    let (mut blocks, mut prose_from, mut at) = (Vec::new(), 0, 0);
    while at < body.len() {
        let (end, block) = block_at(&body[at..]);
        if let Some(block) = block {
            if prose_from < at {
                blocks.push(Block::Prose(&body[prose_from..at]));
            }
            blocks.push(block);
            prose_from = at + end;
        }
        at += end;
    }
    if prose_from < body.len() {
        blocks.push(Block::Prose(&body[prose_from..]));
    }
    blocks
}

/// The block that `body` begins with and how far it goes, or how far its first line goes.
fn block_at(body: &str) -> (usize, Option<Block<'_>>) {
    let mut lines = body.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    let mut taken = vec![first.trim_end()];
    let mut end = first.len();
    if let Some(mark) = fence_after(None, first) {
        for line in lines {
            end += line.len();
            taken.push(line.trim_end());
            if line.trim_start().starts_with(mark) {
                break;
            }
        }
        return (end, Some(Block::Code(taken)));
    }
    if first.contains('|') && lines.clone().next().is_some_and(is_ruler) {
        for line in lines.take_while(|line| line.contains('|')) {
            end += line.len();
            taken.push(line.trim_end());
        }
        return (end, Some(Block::Table(taken)));
    }
    if is_item(first) {
        end = list_end(body);
        return (end, Some(Block::List(&body[..end])));
    }
    (end, None)
}

/// Whether a list item begins with `line`.
fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    let after_number = line.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let is_numbered = (1..=9).contains(&(line.len() - after_number.len()));
    let after = match is_numbered {
        true => after_number.strip_prefix(['.', ')']),
        false => line.strip_prefix(['-', '*', '+']),
    };
    after.is_some_and(|rest| rest.starts_with([' ', '\t']))
}

/// Where the list at the start of `body` ends: at a line after a blank one that is no item and not indented.
fn list_end(body: &str) -> usize {
    let (mut end, mut at, mut after_blank) = (0, 0, false);
    for line in body.split_inclusive('\n') {
        let is_blank = line.trim().is_empty();
        let is_of_list = is_item(line) || line.starts_with([' ', '\t']) || !after_blank;
        if !is_blank && !is_of_list {
            break;
        }
        at += line.len();
        if !is_blank {
            end = at;
        }
        after_blank = is_blank;
    }
    end
}

/// Whether `line` is the second of a table, such as `|:--|---|`.
fn is_ruler(line: &str) -> bool {
    let line = line.trim();
    line.contains('|') && line.contains('-') && line.chars().all(|letter| "|-: \t".contains(letter))
}

/// As [`size`], without what only draws a table.
fn size_of(text: &str) -> usize {
    text.lines().map(row_size).sum()
}

fn row_size(line: &str) -> usize {
    let words = line.split(|letter: char| letter.is_whitespace() || letter == '|');
    words.filter(|word| word.contains(char::is_alphanumeric)).count().max(size(line) / 3)
}

/// Cuts a table between its rows; its head stands above each part, unless it is as long as a chunk itself.
fn cut_table(lines: &[&str]) -> Vec<String> {
    let (head, rows) = lines.split_at(lines.len().min(2));
    let head_size = size_of(&head.join("\n"));
    let is_long = head_size > WORDS.0;
    let head_size = if is_long { 0 } else { head_size };
    let mut parts = if is_long { pieces(head[0]) } else { vec![] };
    let mut put = |rows: &[&str]| {
        let above = if is_long { &[] } else { head };
        parts.push([above, rows].concat().join("\n"));
    };
    let mut part: Vec<&str> = vec![];
    let mut part_size = head_size;
    for row in rows {
        let row_size = row_size(row);
        if !part.is_empty() && part_size + row_size > WORDS.1 {
            put(&part);
            part.clear();
            part_size = head_size;
        }
        if row_size > WORDS.1 {
            pieces(row).iter().for_each(|piece| put(&[piece]));
            continue;
        }
        part.push(row);
        part_size += row_size;
    }
    if !part.is_empty() {
        put(&part);
    }
    parts
}

/// Cuts code between its lines; each part stands between fences.
fn cut_code(lines: &[&str]) -> Vec<String> {
    let (opening, inside) = (lines[0], &lines[1..]);
    let mark = opening.trim_start();
    let mark = &mark[..mark.len().min(3)];
    let inside = match inside.split_last() {
        Some((last, before)) if last.trim_start().starts_with(mark) => before,
        _ => inside,
    };
    let mut parts = vec![];
    let mut put = |lines: &[&str]| parts.push(format!("{opening}\n{}\n{mark}", lines.join("\n")));
    let mut part: Vec<&str> = vec![];
    let mut part_size = 0;
    for line in inside {
        let line_size = size(line);
        if !part.is_empty() && part_size + line_size > WORDS.1 {
            put(&part);
            part.clear();
            part_size = 0;
        }
        if line_size > WORDS.1 {
            pieces(line).iter().for_each(|piece| put(&[piece]));
            continue;
        }
        part.push(line);
        part_size += line_size;
    }
    if !part.is_empty() {
        put(&part);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_table_is_cut_between_rows_under_its_head() {
        let rows: Vec<String> = (0..100).map(|row| format!("| model {row} | {row} dollars |\n")).collect();
        let body = format!("Prices:\n\n| Model | Price |\n|---|--:|\n{}\nMore.", rows.concat());
        let blocks = of(&body);
        let [Block::Prose("Prices:\n\n"), Block::Table(lines), Block::Prose("\nMore.")] = &blocks[..] else {
            panic!("{blocks:?}");
        };
        let parts = cut_table(lines);
        assert!(parts.len() > 3, "{parts:?}");
        assert!(
            parts.iter().all(|part| part.starts_with("| Model | Price |\n|---|--:|\n| model")),
            "{parts:?}"
        );
        let found: Vec<&str> = parts.iter().flat_map(|part| part.lines().skip(2)).collect();
        assert_eq!(found, rows.iter().map(|row| row.trim()).collect::<Vec<_>>());
    }

    #[test]
    fn long_code_is_cut_between_lines_within_its_fence() {
        let lines = "let water = pump.run(tank);\n".repeat(100);
        let body = format!("```rust\n{lines}```\n");
        let blocks = of(&body);
        let [Block::Code(lines)] = &blocks[..] else { panic!("{blocks:?}") };
        let parts = cut_code(lines);
        assert!(parts.len() > 3);
        assert!(
            parts.iter().all(|part| part.starts_with("```rust\nlet") && part.ends_with(");\n```")),
            "{parts:?}"
        );
        assert_eq!(parts.concat().matches("let water").count(), 100);
    }

    #[test]
    fn lists_end_where_their_items_do() {
        let body = "Take:\n- a hose\n  of ten metres\n- a clamp\nthat fits\n\n  - or two\n\nThen 5 - 3 is 2.\n\n1. Go\n";
        let blocks = of(body);
        let [Block::Prose(_), Block::List(first), Block::Prose(prose), Block::List(second)] = &blocks[..]
        else {
            panic!("{blocks:?}");
        };
        assert!(first.starts_with("- a hose") && first.ends_with("- or two\n"), "{first:?}");
        assert_eq!((prose.trim(), *second), ("Then 5 - 3 is 2.", "1. Go\n"));
    }

    #[test]
    fn what_introduces_a_block_stays_with_it() {
        let piece = |size: usize, is_block| Piece { text: format!("{size}"), size, is_block };
        let joined = |sizes: &[(usize, bool)]| {
            join(sizes.iter().map(|(size, is_block)| piece(*size, *is_block)).collect())
        };
        assert_eq!(joined(&[(20, false), (70, true), (5, false)]), ["20\n\n70", "5"]);
        assert_eq!(joined(&[(21, false), (70, true)]), ["21", "70"]);
        assert_eq!(joined(&[(20, true), (30, false), (40, false)]), ["20\n\n30", "40"]);
        assert_eq!(joined(&[(20, false), (20, false)]), ["20", "20"]);
    }

    #[test]
    fn a_pipe_in_a_sentence_is_no_table_and_a_dash_no_list() {
        for body in ["Use a | b.\nThen c.\n", "-5 degrees\n", "12.5 litres\n", "*bold* words\n"] {
            assert_eq!(of(body), [Block::Prose(body)]);
        }
        assert!(of("").is_empty());
        assert_eq!(of("```\nno end"), [Block::Code(vec!["```", "no end"])]);
    }
}
