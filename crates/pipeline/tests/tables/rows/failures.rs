//! What fails or hangs.
use crate::{Answer, Hears, Row};

pub fn failures() -> Vec<Row> {
    vec![
        Row::new(
            "an empty transcript is asked for again, twice at most",
            "200-900|5500-6200|11000-11700",
            16_000,
            r#"open 1 speech; committed none; say Sorry, I did not catch that. Could you say it again?; sound;
                close 1 completed "Sorry, I did not catch that. Could you say it again?"; open 2 speech;
                committed none; say Sorry, I did not catch that. Could you say it again?; sound; close 2
                completed "Sorry, I did not catch that. Could you say it again?"; open 3 speech; committed none;
                close 3 completed """#,
        ),
        Row::new(
            "words in between start the count anew",
            "200-900|5500-6200 Why?|11000-11700|16500-17200",
            22_000,
            r#"open 1 speech; committed none; say Sorry, I did not catch that. Could you say it again?; sound;
                close 1 completed "Sorry, I did not catch that. Could you say it again?"; open 2 speech; early
                Why?; committed none; release; sound; close 2 completed "It lasts two years."; open 3 speech;
                committed none; say Sorry, I did not catch that. Could you say it again?; sound; close 3
                completed "Sorry, I did not catch that. Could you say it again?"; open 4 speech; committed none;
                say Sorry, I did not catch that. Could you say it again?; sound; close 4 completed "Sorry, I did
                not catch that. Could you say it again?""#,
        ),
        Row::new(
            "a recogniser that fails",
            "200-900 Why?",
            6_000,
            r#"open 1 speech; committed none; failed: stt: broken; say Sorry, something went wrong on my side.
                Please ask again.; sound; close 1 failed "Sorry, something went wrong on my side. Please ask
                again.""#,
        )
        .hears(Hears::Fails),
        Row::new(
            "a recogniser that never answers",
            "200-900 Why?",
            16_000,
            r#"open 1 speech; committed none; failed: no words of the recogniser within 10s; say Sorry,
                something went wrong on my side. Please ask again.; sound; close 1 failed "Sorry, something went
                wrong on my side. Please ask again.""#,
        )
        .hears(Hears::Never),
        Row::new(
            "a language model that fails",
            "200-900 Why?",
            6_000,
            r#"open 1 speech; early Why?; committed none; release; failed: stage llm: broken; say Sorry,
                something went wrong on my side. Please ask again.; sound; close 1 failed "Sorry, something went
                wrong on my side. Please ask again.""#,
        )
        .answer(Answer::Fails),
        Row::new(
            "a hung language model",
            "200-900 Why?",
            22_000,
            r#"open 1 speech; early Why?; committed none; release; failed: no sound of the answer within 15s;
                say Sorry, something went wrong on my side. Please ask again.; sound; close 1 failed "Sorry,
                something went wrong on my side. Please ask again.""#,
        )
        .answer(Answer::Never),
        Row::new(
            "an answer that breaks off",
            "200-900 Why?",
            18_000,
            r#"open 1 speech; early Why?; committed none; release; sound; failed: the answer broke off: nothing
                more within 10s; say Sorry, something went wrong on my side. Please ask again.; close 1 failed
                "It lasts Sorry, something went wrong on my side. Please ask again.""#,
        )
        .answer(Answer::BreaksOff("It lasts")),
        Row::new(
            "an empty answer",
            "200-900 Why?",
            6_000,
            r#"open 1 speech; early Why?; committed none; release; failed: the answer was empty; say Sorry,
                something went wrong on my side. Please ask again.; sound; close 1 failed "Sorry, something went
                wrong on my side. Please ask again.""#,
        )
        .answer(Answer::Nothing),
        Row::new(
            "hanging up in mid-answer",
            "200-900 Why?",
            4_000,
            r#"open 1 speech; early Why?; committed none; release; sound; stop; close 1 session_closed "It""#,
        )
        .hang_up(2_000),
        Row::new(
            "hanging up in mid-question",
            "200-900 Why?",
            4_000,
            r#"open 1 speech; stop; close 1 session_closed """#,
        )
        .hang_up(700),
    ]
}
