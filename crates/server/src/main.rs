//! The voce binary: an outline. What each command does stands in `commands/`.
mod access;
mod admission;
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
mod secrets;
mod variants;

use std::process::ExitCode;

use clap::Parser;

/// candle hands every sum over a large tensor to one pool of the process, whose threads wait by spinning and which serves one
/// caller at a time. Embeddings have threads of their own: without that pool two of them ingest twice as fast.
#[expect(unsafe_code, reason = "no other thread is there yet that could read the environment meanwhile")]
fn keep_candle_out_of_its_pool() {
    const THREADS: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(THREADS).is_none() {
        // SAFETY: this is the first thing that the program does.
        unsafe { std::env::set_var(THREADS, "1") };
    }
}

fn main() -> ExitCode {
    keep_candle_out_of_its_pool();
    let cli = cli::Cli::parse();
    if matches!(cli.command, cli::Command::ReadPdf) {
        // Without configuration and threads: each thread takes address space, of which this process has little.
        return code(voce_rag::read_pdf().map(|()| ExitCode::SUCCESS).map_err(anyhow::Error::from));
    }
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
    code(outcome)
}

/// The exit code of an outcome, whose error is printed.
fn code(outcome: anyhow::Result<ExitCode>) -> ExitCode {
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("voce: {error:#}");
            ExitCode::FAILURE
        }
    }
}
