//! `voce simulate`.
use std::process::ExitCode;

use anyhow::Result;

use crate::{cli::SimulateArgs, config::Config};

pub async fn run(config: Config, args: SimulateArgs) -> Result<ExitCode> {
    let _ = (config, args);
    todo!()
}
