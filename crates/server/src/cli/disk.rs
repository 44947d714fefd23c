//! What `voce backup` and `voce restore` take.
use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Args)]
#[command(after_help = "Examples:
  voce backup voce-monday.tar.gz
  voce backup voce-monday.tar.gz --live            while voce serve goes on
  voce backup memory.tar.gz --only memory")]
pub struct BackupArgs {
    /// Where it goes; a file that is there already is left alone.
    #[arg(value_name = "FILE.tar.gz")]
    pub file: PathBuf,
    /// Only this; several are possible.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub only: Vec<Kind>,
    /// Also what another process has open, as it is at one moment; tried again for a while if it changes meanwhile.
    #[arg(long)]
    pub live: bool,
}

#[derive(Args)]
#[command(after_help = "Examples:
  voce restore voce-monday.tar.gz --check          only say what is in it, and whether it is whole
  voce restore voce-monday.tar.gz
  voce restore voce-monday.tar.gz --replace")]
pub struct RestoreArgs {
    /// What `voce backup` wrote.
    #[arg(value_name = "FILE.tar.gz")]
    pub file: PathBuf,
    /// Put it in the place of what is there. Without this nothing that is there is touched.
    #[arg(long)]
    pub replace: bool,
    /// Read all of it and change nothing.
    #[arg(long, conflicts_with = "replace")]
    pub check: bool,
}

/// What stands on disk and cannot be fetched again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// The embedded knowledge base.
    Knowledge,
    /// Traces that no sink has taken yet.
    Spool,
    /// What is remembered of callers.
    Memory,
}
