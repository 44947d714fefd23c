//! `voce judge`.
use std::process::ExitCode;

use anyhow::Result;

use crate::{cli::JudgeArgs, config::Config};

pub async fn run(config: Config, args: JudgeArgs) -> Result<ExitCode> {
    let _ = (config, args);
    todo!()
}
