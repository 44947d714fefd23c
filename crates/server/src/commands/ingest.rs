//! `voce ingest`: documents into the knowledge base.
use std::process::ExitCode;

use anyhow::Result;
use voce_models::Store;
use voce_rag::{Outcome, Progress};

use crate::{cli::IngestArgs, config::Config};

/// Fails if a file was left out, after all the others are done.
pub async fn run(config: Config, args: IngestArgs) -> Result<ExitCode> {
    let store = Store::open(&config.models)?;
    let summary =
        voce_rag::ingest(&config.knowledge, &store, &args.paths, |progress| show(&progress)).await?;
    if let Some(model) = &summary.emptied_of {
        println!("the knowledge base was made with {model}; it was emptied and must be filled again");
    }
    for failure in &summary.failed {
        eprintln!("voce: {}: left out: {}", failure.path.display(), failure.reason);
    }
    println!(
        "{} files new, {} changed, {} as before, {} left out; {} chunks in {}",
        summary.added,
        summary.replaced,
        summary.unchanged,
        summary.failed.len(),
        summary.chunks_in_all,
        summary.place
    );
    Ok(if summary.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(progress: &Progress) {
    let outcome = match &progress.outcome {
        Outcome::Added(chunks) => format!("{chunks} chunks"),
        Outcome::Replaced(chunks) => format!("replaced by {chunks} chunks"),
        Outcome::Unchanged => "as before".to_owned(),
        Outcome::Failed(_) => "left out".to_owned(),
    };
    println!("[{}/{}] {}: {outcome}", progress.done, progress.total, progress.path.display());
}
