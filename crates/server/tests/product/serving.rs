//! A running `voce serve`.
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::harness::Place;

/// Loading all models on a busy machine takes a while.
const STARTS_WITHIN: Duration = Duration::from_secs(120);

/// Ends with the test.
pub struct Server {
    child: Child,
    /// The address of the page and its API.
    pub url: String,
    lines: mpsc::Receiver<String>,
}

impl Server {
    /// Starts `voce serve` on a free port and waits until it takes calls.
    pub fn start(place: &Place, arguments: &[&str]) -> Self {
        Self::start_in(place, &[], arguments)
    }

    /// As [`Server::start`], with these environment variables.
    #[expect(
        clippy::zombie_processes,
        reason = "Drop waits for it; one that does not start ends the test run"
    )]
    pub fn start_in(place: &Place, variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut all = vec!["serve", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        let mut command = place.command(&all);
        command.envs(variables.iter().copied());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("voce starts");
        let (sender, lines) = mpsc::sync_channel(10_000);
        let outputs: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().expect("piped")), Box::new(child.stderr.take().expect("piped"))];
        for output in outputs {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.try_send(line).is_err() {
                        break;
                    }
                }
            });
        }
        let mut before = vec![];
        loop {
            let line = lines.recv_timeout(STARTS_WITHIN);
            let line = line.unwrap_or_else(|_| panic!("voce did not start: {}", before.join("\n")));
            if let Some(url) = line.strip_prefix("voce listens on ") {
                return Self { child, url: url.trim().to_owned(), lines };
            }
            before.push(line);
        }
    }

    /// Ends it by SIGKILL: it has no say in it.
    pub fn kill(mut self) {
        self.child.kill().expect("a running voce");
        self.child.wait().expect("a child of ours");
    }

    /// Sends it a signal by name: TERM, HUP.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(sent.expect("kill runs").success(), "a running voce");
    }

    /// How it ended, once it has; it must within this time.
    pub async fn ended(mut self, within: Duration) -> ExitStatus {
        let end = tokio::time::Instant::now() + within;
        let mut said = vec![];
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                return status;
            }
            said.extend(self.said());
            assert!(tokio::time::Instant::now() < end, "voce goes on: {said:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until it prints a line that holds `words`; gives that line.
    pub async fn says(&self, words: &str, within: Duration) -> String {
        let end = tokio::time::Instant::now() + within;
        let mut before = vec![];
        loop {
            match self.lines.try_recv() {
                Ok(line) if line.contains(words) => return line,
                Ok(line) => before.push(line),
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
            assert!(tokio::time::Instant::now() < end, "voce never said {words:?}: {before:#?}");
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed since it was started or asked last.
    pub fn said(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
