//! What kind of line begins: a heading, an item, a row, a fence, or words.

/// What the start of a line turns out to be; lengths in bytes.
pub enum Block {
    Wait,
    /// Nothing to speak up to and including its end: empty, a rule, the line under a table's head.
    Blank(usize),
    /// A mark of a quote, an item, a task; more marks may follow.
    Mark(usize),
    Numbered {
        length: usize,
        number: u32,
    },
    Heading(usize),
    Table,
    Fence {
        mark: char,
        length: usize,
    },
    /// Words, after so many bytes of indentation.
    Words(usize),
}

/// Finds what `line`, the source from the start of a line, begins with. `next_number` goes on the list.
pub fn block(line: &str, next_number: Option<u32>, is_end: bool) -> Block {
    let trimmed = line.trim_start_matches([' ', '\t']);
    let spaces = line.len() - trimmed.len();
    let Some(first) = trimmed.chars().next() else { return Block::Wait };
    // Rules, underlines of headings, the line under a table's head.
    if let Some(end) = trimmed.find(|c: char| !"-=*_|:+ \t".contains(c)) {
        if trimmed[end..].starts_with('\n') {
            return Block::Blank(spaces + end + 1);
        }
    } else if !is_end {
        return Block::Wait;
    }
    let run = trimmed.len() - trimmed.trim_start_matches(first).len();
    let behind = trimmed[run..].chars().next();
    match first {
        '>' => Block::Mark(spaces + 1),
        '-' | '*' | '+' | '•' | '◦' | '▪' | '‣' | '·' => {
            match trimmed[first.len_utf8()..].chars().next() {
                None if !is_end => Block::Wait,
                Some(' ' | '\t') => Block::Mark(spaces + first.len_utf8() + 1),
                _ => Block::Words(spaces),
            }
        }
        '#' => match behind {
            None if !is_end => Block::Wait,
            Some(' ' | '\t') if run <= 6 => Block::Heading(spaces + run + 1),
            _ => Block::Words(spaces),
        },
        '`' | '~' => match behind {
            None if !is_end => Block::Wait,
            _ if run < 3 => Block::Words(spaces),
            // A second run of backticks on the line makes it code between words.
            _ if first == '~' => Block::Fence { mark: first, length: spaces + run },
            _ => match trimmed[run..].find(['\n', '`']) {
                None if !is_end => Block::Wait,
                Some(at) if trimmed[run + at..].starts_with('`') => Block::Words(spaces),
                _ => Block::Fence { mark: first, length: spaces + run },
            },
        },
        '|' => Block::Table,
        '[' => task(trimmed, is_end).map_or(Block::Words(spaces), |length| match length {
            0 => Block::Wait,
            length => Block::Mark(spaces + length),
        }),
        '0'..='9' => numbered(trimmed, next_number, is_end, spaces),
        _ => Block::Words(spaces),
    }
}

/// The length of "[ ] " or "[x] "; 0 while it may still become one.
fn task(line: &str, is_end: bool) -> Option<usize> {
    let marks = ["[ ] ", "[x] ", "[X] "];
    if marks.iter().any(|mark| line.starts_with(mark)) {
        return Some(4);
    }
    (!is_end && marks.iter().any(|mark| mark.starts_with(line))).then_some(0)
}

/// "1. " begins a list and "2. " goes on with it; any other number belongs to the text, as in "24. That is all."
fn numbered(line: &str, next_number: Option<u32>, is_end: bool, spaces: usize) -> Block {
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let mut behind = line[digits..].chars();
    let number = line[..digits].parse().ok().filter(|&number| number == 1 || next_number == Some(number));
    match (number, behind.next(), behind.next()) {
        (None, None, _) | (Some(_), None, _) | (Some(_), Some('.' | ')'), None) if !is_end => Block::Wait,
        (Some(number), Some('.' | ')'), Some(' ' | '\t')) => {
            Block::Numbered { length: spaces + digits + 2, number }
        }
        _ => Block::Words(spaces),
    }
}
