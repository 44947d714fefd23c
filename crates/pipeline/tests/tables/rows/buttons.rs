//! Push-to-talk and the stop button.
use voce_core::Control::{Interrupt, Press, Release};
use voce_pipeline::Strategy;

use crate::Row;

pub fn buttons() -> Vec<Row> {
    let held = |row: Row| row.rules(|rules| rules.listening.strategy = Strategy::PushToTalk);
    vec![
        held(Row::new(
            "push-to-talk: what is said without the button does not count",
            "200-900 Why?",
            3_000,
            "",
        )),
        held(Row::new(
            "push-to-talk: pauses do not end the turn",
            "300-900 It broke.|2500-3000 Why?",
            7_000,
            r#"open 1 push_to_talk; released none; reply It broke. Why?; sound; close 1 completed "It lasts two
                years.""#,
        ))
        .controls(&[(200, Press), (3_200, Release)]),
        held(Row::new(
            "push-to-talk: a touch is no turn",
            "",
            3_000,
            r#"open 1 push_to_talk; released none; close 1 completed """#,
        ))
        .controls(&[(200, Press), (300, Release)]),
        held(Row::new(
            "push-to-talk stops the bot",
            "300-900 Why?|2100-2700 Stop.",
            7_000,
            r#"open 1 push_to_talk; released none; reply Why?; sound; stop; close 1 interrupted "It"; open 2
                push_to_talk; released none; reply Stop.; sound; close 2 completed "It lasts two years.""#,
        ))
        .controls(&[(200, Press), (1_000, Release), (2_000, Press), (2_800, Release)]),
        Row::new(
            "the button beside the voice",
            "200-900 It broke~|2500-3000 Why?",
            7_000,
            r#"open 1 speech; released none; reply It broke Why?; sound; close 1 completed "It lasts two
                years.""#,
        )
        .controls(&[(500, Press), (3_200, Release)]),
        Row::new(
            "the stop button",
            "200-900 Why?",
            5_000,
            r#"open 1 speech; early Why?; committed none; release; sound; stop; close 1 interrupted "It""#,
        )
        .controls(&[(2_000, Interrupt)]),
        Row::new(
            "the stop button before the sound",
            "200-900 Why?",
            5_000,
            r#"open 1 speech; early Why?; committed none; release; stop; close 1 interrupted """#,
        )
        .controls(&[(1_200, Interrupt)]),
        Row::new("the stop button while nobody speaks", "", 1_000, "").controls(&[(500, Interrupt)]),
    ]
}
