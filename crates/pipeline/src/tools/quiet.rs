//! Whether anything of an answer sounds, or is on its way to the ear: a filler is for silence only.
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use voce_core::Line;

/// Written by the stages behind the language model, read where a tool is waited for.
#[derive(Default)]
pub struct Quiet {
    voice: watch::Sender<Voice>,
    filler: Mutex<Filler>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Voice {
    /// Lines that are cut and not yet turned into sound entirely.
    lines: usize,
    /// Whether there is sound that was not sent to the ear yet.
    sounds: bool,
}

#[derive(Default)]
struct Filler {
    line: Option<Line>,
    /// Whether the next silence is a tool's.
    expected: bool,
}

impl Quiet {
    /// Another answer begins.
    pub fn reset(&self) {
        self.voice.send_replace(Voice::default());
        *self.filler.lock() = Filler::default();
    }

    /// A line waits to be spoken.
    pub fn line_waits(&self) {
        self.voice.send_modify(|voice| voice.lines += 1);
    }

    /// A line was turned into sound.
    pub fn line_spoken(&self) {
        self.voice.send_modify(|voice| voice.lines = voice.lines.saturating_sub(1));
    }

    /// There is sound for the ear, or there is none.
    pub fn sounds(&self, sounds: bool) {
        self.voice.send_if_modified(|voice| std::mem::replace(&mut voice.sounds, sounds) != sounds);
    }

    /// Waits until it was quiet for `length`, beginning now at the earliest.
    pub async fn lasts(&self, length: Duration) {
        let mut voice = self.voice.subscribe();
        loop {
            let quiet = *voice.borrow_and_update() == Voice::default();
            tokio::select! {
                () = tokio::time::sleep(length), if quiet => return,
                changed = voice.changed() => if changed.is_err() { return },
            }
        }
    }

    /// A tool is waited for: the next silence is not the machine's fault.
    pub fn expect(&self) {
        self.filler.lock().expected = true;
    }

    /// Whether this silence was a tool's; says so once.
    pub fn was_expected(&self) -> bool {
        std::mem::take(&mut self.filler.lock().expected)
    }

    /// `line` covers a silence.
    pub fn fill(&self, line: &Line) {
        self.line_waits();
        let mut filler = self.filler.lock();
        (filler.line, filler.expected) = (Some(line.clone()), true);
    }

    /// Whether `line` is the one that covers a silence.
    pub fn is_filler(&self, line: &Line) -> bool {
        self.filler.lock().line.as_ref() == Some(line)
    }
}
