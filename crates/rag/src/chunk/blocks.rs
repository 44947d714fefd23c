//! The blocks of a section that are too long for one chunk and lose their sense when they are cut like prose.
use super::{WORDS, pieces, size};

/// A part of a section.
#[derive(Debug, PartialEq, Eq)]
pub enum Block<'a> {
    /// All that may be cut as the splitter sees fit, tables and code that fit into a chunk included.
    Prose(&'a str),
    /// A long table: its two head lines and its rows.
    Table(Vec<&'a str>),
    /// Long code, its fences included.
    Code(Vec<&'a str>),
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
        let (end, lines, is_table) = block_at(&body[at..]);
        if lines.is_empty() || size_of(&lines) <= WORDS.1 {
            at += end;
            continue;
        }
        if prose_from < at {
            blocks.push(Block::Prose(&body[prose_from..at]));
        }
        blocks.push(if is_table { Block::Table(lines) } else { Block::Code(lines) });
        at += end;
        prose_from = at;
    }
    if prose_from < body.len() {
        blocks.push(Block::Prose(&body[prose_from..]));
    }
    blocks
}

/// How far the block that `body` begins with goes, and the lines of it if it is a table or code.
fn block_at(body: &str) -> (usize, Vec<&str>, bool) {
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
        return (end, taken, false);
    }
    let is_table = first.contains('|') && lines.clone().next().is_some_and(is_ruler);
    if !is_table {
        return (end, vec![], false);
    }
    for line in lines.take_while(|line| line.contains('|')) {
        end += line.len();
        taken.push(line.trim_end());
    }
    (end, taken, true)
}

/// Whether `line` is the second of a table, such as `|:--|---|`.
fn is_ruler(line: &str) -> bool {
    let line = line.trim();
    line.contains('|') && line.contains('-') && line.chars().all(|letter| "|-: \t".contains(letter))
}

/// As [`size`], without what only draws the table.
fn size_of(lines: &[&str]) -> usize {
    lines.iter().map(|line| row_size(line)).sum()
}

fn row_size(line: &str) -> usize {
    let words = line.split(|letter: char| letter.is_whitespace() || letter == '|');
    words.filter(|word| word.contains(char::is_alphanumeric)).count().max(size(line) / 3)
}

/// Cuts a table between its rows; its head stands above each part, unless it is as long as a chunk itself.
pub fn cut_table(lines: &[&str]) -> Vec<String> {
    let (head, rows) = lines.split_at(lines.len().min(2));
    let is_long = size_of(head) > WORDS.0;
    let head_size = if is_long { 0 } else { size_of(head) };
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
pub fn cut_code(lines: &[&str]) -> Vec<String> {
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
    fn what_fits_is_prose_and_so_is_a_pipe_in_a_sentence() {
        for body in [
            "| a | b |\n|---|---|\n| 1 | 2 |\n",
            "Use a | b.\nThen c.\n",
            "```\nrun\n```\n",
            "```\nno end",
            "",
        ] {
            assert!(of(body).iter().all(|block| *block == Block::Prose(body)), "{body}");
        }
    }
}
