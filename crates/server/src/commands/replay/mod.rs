//! `voce replay`.
use std::process::ExitCode;

use anyhow::Result;

use crate::{cli::ReplayArgs, config::Config};

pub async fn run(config: Config, args: ReplayArgs) -> Result<ExitCode> {
    let _ = (config, args);
    todo!()
}
