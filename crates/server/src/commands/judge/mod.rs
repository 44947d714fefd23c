//! `voce judge`.
mod calibrate;
mod settings;

use std::process::ExitCode;

use anyhow::Result;

use crate::{
    cli::{JudgeArgs, JudgeCommand},
    config::Config,
};

pub async fn run(config: Config, args: JudgeArgs) -> Result<ExitCode> {
    match args.command {
        Some(JudgeCommand::Calibrate(args)) => calibrate::run(&config, args).await,
        None => todo!(),
    }
}
