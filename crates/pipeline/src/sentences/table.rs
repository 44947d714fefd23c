//! Tables: small ones are read out as lists, larger ones are better looked at.

/// Rows below the head, and cells in a row, that somebody can follow by ear.
const MOST_SPOKEN_ROWS: usize = 3;
const MOST_SPOKEN_CELLS: usize = 4;

/// A table of the source, its cells still with their markup.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Table {
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Reads lines that begin with a bar.
    pub fn read(lines: &[String]) -> Self {
        let mut rows: Vec<Vec<String>> = lines.iter().map(|line| cells(line)).collect();
        let has_header = rows.get(1).is_some_and(|row| is_rule(row));
        rows.retain(|row| !is_rule(row) && !row.iter().all(String::is_empty));
        let header = if has_header && !rows.is_empty() { rows.remove(0) } else { Vec::new() };
        Self { header, rows }
    }

    /// Whether it is more than a line with bars in it.
    pub fn is_shown(&self) -> bool {
        !self.rows.is_empty() && self.rows.len() + usize::from(!self.header.is_empty()) >= 2
    }

    /// Whether it is short enough to be read out.
    pub fn is_spoken(&self) -> bool {
        self.rows.len() <= MOST_SPOKEN_ROWS && self.rows.iter().all(|row| row.len() <= MOST_SPOKEN_CELLS)
    }
}

fn cells(line: &str) -> Vec<String> {
    let line = line.trim();
    let line = line.strip_prefix('|').unwrap_or(line);
    let mut cells = vec![String::new()];
    let (mut escaped, mut ended) = (false, false);
    for character in line.chars() {
        if character == '|' && !escaped {
            ended = true;
            cells.push(String::new());
        } else if let Some(cell) = cells.last_mut() {
            ended = false;
            // An escaped bar is a bar; other escapes are the markup's business.
            if escaped && character == '|' {
                cell.pop();
            }
            cell.push(character);
        }
        escaped = character == '\\' && !escaped;
    }
    // The bar at the end opens no cell.
    if ended {
        cells.pop();
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

/// `---`, `:-:`: the line under the head.
fn is_rule(row: &[String]) -> bool {
    let rule = |cell: &String| {
        let dashes = cell.trim_start_matches(':').trim_end_matches(':');
        !dashes.is_empty() && dashes.chars().all(|c| c == '-' || c == '=')
    };
    !row.is_empty() && row.iter().all(rule)
}

#[cfg(test)]
mod tests {
    use super::Table;

    fn read(text: &str) -> Table {
        Table::read(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_head_stands_above_its_rule_and_escaped_bars_stay() {
        let table = read("| a | b |\n|---|:-:|\n| 1 | x\\|y |\n|  |  |\n| 2 |");
        assert_eq!(table.header, ["a", "b"]);
        assert_eq!(table.rows, [vec!["1".to_owned(), "x|y".into()], vec!["2".into()]]);
        assert!(table.is_shown() && table.is_spoken());
    }

    #[test]
    fn a_line_with_bars_is_no_table() {
        let line = read("|x| is the absolute value");
        assert!(!line.is_shown() && line.is_spoken());
        assert!(!read("|---|").is_shown());
    }

    #[test]
    fn long_and_wide_tables_are_only_shown() {
        assert!(!read("|a|\n|-|\n|1|\n|2|\n|3|\n|4|").is_spoken());
        assert!(!read("|a|b|c|d|e|\n|-|-|-|-|-|\n|1|2|3|4|5|").is_spoken());
    }
}
