//! Covering slow answers.
use crate::Row;

pub fn fillers() -> Vec<Row> {
    let slow = |row: Row| {
        row.rules(|rules| rules.patience.filler_ms = 500).engines(|engines| engines.answer_ms = 2_500)
    };
    vec![
        slow(Row::new(
            "a slow answer is covered, but not twice in a row",
            "200-900 Why?|7000-7700 How?|14000-14700 When?",
            20_000,
            r#"open 1 speech; early Why?; committed none; release; fill Let me see.; sound; close 1 completed
                "Let me see. It lasts two years."; open 2 speech; early How?; committed none; release; sound;
                close 2 completed "It lasts two years."; open 3 speech; early When?; committed none; release;
                fill One moment.; sound; close 3 completed "One moment. It lasts two years.""#,
        )),
        slow(Row::new(
            "a filler can be interrupted",
            "200-900 Why?|1900-2500 Never mind.",
            8_000,
            r#"open 1 speech; early Why?; committed none; release; fill Let me see.; sound; hold; overlap
                interruption; stop; close 1 interrupted ""; open 2 speech; early Never mind.; committed none;
                release; sound; close 2 completed "It lasts two years.""#,
        )),
        Row::new(
            "a quick answer is not covered",
            "200-900 Why?",
            4_000,
            r#"open 1 speech; early Why?; committed none; release; sound; close 1 completed "It lasts two
                years.""#,
        )
        .rules(|rules| rules.patience.filler_ms = 500),
    ]
}
