//! Speech into the bot's speech.
use crate::{Answer, Row};

pub fn overlaps() -> Vec<Row> {
    vec![
        Row::new(
            "a barge-in",
            "200-900 Why?|2000-2600 Wait, stop.",
            7_000,
            r#"open 1 speech; early Why?; committed none; release; sound; hold; overlap interruption; stop;
                close 1 interrupted "It"; open 2 speech; early Wait, stop.; committed none; release; sound;
                close 2 completed "It lasts two years.""#,
        ),
        Row::new(
            "a barge-in in the first 100 ms of sound",
            "200-900 Why?|1420-2000 Wait, stop.",
            6_000,
            r#"open 1 speech; early Why?; committed none; release; sound; hold; overlap interruption; stop;
                close 1 interrupted ""; open 2 speech; early Wait, stop.; committed none; release; sound; close
                2 completed "It lasts two years.""#,
        ),
        Row::new(
            "a barge-in in the last 100 ms of sound",
            "200-900 Why?|2560-3200 Wait, stop.",
            7_000,
            r#"open 1 speech; early Why?; committed none; release; sound; hold; overlap interruption; stop;
                close 1 interrupted "It lasts two"; open 2 speech; early Wait, stop.; committed none; release;
                sound; close 2 completed "It lasts two years.""#,
        ),
        Row::new(
            "two barge-ins in a row",
            "200-900 Why?|2000-2600 Wait.|4000-4600 No, stop.",
            9_000,
            r#"open 1 speech; early Why?; committed none; release; sound; hold; overlap interruption; stop;
                close 1 interrupted "It"; open 2 speech; early Wait.; committed none; release; sound; hold;
                overlap interruption; stop; close 2 interrupted "It lasts"; open 3 speech; early No, stop.;
                committed none; release; sound; close 3 completed "It lasts two years.""#,
        ),
        Row::new(
            "a long barge-in stops the bot before it ends",
            "200-900 Why?|2000-4000 I did not ask that.",
            9_000,
            r#"open 1 speech; early Why?; committed none; release; sound; hold; overlap interruption; stop;
                close 1 interrupted "It"; open 2 speech; early I did not ask that.; committed none; release;
                sound; close 2 completed "It lasts two years.""#,
        ),
        Row::new(
            "a backchannel",
            "200-900 Why?|2000-2400 Uh-huh.",
            6_000,
            r#"open 1 speech; early Why?; committed none; release; sound; hold; overlap backchannel; continue;
                close 1 completed "It lasts two years.""#,
        ),
        Row::new(
            "two backchannels",
            "200-900 Why?|1700-2000 Yeah.|3000-3300 Okay.",
            7_000,
            r#"open 1 speech; early Why?; committed none; release; sound; hold; overlap backchannel; continue;
                hold; overlap backchannel; continue; close 1 completed "It lasts two years.""#,
        ),
        Row::new(
            "a cough",
            "200-900 Why?|2000-2140",
            6_000,
            r#"open 1 speech; early Why?; committed none; release; sound; hold; overlap noise; continue; close
                1 completed "It lasts two years.""#,
        ),
        Row::new(
            "a long noise without words",
            "200-900 Why?|2000-6000",
            8_000,
            r#"open 1 speech; early Why?; committed none; release; sound; hold; continue; close 1 completed "It
                lasts two years."; open 2 speech; committed none; close 2 completed """#,
        ),
        Row::new(
            "a click holds the bot for a moment only",
            "200-900 Why?|2000-2080",
            6_000,
            r#"open 1 speech; early Why?; committed none; release; sound; hold; overlap noise; continue; close 1 completed
                "It lasts two years.""#,
        ),
        Row::new(
            "the bot's own echo",
            "200-900 Why?|1760-2300 lasts two",
            6_000,
            r#"open 1 speech; early Why?; committed none; release; sound; hold; overlap echo; continue; close 1
                completed "It lasts two years.""#,
        ),
        Row::new(
            "after an echo sound alone does not hold the bot",
            "200-900 Why?|1500-1800 It lasts|2600-2900 two",
            6_000,
            r#"open 1 speech; early Why?; committed none; release; sound; hold; overlap echo; continue; overlap
                echo; close 1 completed "It lasts two years.""#,
        ),
        Row::new(
            "but words stop it",
            "200-900 Why?|1500-1800 It lasts|2400-3000 No.",
            7_000,
            r#"open 1 speech; early Why?; committed none; release; sound; hold; overlap echo; continue; overlap
                interruption; stop; close 1 interrupted "It lasts two"; open 2 speech; early No.; committed
                none; release; sound; close 2 completed "It lasts two years.""#,
        ),
        Row::new(
            "the echo of the last word is no turn",
            "200-900 Why?|2750-3000 years",
            7_000,
            r#"open 1 speech; early Why?; committed none; release; sound; close 1 completed "It lasts two
                years."; open 2 speech; early years; committed none; drop; close 2 completed """#,
        ),
        Row::new(
            "a nod over the last word is no turn",
            "200-900 Why?|2500-2900 Okay.",
            7_000,
            r#"open 1 speech; early Why?; committed none; release; sound; hold; overlap backchannel; continue;
                close 1 completed "It lasts two years.""#,
        ),
        Row::new(
            "a recogniser that never answers lets the bot go on",
            "200-900 Why?|2000-2400 Uh",
            9_000,
            r#"open 1 speech; early Why?; committed none; release; sound; hold; overlap noise; continue; close
                1 completed "It lasts two years.""#,
        )
        .engines(|engines| engines.deaf_from_ms = 2_000),
        Row::new(
            "but not if somebody speaks and speaks",
            "200-900 Why?|2000-5000 Well",
            9_000,
            r#"open 1 speech; early Why?; committed none; release; sound; hold; overlap interruption; stop;
                close 1 interrupted "It"; open 2 speech; committed none"#,
        )
        .engines(|engines| engines.deaf_from_ms = 2_000),
        Row::new(
            "a nod while the bot thinks for long changes nothing",
            "200-900 Why?|4500-4800 Okay.",
            9_000,
            r#"open 1 speech; early Why?; committed none; release; overlap backchannel; sound; close 1
                completed "It lasts two years.""#,
        )
        .engines(|engines| engines.answer_ms = 5_000),
        Row::new(
            "words while the bot thinks for long are a new question",
            "200-900 Why?|4500-4800 Hello?",
            12_000,
            r#"open 1 speech; early Why?; committed none; release; overlap interruption; stop; close 1
                interrupted ""; open 2 speech; early Hello?; committed none; release; sound; close 2 completed
                "It lasts two years.""#,
        )
        .engines(|engines| engines.answer_ms = 5_000),
        Row::new(
            "yes to a question is an answer",
            "200-900 Why?|1700-2000 Yes.",
            6_000,
            r#"open 1 speech; early Why?; committed none; release; sound; hold; overlap interruption; stop;
                close 1 interrupted ""; open 2 speech; early Yes.; committed none; release; sound; close 2
                completed "Do you have the receipt?""#,
        )
        .answer(Answer::Words("Do you have the receipt?")),
        Row::new(
            "interruption by voice can be switched off",
            "200-900 Why?|1600-2000 Stop it.",
            7_000,
            r#"open 1 speech; early Why?; committed none; release; sound; close 1 completed "It lasts two
                years."; open 2 speech; reply Stop it.; sound; close 2 completed "It lasts two years.""#,
        )
        .rules(|rules| rules.interruption.by_voice = false),
    ]
}
