//! What is printed at the end of a run, and what of it is a failure.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering::Relaxed,
};

use crate::{
    model::Did,
    samples::{Sample, Slope, slope},
    tally::Counts,
};

/// Growth that is no leak in a run of half an hour: caches, the allocator, the page's last turns.
const MOST_MIB_PER_HOUR: f64 = 60.0;
const MOST_DESCRIPTORS_PER_HOUR: f64 = 20.0;
/// Shorter runs are too short to tell growth from warming up.
const SHORTEST_MINUTES: f64 = 10.0;

/// All that was found out.
#[derive(Default)]
pub struct Run {
    pub minutes: f64,
    pub samples: Vec<Sample>,
    /// After the last call.
    pub idle: Option<Sample>,
    pub calls_left: usize,
    /// Spans that were given up, or why it is not known.
    pub given_up: Option<Result<u64, String>>,
    /// Turns by how they ended, as the server counts them.
    pub ends: BTreeMap<String, u64>,
    pub in_mlflow: BTreeSet<String>,
}

/// Lines of the server's log that are no mere information.
#[derive(Default)]
pub struct Log {
    /// How often, by level and first words.
    pub lines: BTreeMap<String, u64>,
    pub panics: Vec<String>,
    /// Answers that a deadline of `[patience]` ended: what a machine does that bears less, and no failure of anything.
    pub deadlines: u64,
}

impl Log {
    pub fn read(&mut self, lines: Vec<String>) {
        for line in lines {
            if line.contains("panicked") {
                self.panics.push(line);
            } else if let Some(kind) = kind(&line) {
                *self.lines.entry(kind).or_default() += 1;
                self.deadlines += u64::from(line.contains("reply failed") && line.contains(" within "));
            }
        }
    }
}

/// Level, place and words of a warning or error, without the time; of the fields only the reason.
fn kind(line: &str) -> Option<String> {
    let (level, rest) = ["ERROR ", "WARN "].iter().find_map(|level| {
        let (_, rest) = line.split_once(level)?;
        Some((level.trim(), rest))
    })?;
    let words: Vec<&str> = rest.split_whitespace().take_while(|word| !word.contains('=')).take(14).collect();
    let reason = rest.split_once("reason=").map(|(_, reason)| reason.split_whitespace());
    let reason: Vec<&str> =
        reason.into_iter().flatten().take_while(|word| !word.contains('=')).take(8).collect();
    Some(format!("{level} {} {}", words.join(" "), reason.join(" ")).trim_end().to_owned())
}

impl Run {
    /// One look at the process; tells it, so that who watches sees the run.
    pub fn look(&mut self, sample: Sample) {
        if self.samples.len().is_multiple_of(6) {
            let Sample { seconds, resident_mib, descriptors, threads, tasks, calls, .. } = sample;
            println!(
                "{seconds:>6.0} s: {resident_mib:.0} MiB, {descriptors} descriptors, {threads} threads, {tasks} tasks, {calls} calls"
            );
        }
        self.samples.push(sample);
    }

    /// The server's own count of turns.
    pub fn read_metrics(&mut self, text: &str) {
        for line in text.lines().filter(|line| line.starts_with("voce_turns_total")) {
            let Some((labels, count)) = line.rsplit_once(' ') else { continue };
            let end = labels.split_once("end_reason=\"").and_then(|(_, rest)| rest.split_once('"'));
            let end = end.map_or("none", |(end, _)| end).to_owned();
            *self.ends.entry(end).or_default() += count.parse::<f64>().unwrap_or_default() as u64;
        }
    }

    fn turns(&self) -> u64 {
        self.ends.values().sum()
    }

    fn cores(&self) -> f64 {
        match (self.samples.first(), self.samples.last()) {
            (Some(first), Some(last)) if last.seconds > first.seconds => {
                (last.core_seconds - first.core_seconds) / (last.seconds - first.seconds)
            }
            _ => 0.0,
        }
    }
}

/// Prints all of it; returns what is wrong.
pub fn print(run: &Run, counts: &Counts, did: &Did, log: &Log) -> Vec<String> {
    let mut wrong = vec![];
    println!("\ncallers: {}", listed(&counts.acts));
    println!(
        "the language model: {} requests, asked to fail {} times with 500, {} with 429, {} in mid-stream; slow {} times",
        did.asked.load(Relaxed),
        did.errors.load(Relaxed),
        did.too_many.load(Relaxed),
        did.broken.load(Relaxed),
        did.slow.load(Relaxed),
    );
    println!("turns: {} ended at the server ({})", run.turns(), listed(&run.ends));
    println!("       {} reports came to callers ({})", counts.traces.len(), listed(&counts.ends));
    if let (Some(median), Some(high)) = (counts.wait(50), counts.wait(95)) {
        let late = counts.late_frames as f64 / counts.traces.len().max(1) as f64;
        println!("voice to voice: p50 {median:.2} s, p95 {high:.2} s; {late:.1} late frames a turn");
    }
    if let Some(last) = run.samples.last() {
        println!(
            "the process: {:.2} cores on average, {:.0} MiB at the end, {} descriptors, {} threads",
            run.cores(),
            last.resident_mib,
            last.descriptors,
            last.threads
        );
    }
    if let Some(idle) = run.idle {
        println!(
            "after the last call: {:.0} MiB, {} descriptors, {} threads, {} tasks",
            idle.resident_mib, idle.descriptors, idle.threads, idle.tasks
        );
    }
    for (what, unit, most, slope) in [
        ("memory", "MiB", MOST_MIB_PER_HOUR, slope(&run.samples, |sample| sample.resident_mib)),
        ("descriptors", "", MOST_DESCRIPTORS_PER_HOUR, slope(&run.samples, |sample| sample.descriptors)),
    ] {
        let Some(Slope { per_hour, error_per_hour }) = slope else { continue };
        println!("{what}: {per_hour:+.1} {unit} an hour, give or take {:.1}", error_per_hour * 2.0);
        if run.minutes >= SHORTEST_MINUTES && per_hour - 2.0 * error_per_hour > most {
            wrong.push(format!("{what} grows by {per_hour:.1} {unit} an hour; {most} would be none"));
        }
    }
    println!("log:");
    log.lines.iter().for_each(|(kind, count)| println!("  {count:>5} {kind}"));
    wrong.extend(log.panics.iter().map(|line| format!("a panic: {line}")));
    for (what, count) in &counts.unasked {
        wrong.push(format!("{count} times: {what}"));
    }
    if counts.late > 0 {
        println!("answers that did not come in a minute: {}", counts.late);
    }
    if counts.late * 50 > run.turns() {
        wrong.push(format!("{} of {} answers did not come in a minute", counts.late, run.turns()));
    }
    let failed = run.ends.get("failed").copied().unwrap_or_default();
    println!(
        "failed turns: {failed}, for {} failures that were asked for and {} deadlines that passed",
        did.faults(),
        log.deadlines
    );
    if failed > did.faults() + log.deadlines {
        wrong.push(format!("{failed} turns failed, and the language model only {} times", did.faults()));
    }
    if log.deadlines * 20 > run.turns() {
        let words = "answers missed their deadline: too many turns for this machine, see --seconds-per-turn";
        wrong.push(format!("{} of {} {words}", log.deadlines, run.turns()));
    }
    if run.calls_left > 0 {
        wrong.push(format!("{} calls never ended", run.calls_left));
    }
    match &run.given_up {
        None | Some(Ok(0)) => {}
        Some(Ok(spans)) => wrong.push(format!("{spans} spans were given up")),
        Some(Err(reason)) => wrong.push(reason.clone()),
    }
    let missing = counts.traces.difference(&run.in_mlflow).count();
    println!(
        "traces: {} in MLflow for {} turns; {missing} that callers know of are missing",
        run.in_mlflow.len(),
        run.turns()
    );
    if run.in_mlflow.len() as u64 != run.turns() || missing > 0 {
        wrong.push(format!("{} turns ended and {} traces are in MLflow", run.turns(), run.in_mlflow.len()));
    }
    if run.turns() == 0 {
        wrong.push("no turn ended".to_owned());
    }
    println!(
        "{}",
        if wrong.is_empty() { "all is well".to_owned() } else { format!("WRONG:\n  {}", wrong.join("\n  ")) }
    );
    wrong
}

fn listed<K: std::fmt::Display>(counts: &BTreeMap<K, u64>) -> String {
    let all: Vec<String> = counts.iter().map(|(what, count)| format!("{what} {count}")).collect();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_counted_by_their_words_and_panics_are_kept() {
        let mut log = Log::default();
        let lines = [
            "2026-01-31T12:00:00.000000Z  INFO voce: ready role=stt",
            "2026-01-31T12:00:00.000000Z  WARN voce_pipeline::lines: reply failed error=500 turn=3",
            "2026-01-31T12:00:01.000000Z  WARN voce_pipeline::lines: reply failed error=429 turn=4",
            "2026-01-31T12:00:02.000000Z  WARN voce_pipeline::lines: reply failed turn=5 reason=no sound of the answer within 15s call=a",
            "2026-01-31T12:00:01.000000Z ERROR voce: a defect: the code at this place panicked; its message is at debug level",
        ];
        log.read(lines.map(str::to_owned).to_vec());
        let late = "WARN voce_pipeline::lines: reply failed no sound of the answer within 15s 1";
        assert_eq!(listed(&log.lines), format!("WARN voce_pipeline::lines: reply failed 2, {late}"));
        assert_eq!(log.deadlines, 1);
        assert_eq!(log.panics.len(), 1);
    }

    #[test]
    fn turns_are_summed_over_variants() {
        let mut run = Run::default();
        run.read_metrics(concat!(
            "voce_turns_total{end_reason=\"completed\",variant=\"a\"} 3\n",
            "voce_turns_total{end_reason=\"completed\",variant=\"b\"} 4\n",
            "voce_turns_total{end_reason=\"failed\",variant=\"a\"} 1\n",
            "voce_turns 9\n"
        ));
        assert_eq!((listed(&run.ends).as_str(), run.turns()), ("completed 7, failed 1", 8));
    }
}
