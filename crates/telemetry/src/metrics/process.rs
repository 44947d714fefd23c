//! What the process takes of the machine, under the names that Prometheus's own clients use.
use std::fs;

use super::gauges::{Gauges, Words};

/// The kernel counts processor time for programs in hundredths of a second, on every machine that voce runs on.
const TICKS_PER_SECOND: f64 = 100.0;

pub(super) fn register(gauges: &Gauges) {
    let words = |name, unit, description| Words { name, unit, description, is_counter: false };
    gauges.one(words("process.resident_memory", "By", "Memory of the process that is in RAM."), || {
        status("VmRSS:").map(|kilobytes| kilobytes * 1_024.0)
    });
    gauges.one(words("process.threads", "", "Threads of the process."), || status("Threads:"));
    gauges.one(words("process.open_fds", "", "Open files and sockets of the process."), || {
        Some(fs::read_dir("/proc/self/fd").ok()?.count() as f64)
    });
    gauges.one(words("process.start_time", "s", "When the process began, since 1970."), || {
        Some(boot_seconds()? + stat(19)? / TICKS_PER_SECOND)
    });
    let cpu = Words { is_counter: true, ..words("process.cpu", "s", "Processor time, user and system.") };
    gauges.one(cpu, || Some((stat(11)? + stat(12)?) / TICKS_PER_SECOND));
}

fn status(key: &str) -> Option<f64> {
    line_of("/proc/self/status", key)
}

fn boot_seconds() -> Option<f64> {
    line_of("/proc/stat", "btime")
}

/// The first number of the line that begins with `key`.
fn line_of(file: &str, key: &str) -> Option<f64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A field of `/proc/self/stat`, counted from the one after the program's name, which may hold anything.
fn stat(field: usize) -> Option<f64> {
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    text.rsplit_once(')')?.1.split_whitespace().nth(field)?.parse().ok()
}
