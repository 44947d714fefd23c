//! What was said, as a text that a language model is asked about.
use crate::Exchange;

/// The exchanges as a play is written. A line break within what was said would look like another speaker.
pub fn of<'a>(exchanges: impl IntoIterator<Item = &'a Exchange>) -> String {
    let mut record = String::new();
    let mut line = |who: &str, said: &str| {
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        if !said.is_empty() {
            record += &format!("{who}: {said}\n");
        }
    };
    for exchange in exchanges {
        line("Caller", &exchange.question);
        line("Assistant", &exchange.heard);
    }
    record
}
