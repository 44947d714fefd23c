//! Runs the real binary, away from the settings and data of whoever runs the tests.
use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// The models of the embedded profile.
pub const EMBEDDED: &[&str] = &[
    "onnxruntime-cpu",
    "silero-vad",
    "smart-turn-v3.2",
    "moonshine-base-en",
    "all-minilm-l6-v2",
    "smollm2-135m-instruct",
    "kokoro-82m-int8",
];

/// A working directory of its own, with a knowledge base in it once documents were ingested.
pub struct Place {
    pub dir: TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    /// The same with the demo documents ingested.
    pub fn with_demo_knowledge() -> Self {
        let place = Self::new();
        let output = place.voce(&["ingest", &repository().join("config/knowledge").display().to_string()]);
        assert!(output.status.success(), "{}", said(&output));
        place
    }

    /// `voce` with these arguments, not started yet; traces go nowhere.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_voce"));
        command
            .current_dir(self.dir.path())
            .args(["--set", &format!("knowledge.path={}", self.dir.path().join("knowledge").display())])
            .args(["--set", "telemetry.enabled=false"])
            // Tests that overload the machine shall not be turned away; those of the door turn it on.
            .args(["--set", "admission.enabled=false"])
            .args(["--set", &format!("telemetry.spool.dir={}", self.dir.path().join("spool").display())])
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    /// Runs `voce` to its end.
    pub fn voce(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("voce runs")
    }
}

/// All that a run printed, for the message of a failed test.
pub fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

/// A recorded question of the test kit.
pub fn question(name: &str) -> PathBuf {
    repository().join("crates/testkit/audio").join(name)
}

/// A recorded question as a microphone would deliver it: 16 kHz.
pub fn microphone(name: &str) -> Vec<f32> {
    let (samples, rate_hz) = voce_audio::read_wav(question(name)).expect("a recorded question");
    voce_audio::resample(&samples, rate_hz, 16_000).expect("a usual rate")
}
