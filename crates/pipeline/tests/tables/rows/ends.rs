//! When a turn is over.
use crate::Row;

pub fn ends() -> Vec<Row> {
    vec![
        Row::new("a click is no turn", "200-260", 2_000, ""),
        Row::new(
            "an end-of-turn model that fails leaves it to patience",
            "200-900 Why?",
            5_000,
            r#"open 1 speech; early Why?; timeout none; release; sound; close 1 completed "It lasts two years.""#,
        )
        .engines(|engines| engines.end_of_turn_fails = true),
        Row::new(
            "a trailing and",
            "200-900 It broke and~",
            6_000,
            r#"open 1 speech; early It broke and; timeout open; release; sound; close 1 completed "It lasts two
                years.""#,
        ),
        Row::new(
            "half a number",
            "200-900 five five five",
            6_000,
            r#"open 1 speech; early five five five; committed open; release; sound; close 1 completed "It lasts
                two years.""#,
        ),
        Row::new(
            "a whole question with an unsure melody",
            "200-900 What is the price?~",
            5_000,
            r#"open 1 speech; early What is the price?; timeout closed; release; sound; close 1 completed "It
                lasts two years.""#,
        ),
        Row::new(
            "a turn of 60 s",
            "200-60000 A story.",
            64_000,
            r#"open 1 speech; early A story.; committed none; release; sound; close 1 completed "It lasts two
                years.""#,
        ),
        Row::new(
            "an endless speaker is answered, and heard again after a pause",
            "200-5000 A story.|6500-7000 Well?",
            10_000,
            r#"open 1 speech; too_long none; reply A story.; sound; close 1 completed "It lasts two years.";
                open 2 speech; early Well?; committed open; release; sound; close 2 completed "It lasts two
                years.""#,
        )
        .rules(|rules| rules.listening.longest_turn_seconds = 3),
        Row::new(
            "two turns",
            "200-900 Why?|4500-5000 How?",
            9_000,
            r#"open 1 speech; early Why?; committed none; release; sound; close 1 completed "It lasts two
                years."; open 2 speech; early How?; committed none; release; sound; close 2 completed "It lasts
                two years.""#,
        ),
    ]
}
