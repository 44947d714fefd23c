//! Who says nothing.
use voce_pipeline::Phrase;

use crate::Row;

pub fn silence() -> Vec<Row> {
    let patient = |row: Row| {
        row.rules(|rules| {
            rules.patience.idle_seconds = 3.0;
            rules.patience.goodbye_seconds = 2.0;
        })
    };
    vec![
        patient(Row::new(
            "an idle caller",
            "",
            20_000,
            r#"open 1 idle; say Are you still there?; sound; close 1 completed "Are you still there?"; open 2
                idle; say I will hang up now. Good bye!; sound; close 2 completed "I will hang up now. Good
                bye!"; hang up"#,
        )),
        patient(Row::new(
            "who answers the prompt",
            "3500-4200 Yes.",
            8_000,
            r#"open 1 idle; say Are you still there?; sound; hold; overlap interruption; stop; close 1
                interrupted "Are"; open 2 speech; early Yes.; committed none; release; sound; close 2 completed
                "It lasts two years.""#,
        )),
        Row::new(
            "a greeting",
            "",
            4_000,
            r#"open 1 greeting; say Hello there.; sound; close 1 completed "Hello there.""#,
        )
        .assistant(|assistant| assistant.greeting = "Hello there.".into()),
        Row::new(
            "a greeting that is interrupted",
            "300-900 Hi, why?",
            4_000,
            r#"open 1 greeting; say Hello, this is the shop.; sound; hold; overlap interruption; stop; close 1
                interrupted ""; open 2 speech; early Hi, why?; committed none; release; sound; close 2 completed
                "It lasts two years.""#,
        )
        .assistant(|assistant| assistant.greeting = "Hello, this is the shop.".into()),
        Row::new(
            "a greeting that cannot be interrupted",
            "300-900 Hi, why?",
            6_000,
            r#"open 1 greeting; say Hello, this is the shop.; sound; close 1 completed "Hello, this is the
                shop."; open 2 speech; reply Hi, why?; sound; close 2 completed "It lasts two years.""#,
        )
        .assistant(|assistant| {
            assistant.greeting = "Hello, this is the shop.".into();
            assistant.uninterruptible = vec![Phrase::Greeting];
        }),
    ]
}
