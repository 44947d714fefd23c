//! `voce ingest`: documents into the knowledge base.
use std::{io::IsTerminal, process::ExitCode};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use voce_models::Store;
use voce_rag::{Outcome, Progress, Request, Step, Summary};

use crate::{cli::IngestArgs, config::Config};

/// Fails if a file was left out, after all the others are done.
pub async fn run(config: Config, args: IngestArgs) -> Result<ExitCode> {
    let store = Store::open(&config.models)?;
    let request = Request {
        names: args.names,
        tags: args.tags.into_iter().collect(),
        prune: args.prune,
        dry_run: args.dry_run,
        allow_private: args.allow_private,
        reader: std::env::current_exe().ok(),
    };
    keep_quiet_about_broken_documents();
    let mut shown = Shown::new();
    let summary = voce_rag::ingest_with(&config.knowledge, &store, &request, |step| shown.step(step)).await?;
    shown.end();
    tell(&summary, request.dry_run);
    Ok(if summary.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A parser that gives up is told of as the reason why its document was left out.
fn keep_quiet_about_broken_documents() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(voce_rag::DOCUMENT_THREAD) {
            usual(panic);
        }
    }));
}

fn tell(summary: &Summary, is_dry: bool) {
    if let Some(model) = &summary.emptied_of {
        let tense = if is_dry { "would be" } else { "was" };
        println!("the knowledge base was made with {model}; it {tense} emptied and must be filled again");
    }
    for source in &summary.removed {
        println!("{source}: {}", if is_dry { "would be removed" } else { "removed" });
    }
    for failure in &summary.failed {
        eprintln!("voce: {}: left out: {}", failure.path.display(), failure.reason);
    }
    let removed = match summary.removed.len() {
        0 => String::new(),
        count => format!(", {count} removed"),
    };
    println!(
        "{}{} files new, {} changed, {} as before{removed}, {} left out; {} chunks in {}",
        if is_dry { "nothing was written; it would be: " } else { "" },
        summary.added,
        summary.replaced,
        summary.unchanged,
        summary.failed.len(),
        summary.chunks_in_all,
        summary.place
    );
}

/// A bar where somebody watches, else a line for each file.
enum Shown {
    Lines,
    Bar { bar: ProgressBar, chunks: usize },
}

impl Shown {
    fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::Lines;
        }
        let bar = ProgressBar::new(0);
        let style =
            ProgressStyle::with_template("{bar:30} {pos}/{len} files, {prefix} chunks, {elapsed} {wide_msg}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        bar.set_prefix("0");
        bar.set_message("loading the embedding model");
        Self::Bar { bar, chunks: 0 }
    }

    fn step(&mut self, step: Step) {
        match (self, step) {
            (Self::Lines, Step::Done(progress)) => println!("{}", line(&progress)),
            (Self::Lines, Step::Begun(_) | Step::Embedded(_)) => {}
            (Self::Bar { bar, .. }, Step::Begun(files)) => {
                bar.set_length(files as u64);
                bar.set_message("");
            }
            (Self::Bar { bar, chunks }, Step::Embedded(more)) => {
                *chunks += more;
                bar.set_prefix(chunks.to_string());
            }
            (Self::Bar { bar, .. }, Step::Done(progress)) => {
                bar.set_message(progress.path.display().to_string());
                bar.inc(1);
            }
        }
    }

    fn end(self) {
        if let Self::Bar { bar, .. } = self {
            bar.finish_and_clear();
        }
    }
}

fn line(progress: &Progress) -> String {
    let outcome = match &progress.outcome {
        Outcome::Added(chunks) => format!("{chunks} chunks"),
        Outcome::Replaced(chunks) => format!("replaced by {chunks} chunks"),
        Outcome::Unchanged => "as before".to_owned(),
        Outcome::Failed(_) => "left out".to_owned(),
    };
    format!("[{}/{}] {}: {outcome}", progress.done, progress.total, progress.path.display())
}
