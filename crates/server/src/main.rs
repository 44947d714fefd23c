//! The voce binary: an outline. What each command does stands in `commands/`.
mod cli;
mod commands;
mod config;
mod engines;
mod feedback;
mod http;
mod inspector;
mod memory;
mod metrics;
mod old_audio;
mod variants;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    // One TLS provider for the process; the libraries below are built without one of their own.
    rustls::crypto::ring::default_provider().install_default().ok();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| {
            let outcome = runtime.block_on(commands::run(cli));
            // A model that is still computing for a call that is gone must not hold up the exit.
            runtime.shutdown_background();
            outcome
        });
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("voce: {error:#}");
            ExitCode::FAILURE
        }
    }
}
