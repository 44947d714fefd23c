//! A PDF read by a process of its own: pages of a few kilobytes may unpack to more than memory holds, and no parser of
//! ours sees the end of that. The process may have so much memory and time and no more, and nothing to steal.
use std::{
    io::{self, Read, Write},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::process::{Resource, Rlimit, setrlimit};

use super::{guard, pdf};

/// The argument that makes the program one that reads a PDF.
pub const COMMAND: &str = "read-pdf";

/// Address space of the process, bytes: its program, its stack, and what it unpacks.
const MEMORY: u64 = 2 << 30;
/// The longest that a document may take.
const LONGEST: Duration = Duration::from_secs(60);
/// The most text that is taken of a document, bytes.
const MOST_TEXT: u64 = 64 << 20;
/// What of our environment it gets: where its libraries are.
const ENVIRONMENT: [&str; 2] = ["LD_LIBRARY_PATH", "PATH"];

/// Reads a PDF by `program`, which is one that calls [`serve`] when its argument is [`COMMAND`]. Blocking.
pub fn read(program: &Path, bytes: Vec<u8>) -> Result<String, String> {
    let kept = ENVIRONMENT.iter().filter_map(|name| Some((*name, std::env::var_os(name)?)));
    let mut child = Command::new(program)
        .arg(COMMAND)
        .env_clear()
        .envs(kept)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("no process to read it with: {}: {error}", program.display()))?;
    let told = listened(&mut child, bytes, LONGEST);
    // It is over, or takes too long.
    drop(child.kill());
    let status = child.wait().map_err(|error| format!("the process that reads it was lost: {error}"))?;
    let told = told.ok_or_else(|| format!("reading it takes longer than {} s", LONGEST.as_secs()))?;
    serde_json::from_slice::<Result<String, String>>(&told).unwrap_or_else(|_| {
        let most = MEMORY >> 30;
        Err(format!("it is broken, or needs more than {most} GiB of memory to be read (its reader ended with {status})"))
    })
}

/// All that the process says, unless it takes longer than `longest`.
fn listened(child: &mut Child, bytes: Vec<u8>, longest: Duration) -> Option<Vec<u8>> {
    let (mut input, output) = (child.stdin.take()?, child.stdout.take()?);
    let (done, outcome) = mpsc::sync_channel(1);
    let talk = move || {
        // A process that is no more does not read.
        drop(input.write_all(&bytes));
        drop(input);
        let mut told = Vec::new();
        drop(output.take(MOST_TEXT).read_to_end(&mut told));
        drop(done.send(told));
    };
    // It ends with the process, whose pipes it holds.
    thread::Builder::new().name("reader".into()).spawn(talk).ok()?;
    outcome.recv_timeout(longest).ok()
}

/// What the process does: reads a PDF from its standard input, and writes its text, or why there is none.
///
/// # Errors
/// The limits cannot be set, or nobody listens.
pub fn serve() -> io::Result<()> {
    limit(Resource::As, MEMORY)?;
    limit(Resource::Core, 0)?;
    limit(Resource::Cpu, LONGEST.as_secs())?;
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    let text = guard::run(move || pdf::read(&bytes));
    let mut output = io::stdout().lock();
    serde_json::to_writer(&mut output, &text)?;
    output.flush()
}

fn limit(resource: Resource, most: u64) -> io::Result<()> {
    Ok(setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_says_nothing_is_a_reason() {
        for program in ["/bin/false", "/bin/true"] {
            let error = read(Path::new(program), b"%PDF-1.7".to_vec()).unwrap_err();
            assert!(error.contains("2 GiB of memory"), "{error}");
        }
        let error = read(Path::new("/nowhere/voce"), vec![]).unwrap_err();
        assert!(error.contains("no process to read it with"), "{error}");
    }

    #[test]
    fn a_reader_that_never_ends_is_given_up() {
        let mut sleeps = Command::new("/bin/sleep");
        let mut child = sleeps.arg("60").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        assert_eq!(listened(&mut child, vec![0; 1 << 20], Duration::from_millis(1)), None);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
