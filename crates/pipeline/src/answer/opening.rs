//! Where plain text turns into the JSON form of an answer: what may still become its beginning is kept back.

/// The keys of the object.
pub const KEYS: [&str; 3] = ["spoke_response", "code_blocks", "links"];
/// Characters, nearly all of them white space, that may stand before the first key.
const LONGEST: usize = 10_000;

/// Characters that may become the beginning of an object.
#[derive(Debug, Default)]
pub struct Opening {
    pending: String,
    /// Whether the pending characters began where the answer did.
    at_start: bool,
    /// Where the object begins in them, once it is sure that one does.
    object_at: usize,
    /// The last character that was released, since a fence stands at the start of a line.
    last: Option<char>,
}

enum Verdict {
    /// An object begins at this byte.
    Object(usize),
    Maybe,
    No,
}

impl Opening {
    /// Takes one character. Gives what is plain text after all, and whether an object has begun; then [`Opening::take`]
    /// has it. `is_start` says whether nothing came before.
    pub fn push(&mut self, character: char, is_start: &mut bool) -> (String, bool) {
        let mut released = String::new();
        self.pending.push(character);
        loop {
            let Some(first) = self.pending.chars().next() else { return (released, false) };
            let first_of_line = *is_start || self.last.is_none_or(|last| last == '\n');
            if first == '{' || (first == '`' && first_of_line) {
                match verdict(&self.pending, *is_start) {
                    Verdict::Maybe => {
                        self.at_start = *is_start;
                        return (released, false);
                    }
                    Verdict::Object(at) => {
                        self.object_at = at;
                        return (released, true);
                    }
                    Verdict::No => {}
                }
            }
            // A mark of byte order says nothing, as white space does not.
            *is_start &= first.is_whitespace() || first == '\u{feff}';
            self.last = Some(first);
            released.push(first);
            self.pending.drain(..first.len_utf8());
        }
    }

    /// The fence in front of the object that has begun, if it stands in one, and as much of it as is there.
    pub fn take(&mut self) -> (String, String) {
        let object = self.pending.split_off(self.object_at);
        (std::mem::take(&mut self.pending), object)
    }

    /// What of the pending characters is plain text, now that no more come. The beginning of an object is not: `{` at
    /// the start of an answer, or `{"` anywhere.
    pub fn at_end(&self) -> &str {
        let is_object = match self.pending.find('{') {
            Some(at) => self.at_start || self.pending[at..].contains('"'),
            None => self.at_start && self.pending.starts_with("```"),
        };
        if is_object { "" } else { &self.pending }
    }
}

fn verdict(text: &str, is_start: bool) -> Verdict {
    if text.len() > LONGEST {
        return Verdict::No;
    }
    let object = match unfenced(text) {
        Ok(object) => object,
        Err(verdict) => return verdict,
    };
    let at = text.len() - object.len();
    // At the end of the text anything may follow.
    let Some(inside) = object.strip_prefix('{') else { return maybe(object.is_empty()) };
    let Some(key) = inside.trim_start().strip_prefix('"') else { return maybe(inside.trim().is_empty()) };
    // No answer in words begins like this, so its keys may come in any order, and others before them.
    if is_start {
        return Verdict::Object(at);
    }
    let spoken = KEYS[0];
    let Some(behind) = key.strip_prefix(spoken) else { return maybe(spoken.starts_with(key)) };
    let Some(behind) = behind.strip_prefix('"') else { return maybe(behind.is_empty()) };
    match behind.trim_start().chars().next() {
        Some(':') => Verdict::Object(at),
        Some(_) => Verdict::No,
        None => Verdict::Maybe,
    }
}

fn maybe(is_open: bool) -> Verdict {
    if is_open { Verdict::Maybe } else { Verdict::No }
}

/// What stands behind the fence that `text` may begin with.
fn unfenced(text: &str) -> Result<&str, Verdict> {
    if !text.starts_with('`') {
        return Ok(text);
    }
    let Some(language) = text.strip_prefix("```") else { return Err(maybe("```".starts_with(text))) };
    let inside = language.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
    let inside = inside.trim_start_matches([' ', '\t', '\r']);
    match inside.chars().next() {
        None => Err(Verdict::Maybe),
        Some('\n') => Ok(inside.trim_start()),
        // On the fence's own line.
        Some('{') => Ok(inside),
        Some(_) => Err(Verdict::No),
    }
}
