//! How a pull is shown: bars on a terminal, plain lines elsewhere.
use std::{
    io::{IsTerminal, Write},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use crate::error::bytes_in_words;

/// Watches a pull. One download at a time: `begin`, any number of `advance`, `end`.
pub trait Progress: Send + Sync {
    /// Work on `what` begins; of `total` bytes, `done` are there already.
    fn begin(&self, what: &str, total: Option<u64>, done: u64);
    /// `bytes` more are done.
    fn advance(&self, bytes: u64);
    /// The work that began last is over, well or not.
    fn end(&self);
    /// Something worth a line: a file is in place, a source failed and the next is tried.
    fn say(&self, line: &str);
}

/// Bars when standard error is a terminal, else lines.
pub fn progress() -> Box<dyn Progress> {
    if std::io::stderr().is_terminal() { Box::new(Bars::default()) } else { Box::new(Lines::default()) }
}

/// Shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _what: &str, _total: Option<u64>, _done: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn end(&self) {}
    fn say(&self, _line: &str) {}
}

/// Bars on a terminal.
#[derive(Debug, Default)]
pub struct Bars {
    bar: Mutex<Option<ProgressBar>>,
}

impl Bars {
    fn with(&self, act: impl FnOnce(&mut Option<ProgressBar>)) {
        act(&mut self.bar.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Progress for Bars {
    fn begin(&self, what: &str, total: Option<u64>, done: u64) {
        let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new).with_position(done);
        let style = "{msg:48!} {bar:24} {bytes:>10} / {total_bytes:10} {bytes_per_sec:>12} {eta:>4}";
        bar.set_style(ProgressStyle::with_template(style).expect("the template is constant and right"));
        bar.set_message(what.to_owned());
        bar.reset_eta();
        self.with(|slot| *slot = Some(bar));
    }

    fn advance(&self, bytes: u64) {
        self.with(|slot| slot.iter().for_each(|bar| bar.inc(bytes)));
    }

    fn end(&self) {
        self.with(|slot| slot.take().iter().for_each(ProgressBar::finish_and_clear));
    }

    fn say(&self, line: &str) {
        self.with(|slot| match slot {
            Some(bar) => bar.suspend(|| print(line)),
            None => print(line),
        });
    }
}

/// How often a running download is mentioned where there is no terminal.
const EVERY: Duration = Duration::from_secs(10);

/// Plain lines, for logs.
#[derive(Debug, Default)]
pub struct Lines {
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    what: String,
    total: Option<u64>,
    done: u64,
    told: Instant,
}

impl Progress for Lines {
    fn begin(&self, what: &str, total: Option<u64>, done: u64) {
        let size = total.map_or_else(String::new, |total| format!(", {}", bytes_in_words(total)));
        let from = if done > 0 { format!(", from {}", bytes_in_words(done)) } else { String::new() };
        print(&format!("{what}{size}{from}"));
        let running = Running { what: what.to_owned(), total, done, told: Instant::now() };
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
    }

    fn advance(&self, bytes: u64) {
        let mut slot = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(running) = slot.as_mut() else { return };
        running.done += bytes;
        if running.told.elapsed() < EVERY {
            return;
        }
        running.told = Instant::now();
        let of = running.total.map_or_else(String::new, |total| format!(" of {}", bytes_in_words(total)));
        print(&format!("{}: {}{of}", running.what, bytes_in_words(running.done)));
    }

    fn end(&self) {
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn say(&self, line: &str) {
        print(line);
    }
}

// A closed standard error must not end a pull.
fn print(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}
