//! Parsers read what strangers wrote. One that panics, overflows its stack or never ends costs its document only.
use std::{sync::mpsc, thread, time::Duration};

/// Threads that read documents are named so; whoever prints panics may want to leave out theirs.
pub const THREAD: &str = "document";

/// Stack of a parser, bytes. It is address space until it is used.
const STACK: usize = 256 << 20;
/// The longest that a document may take.
const LONGEST: Duration = Duration::from_secs(300);
/// Elements inside each other that a document may have. Parsers and the stack bear more, but no document needs it.
pub const DEEPEST: usize = 1_000;

/// Runs `read` on a thread with a large stack. Blocking. A thread that takes too long cannot be stopped: it is left
/// behind and ends with the process.
pub fn run<T, F>(read: F) -> Result<T, String>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, String> + Send + 'static,
{
    run_within(LONGEST, read)
}

fn run_within<T, F>(longest: Duration, read: F) -> Result<T, String>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, String> + Send + 'static,
{
    let (done, outcome) = mpsc::sync_channel(1);
    let work = move || drop(done.send(read()));
    let thread = thread::Builder::new().name(THREAD.into()).stack_size(STACK).spawn(work);
    let thread = thread.map_err(|error| format!("no thread to read it with: {error}"))?;
    match outcome.recv_timeout(longest) {
        Ok(outcome) => outcome,
        Err(mpsc::RecvTimeoutError::Timeout) => {
            Err(format!("reading it takes longer than {} s", longest.as_secs()))
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            let panic = thread.join().err();
            let words = panic.as_ref().and_then(|panic| {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                text.or_else(|| panic.downcast_ref::<&str>().copied())
            });
            let words = words.unwrap_or("no reason given").lines().next().unwrap_or_default();
            Err(format!("it is broken, or of a kind that cannot be read (its parser gave up: {words})"))
        }
    }
}

/// Fails if the elements of `markup` (HTML, XML) stand deeper in each other than [`DEEPEST`]. `is_empty` is told
/// an element's name and whether it is written as `<name/>`, and says whether it holds nothing or needs no end. A lexical estimate, as no parser should see what this refuses.
pub fn check_depth(markup: &str, is_empty: impl Fn(&str, bool) -> bool) -> Result<(), String> {
    let (mut depth, mut rest) = (0_usize, markup);
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end..]);
            continue;
        }
        let is_end = rest.starts_with('/');
        let name = rest.trim_start_matches('/');
        let name = &name[..name.find(|letter: char| !is_of_name(letter)).unwrap_or(name.len())];
        if !name.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            continue;
        }
        let tag = &rest[..rest.find(['<', '>']).unwrap_or(rest.len())];
        let name = name.to_ascii_lowercase();
        if is_empty(&name, tag.ends_with('/')) {
            continue;
        }
        depth = if is_end { depth.saturating_sub(1) } else { depth + 1 };
        if depth > DEEPEST {
            return Err(too_deep());
        }
    }
    Ok(())
}

/// Why a document that is too deep cannot be used.
pub fn too_deep() -> String {
    format!("its elements stand more than {DEEPEST} deep in each other")
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, ':' | '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_and_a_hang_are_reasons() {
        let error = run::<(), _>(|| panic!("index out of bounds")).unwrap_err();
        assert!(error.contains("gave up: index out of bounds"), "{error}");
        let (_held, forever) = mpsc::channel::<()>();
        let error = run_within::<(), _>(Duration::from_millis(1), move || {
            forever.recv().map_err(|error| error.to_string())
        });
        assert!(error.unwrap_err().contains("longer than"));
        assert_eq!(run(|| Ok(1)), Ok(1));
    }

    #[test]
    fn depth_is_counted_without_what_ends_itself() {
        let none = |_: &str, is_closed: bool| is_closed;
        assert!(check_depth(&"<w:p><w:r/></w:p>".repeat(5_000), none).is_ok());
        assert!(check_depth(&"<div>".repeat(DEEPEST + 1), none).is_err());
        assert!(check_depth(&"<br>".repeat(5_000), |name, _| name == "br").is_ok());
        assert!(check_depth(&"1 < 2 <!-- <div> -->".repeat(5_000), none).is_ok());
        assert!(check_depth("<", none).is_ok() && check_depth("</", none).is_ok());
    }
}
