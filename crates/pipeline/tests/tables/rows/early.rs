//! Answers that are begun before the turn is over.
use crate::{Answer, Row};

pub fn early() -> Vec<Row> {
    vec![
        Row::new(
            "a question is answered",
            "200-900 Why?",
            4_000,
            r#"open 1 speech; early Why?; committed none; release; sound; close 1 completed "It lasts two
                years.""#,
        ),
        Row::new(
            "an unsure end: the answer is ready before the wait is over",
            "200-900 It broke~",
            5_000,
            r#"open 1 speech; early It broke; timeout none; release; sound; close 1 completed "It lasts two
                years.""#,
        ),
        Row::new(
            "the caller resumes during early work",
            "200-900 It broke~|1400-2000 yesterday.",
            6_000,
            r#"open 1 speech; early It broke; resumed none; drop; early It broke yesterday.; committed none;
                release; sound; close 1 completed "It lasts two years.""#,
        ),
        Row::new(
            "and resumes twice",
            "200-900 It broke~|1400-2000 yesterday~|2500-3000 at noon.",
            7_000,
            r#"open 1 speech; early It broke; resumed none; drop; early It broke yesterday; resumed none; drop;
                early It broke yesterday at noon.; committed none; release; sound; close 1 completed "It lasts
                two years.""#,
        ),
        Row::new(
            "what breaks off is not answered early",
            "200-900 I want the~",
            5_000,
            r#"open 1 speech; early I want the; timeout open; release; sound; close 1 completed "It lasts two
                years.""#,
        ),
        Row::new(
            "without early answers nothing begins before the end",
            "200-900 It broke~",
            5_000,
            r#"open 1 speech; timeout none; reply It broke; sound; close 1 completed "It lasts two years.""#,
        )
        .rules(|rules| rules.listening.early = false),
        Row::new(
            "the caller goes on before the answer is heard",
            "200-900 How much?|1300-1900 And when?",
            6_000,
            r#"open 1 speech; early How much?; committed none; release; drop; reopened; early How much? And
                when?; committed closed; release; sound; close 1 completed "It lasts two years.""#,
        ),
        Row::new(
            "and after the sound began it is an interruption",
            "200-900 How much?|1900-2500 And when?",
            6_000,
            r#"open 1 speech; early How much?; committed none; release; sound; hold; overlap interruption;
                stop; close 1 interrupted "It"; open 2 speech; early And when?; committed none; release; sound;
                close 2 completed "It lasts two years.""#,
        ),
        Row::new(
            "an early answer that fails is apologised for once the turn is over",
            "200-900 It broke~",
            6_000,
            r#"open 1 speech; early It broke; timeout none; release; failed: stage llm: broken; say Sorry,
                something went wrong on my side. Please ask again.; sound; close 1 failed "Sorry, something went
                wrong on my side. Please ask again.""#,
        )
        .answer(Answer::Fails),
        Row::new(
            "words that come after the end of the turn",
            "200-900 Why?",
            5_000,
            r#"open 1 speech; committed none; reply Why?; sound; close 1 completed "It lasts two years.""#,
        )
        .engines(|engines| engines.transcribe_ms = 600),
        Row::new(
            "guesses prepare the answer while the caller speaks",
            "200-3200 What is the warranty?",
            6_000,
            r#"open 1 speech; prepare What is the warranty?; prepare What is the warranty?; early What is the
                warranty?; committed closed; release; sound; close 1 completed "It lasts two years.""#,
        )
        .rules(|rules| rules.listening.partial_ms = 900),
    ]
}
