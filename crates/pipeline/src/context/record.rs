//! What was said, as a text that a language model is asked about.
use crate::{Exchange, tools::shortened};

/// Characters of what a tool said.
const LONGEST_RESULT: usize = 200;

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
        for called in exchange.calls.iter().filter(|called| called.has_effects && !called.is_running) {
            let (call, result) = (&called.step.call, &called.step.result);
            line("Done", &format!("{} {}: {}", call.name, call.arguments, shortened(result, LONGEST_RESULT)));
        }
        line("Assistant", &exchange.heard);
    }
    record
}
