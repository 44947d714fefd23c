//! `voce judge`: scores the turns that stand in MLflow, and says how that goes.
mod calibrate;
mod run;
mod settings;
mod setup;
mod status;

use std::process::ExitCode;

use anyhow::Result;
use tokio_util::sync::CancellationToken;

pub use run::{beside_calls, register};
pub use settings::effective;
pub use status::reach;

use crate::{
    cli::{JudgeArgs, JudgeCommand},
    config::Config,
};

pub async fn run(config: Config, args: JudgeArgs) -> Result<ExitCode> {
    match args.command {
        Some(JudgeCommand::Calibrate(args)) => calibrate::run(&config, args).await,
        None if args.status => status::run(&config, args.json).await,
        None if args.retry => retry(&config).await,
        None => run::run(config, args.once).await,
    }
}

/// Lets turns that were put aside wait again; the next worker takes them.
async fn retry(config: &Config) -> Result<ExitCode> {
    let setup = setup::Setup::new(config)?;
    let retried = setup.worker(CancellationToken::new())?.retry().await?;
    println!("{retried} turns wait again");
    Ok(ExitCode::SUCCESS)
}
