//! Markup within a line: emphasis, code, links, images, tags, entities. One construct at a time, from its first
//! character; `Wait` until enough of it is there.
use super::{address, marks};

/// Characters after which an open bracket, backtick or tag is taken for itself.
const LONGEST_CONSTRUCT: usize = 300;
/// The same for the address of a link.
const LONGEST_ADDRESS: usize = 2_000;

/// What stands before the construct.
pub struct Context<'a> {
    /// The last character that was spoken on this line.
    pub last: Option<char>,
    /// Whether a space follows it.
    pub space: bool,
    /// The token under construction.
    pub token: &'a str,
}

impl Context<'_> {
    /// The character directly before, a space if there is one.
    pub fn before(&self) -> char {
        self.last.filter(|_| !self.space).unwrap_or(' ')
    }

    /// Whether the token under construction is an address.
    pub fn in_address(&self) -> bool {
        !self.space && (self.token.contains("://") || self.token.contains("www.") || self.token.contains('@'))
    }
}

/// What the pending text begins with; `length` is what it takes of it, in bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// More text is needed.
    Wait,
    /// A plain character.
    Character { length: usize, character: char },
    /// Plain text.
    Text { length: usize, text: String },
    /// Markup without words.
    Nothing(usize),
    /// The end of a line of the source.
    Newline(usize),
    /// A tag that ends a line to the ear.
    LineEnd(usize),
    /// A link or image.
    Link { length: usize, text: String, url: String, is_spoken: bool },
    /// A link whose address stands elsewhere, under `id`.
    Reference { length: usize, text: String, id: String },
    /// Where the address of references stands.
    Definition { length: usize, id: String, url: String },
    /// A mark that names passages by their numbers.
    Citation { length: usize, numbers: Vec<usize> },
    /// A tag whose content is not for the ear, up to a closing tag.
    Silent { length: usize, until: String },
}

/// Finds what `text`, which is not empty, begins with.
pub fn find(text: &str, context: &Context, is_end: bool) -> Found {
    let Some(first) = text.chars().next() else { return Found::Wait };
    if let Some(found) = address::bare(text, context, is_end) {
        return found;
    }
    match first {
        '\n' => Found::Newline(1),
        '\\' => escape(text, is_end),
        '*' | '_' | '~' => emphasis(text, first, context, is_end),
        '`' => code(text, is_end),
        '[' => link(text, context, is_end),
        '【' => lenticular(text, is_end),
        '!' => image(text, is_end),
        '<' => tag(text, context, is_end),
        '&' => entity(text, is_end),
        _ => literal(text),
    }
}

fn literal(text: &str) -> Found {
    match text.chars().next() {
        Some(character) => Found::Character { length: character.len_utf8(), character },
        None => Found::Wait,
    }
}

/// Waits while more may come, else takes the first character for itself.
fn wait_or_literal(text: &str, limit: usize, is_end: bool) -> Found {
    if is_end || text.len() > limit || text.contains("\n\n") { literal(text) } else { Found::Wait }
}

fn escape(text: &str, is_end: bool) -> Found {
    match text[1..].chars().next() {
        None if !is_end => Found::Wait,
        Some('\n') => Found::LineEnd(1),
        Some(character) if character.is_ascii_punctuation() => Found::Character { length: 2, character },
        _ => literal(text),
    }
}

fn emphasis(text: &str, mark: char, context: &Context, is_end: bool) -> Found {
    let run = text.len() - text.trim_start_matches(mark).len();
    let Some(after) = text[run..].chars().next().or(is_end.then_some(' ')) else { return Found::Wait };
    let before = context.before();
    let between_words = before.is_alphanumeric() && after.is_alphanumeric();
    let keeps = match mark {
        '_' => context.in_address() || between_words,
        '*' if context.in_address() => between_words,
        '*' => run == 1 && ((before == ' ' && after == ' ') || (before.is_numeric() && after.is_numeric())),
        _ => run == 1,
    };
    if keeps { Found::Text { length: run, text: text[..run].to_owned() } } else { Found::Nothing(run) }
}

fn code(text: &str, is_end: bool) -> Found {
    let run = text.len() - text.trim_start_matches('`').len();
    let mut from = run;
    while let Some(at) = text[from..].find('`').map(|at| from + at) {
        let closing = text[at..].len() - text[at..].trim_start_matches('`').len();
        let is_whole = is_end || at + closing < text.len();
        if closing == run && is_whole {
            return Found::Text { length: at + run, text: spoken_code(&text[run..at]) };
        }
        if !is_whole {
            return Found::Wait;
        }
        from = at + closing;
    }
    // A backtick that nothing closes is not worth saying.
    match wait_or_literal(text, LONGEST_CONSTRUCT, is_end) {
        Found::Wait => Found::Wait,
        _ => Found::Nothing(run),
    }
}

/// `max_tokens()` as somebody would read it out.
fn spoken_code(code: &str) -> String {
    code.trim().replace('_', " ").replace("()", "").replace('\n', " ")
}

fn image(text: &str, is_end: bool) -> Found {
    match text[1..].chars().next() {
        None if !is_end => Found::Wait,
        Some('[') => match bracketed(&text[1..], is_end) {
            Found::Wait => Found::Wait,
            Found::Link { length, text, url, .. } => {
                Found::Link { length: length + 1, text, url, is_spoken: false }
            }
            // What stands for a picture is not spoken.
            Found::Reference { length, .. } => Found::Nothing(length + 1),
            _ => literal(text),
        },
        _ => literal(text),
    }
}

fn link(text: &str, context: &Context, is_end: bool) -> Found {
    match bracketed(text, is_end) {
        // "[id]: address" stands on a line of its own.
        Found::Definition { .. } if context.last.is_some() && !context.space => literal(text),
        found => found,
    }
}

/// "[text](address)", "[text][id]", "[1]", "[id]: address", or a bracket.
fn bracketed(text: &str, is_end: bool) -> Found {
    let Some(close) = closing(text, '[', ']') else {
        return wait_or_literal(text, LONGEST_CONSTRUCT, is_end);
    };
    let (inside, behind) = (&text[1..close], &text[close + 1..]);
    match behind.chars().next() {
        None if !is_end => Found::Wait,
        Some('(') => {
            let Some(end) = closing(behind, '(', ')') else {
                return wait_or_literal(text, close + LONGEST_ADDRESS, is_end);
            };
            let url = behind[1..end].split_whitespace().next().unwrap_or_default();
            let url = url.trim_start_matches('<').trim_end_matches('>').to_owned();
            Found::Link { length: close + end + 2, text: inside.to_owned(), url, is_spoken: true }
        }
        Some('[') => match closing(behind, '[', ']') {
            // "[1][2]" are two marks.
            Some(_) if let Some(numbers) = marks::numbers(inside) => {
                Found::Citation { length: close + 1, numbers }
            }
            Some(end) => Found::Reference {
                length: close + end + 2,
                text: inside.to_owned(),
                id: behind[1..end].to_owned(),
            },
            None => wait_or_literal(text, close + LONGEST_CONSTRUCT, is_end),
        },
        Some(':') if !inside.contains(' ') && behind[1..].trim_start().starts_with("http") => {
            let length = match behind.find('\n') {
                Some(at) => close + 1 + at,
                None if is_end => text.len(),
                None => return wait_or_literal(text, close + LONGEST_ADDRESS, is_end),
            };
            let url = text[close + 2..length].split_whitespace().next().unwrap_or_default().to_owned();
            Found::Definition { length, id: inside.to_owned(), url }
        }
        Some(':') if !is_end && "http".starts_with(behind[1..].trim_start()) => Found::Wait,
        _ => match marks::numbers(inside) {
            Some(numbers) => Found::Citation { length: close + 1, numbers },
            None => literal(text),
        },
    }
}

/// "【1†source】", as some models mark what they cite.
fn lenticular(text: &str, is_end: bool) -> Found {
    let open = '【'.len_utf8();
    match text.find('】') {
        Some(at) => Found::Citation { length: at + open, numbers: marks::lenticular(&text[open..at]) },
        None => wait_or_literal(text, LONGEST_CONSTRUCT, is_end),
    }
}

/// The byte offset of the bracket that closes the one `text` begins with.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    let (mut depth, mut escaped) = (0, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == open => depth += 1,
            c if c == close => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

/// Tags that begin or end a line to the ear.
const LINE_TAGS: &[&str] = &[
    "br",
    "p",
    "div",
    "li",
    "ul",
    "ol",
    "tr",
    "table",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "blockquote",
    "section",
    "article",
    "pre",
    "dt",
    "dd",
    "summary",
    "details",
];
/// Tags within a line.
const WORD_TAGS: &[&str] = &[
    "a", "b", "i", "u", "s", "em", "strong", "code", "span", "sub", "sup", "small", "mark", "del", "ins",
    "td", "th", "thead", "tbody", "kbd", "img", "font", "center", "abbr", "q", "cite", "var", "samp", "tt",
    "html", "body", "head", "label", "video", "audio", "source", "svg", "path", "input", "button",
];
/// Tags whose content nobody should hear; models put their thinking between such.
const SILENT_TAGS: &[&str] = &["think", "thinking", "script", "style", "title"];

fn tag(text: &str, context: &Context, is_end: bool) -> Found {
    if text.starts_with("<!--") {
        return match text.find("-->") {
            Some(at) => Found::Nothing(at + 3),
            None => wait_or_literal(text, LONGEST_ADDRESS, is_end),
        };
    }
    let inside = &text[1..];
    let begins_tag = match inside.chars().next() {
        None if !is_end => return Found::Wait,
        None => false,
        Some(first) => first.is_ascii_alphabetic() || first == '/' || (first == '!' && !is_end),
    };
    let Some(end) = inside.find(['>', '\n', '<']) else {
        return if begins_tag { wait_or_literal(text, LONGEST_CONSTRUCT, is_end) } else { literal(text) };
    };
    if !begins_tag || !inside[end..].starts_with('>') {
        return literal(text);
    }
    let (inside, length) = (&inside[..end], end + 2);
    if inside.contains("://") || (inside.contains('@') && !inside.contains(' ')) {
        let text = inside.trim_start_matches("mailto:").to_owned();
        return Found::Link { length, url: inside.to_owned(), text, is_spoken: true };
    }
    let is_closing = inside.starts_with('/');
    let name = inside.trim_start_matches(['/', '!']).split([' ', '/']).next().unwrap_or_default();
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        name if SILENT_TAGS.contains(&name) && !is_closing => {
            Found::Silent { length, until: format!("</{name}>") }
        }
        name if LINE_TAGS.contains(&name) => Found::LineEnd(length),
        name if WORD_TAGS.contains(&name) || is_closing => Found::Nothing(length),
        // "Vec<String>" keeps its sign, "<your name>" is words in brackets.
        _ if context.before().is_alphanumeric() => literal(text),
        _ => Found::Text { length, text: inside.to_owned() },
    }
}

fn entity(text: &str, is_end: bool) -> Found {
    let Some(end) = text.find(|c: char| c != '&' && c != '#' && !c.is_ascii_alphanumeric()) else {
        return wait_or_literal(text, 10, is_end);
    };
    if !text[end..].starts_with(';') {
        return literal(text);
    }
    let character = match &text[1..end] {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" | "ensp" | "emsp" | "thinsp" => Some(' '),
        "mdash" => Some('—'),
        "ndash" => Some('–'),
        "hellip" => Some('…'),
        "euro" => Some('€'),
        "pound" => Some('£'),
        "deg" => Some('°'),
        "rsquo" => Some('’'),
        "lsquo" => Some('‘'),
        "rdquo" => Some('”'),
        "ldquo" => Some('“'),
        "times" => Some('×'),
        name => name.strip_prefix('#').and_then(code_point),
    };
    match character {
        Some(character) => Found::Text { length: end + 1, text: character.to_string() },
        None => literal(text),
    }
}

fn code_point(number: &str) -> Option<char> {
    let value = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    value.ok().and_then(char::from_u32)
}
