//! One file a command.
mod backup;
mod bench;
mod config;
mod dice;
mod doctor;
mod health;
mod ingest;
mod judge;
mod key;
mod knowledge;
mod memory;
mod models;
mod replay;
mod report;
mod say;
mod serve;
mod simulate;
pub mod talk;
mod tools;
mod transcribe;

use std::process::ExitCode;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    cli::{Cli, Command},
    config::Config,
};

/// Runs the command. An error is printed by `main` and ends with a non-zero code.
pub async fn run(cli: Cli) -> Result<ExitCode> {
    let file = cli.config.with_all_of(std::env::args());
    let config = Config::load(&file)?;
    match cli.command {
        Command::Serve(args) => serve::run(config, args, file).await?,
        Command::Talk(args) => return talk::run(config, args).await,
        Command::Transcribe(args) => transcribe::run(config, args).await?,
        Command::Say(args) => say::run(config, args).await?,
        Command::Models(command) => return models::run(config, command).await,
        Command::Ingest(args) => return ingest::run(config, args).await,
        Command::Knowledge(command) => return knowledge::run(config, command).await,
        Command::Tools(command) => return tools::run(config, command).await,
        Command::Memory(command) => memory::run(config, command).await?,
        Command::Health(args) => return health::run(&config, args).await,
        Command::Backup(args) => backup::backup(config, args).await?,
        Command::Restore(args) => backup::restore(config, args).await?,
        Command::Doctor => return doctor::run(config).await,
        Command::Report(args) => report::run(&config, args).await?,
        Command::Judge(args) => return judge::run(config, args).await,
        Command::Simulate(args) => return simulate::run(config, args).await,
        Command::Replay(args) => return replay::run(config, args).await,
        Command::Key(args) => key::run(&args)?,
        Command::Config => config::run(&config)?,
        Command::Bench(args) => bench::run(config, args).await?,
        Command::ReadPdf => voce_rag::read_pdf()?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Waits for Ctrl-C or the signal that services are ended with.
async fn ended() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
