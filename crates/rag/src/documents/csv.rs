//! Tables of values: every row becomes a record of `column: value`, so that a passage says what its numbers are.
use csv::{ReaderBuilder, StringRecord, Trim};

/// What may stand between values.
const DELIMITERS: &[u8] = b",;\t|";
/// Lines that are looked at to tell the delimiter.
const LOOKED_AT: usize = 20;

/// The rows of `text` as paragraphs. The first row names the columns.
pub fn read(text: &str) -> Result<String, String> {
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter(text))
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .from_reader(text.as_bytes());
    let mut rows = reader.records();
    let broken = |error: csv::Error| format!("its table cannot be read: {error}");
    let Some(columns) = rows.next().transpose().map_err(broken)? else { return Ok(String::new()) };
    let mut paragraphs = String::new();
    let mut count = 0_usize;
    for row in rows {
        let row = row.map_err(broken)?;
        let values = record(&columns, &row);
        if !values.is_empty() {
            paragraphs.push_str(&values);
            paragraphs.push_str("\n\n");
            count += 1;
        }
    }
    if count == 0 {
        return Ok(columns.iter().collect::<Vec<_>>().join(", "));
    }
    Ok(paragraphs)
}

fn record(columns: &StringRecord, row: &StringRecord) -> String {
    let named = row.iter().enumerate().filter(|(_, value)| !value.is_empty()).map(|(place, value)| {
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        match columns.get(place).filter(|name| !name.is_empty()) {
            Some(name) => format!("{name}: {value}"),
            None => format!("column {}: {value}", place + 1),
        }
    });
    named.collect::<Vec<_>>().join("; ")
}

/// The delimiter that cuts the first lines into most values.
fn delimiter(text: &str) -> u8 {
    let count = |delimiter: u8| {
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let rows: Vec<usize> =
            reader.records().take(LOOKED_AT).map_while(Result::ok).map(|row| row.len()).collect();
        // A delimiter of the table is in its first row; commas in prose are in some others.
        let columns = rows.first().copied().unwrap_or_default();
        let alike = rows.iter().filter(|row| **row == columns).count();
        if columns < 2 { 0 } else { columns * alike }
    };
    // Of several that cut alike, the first.
    let mut best = (DELIMITERS[0], 0);
    for delimiter in DELIMITERS {
        let cuts = count(*delimiter);
        if cuts > best.1 {
            best = (*delimiter, cuts);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_records_with_their_columns() {
        let text = "Model,Price,Note\nP1,59 dollars,\"quiet, small\"\n\"P2\",99 dollars,\n";
        let expected = "Model: P1; Price: 59 dollars; Note: quiet, small\n\nModel: P2; Price: 99 dollars\n\n";
        assert_eq!(read(text).unwrap(), expected);
    }

    #[test]
    fn uneven_rows_other_delimiters_and_odd_tables_are_read() {
        assert_eq!(read("a;b\n1,5;2;3\n4\n").unwrap(), "a: 1,5; b: 2; column 3: 3\n\na: 4\n\n");
        assert_eq!(read("a\tb\n1\t2").unwrap(), "a: 1; b: 2\n\n");
        assert_eq!(read("only,columns").unwrap(), "only, columns");
        assert_eq!(read("").unwrap(), "");
        assert_eq!(read("\n\n").unwrap(), "");
        assert_eq!(read("a,b\n\"open quote,1\n2").unwrap(), "a: open quote,1 2\n\n");
    }
}
