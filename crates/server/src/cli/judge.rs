//! `voce judge`: its arguments.
use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  voce judge                  score turns as they come, beside any other voce that does; SIGTERM ends it
  voce judge --once           score what waits, then end
  voce judge --status         what waits, what was scored, what was put aside and why
  voce judge --retry          let the turns that were put aside wait again"
)]
pub struct JudgeArgs {
    /// Another task than judging.
    #[command(subcommand)]
    pub command: Option<JudgeCommand>,
    /// Score the turns that wait, then end; with 1 if some had to be put aside.
    #[arg(long)]
    pub once: bool,
    /// Say what waits, what was scored, what was put aside and why, and whether the model answers.
    #[arg(long, conflicts_with_all = ["once", "retry"])]
    pub status: bool,
    /// With --status: as JSON.
    #[arg(long, requires = "status")]
    pub json: bool,
    /// Let the turns that were put aside wait again.
    #[arg(long, conflicts_with = "once")]
    pub retry: bool,
}

#[derive(Subcommand)]
pub enum JudgeCommand {
    /// Compare the judge with people.
    Calibrate(CalibrateArgs),
}

#[derive(Args)]
#[command(after_help = "Examples:
  voce judge calibrate config/judges/calibration.jsonl --set judge.base_url=http://127.0.0.1:8000/v1 --set judge.model=qwen3
  voce judge calibrate scored-by-us.jsonl --threshold 0.4
  voce judge calibrate --from-mlflow --since 30d --json")]
pub struct CalibrateArgs {
    /// Turns with the scores that people gave them, one JSON object a line: question, answer, passages, history,
    /// scores, note.
    #[arg(
        value_name = "FILE.jsonl",
        required_unless_present = "from_mlflow",
        conflicts_with = "from_mlflow"
    )]
    pub file: Option<PathBuf>,
    /// Compare the scores of people and judges that stand in MLflow; no model is asked.
    #[arg(long)]
    pub from_mlflow: bool,
    /// With --from-mlflow, how far back to look: a number with s, m, h or d.
    #[arg(long, default_value = "7d", value_name = "TIME")]
    pub since: String,
    /// End with code 1 if the weighted kappa of a metric is below this, or undefined.
    #[arg(long, value_name = "KAPPA", allow_negative_numbers = true)]
    pub threshold: Option<f64>,
    /// Print JSON in place of the table.
    #[arg(long)]
    pub json: bool,
}
